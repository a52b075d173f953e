//! Judges a run of `keyreeve exec`: the intended credential was sent to the intended origin, or keyreeve refused and named
//! the place, or nothing was sent because there is no login. Everything else is an exception.

use super::way::Way;

/// The host that renews a login.
const LOGIN_ORIGIN: &str = "https://platform.claude.com";

/// Exit codes of keyreeve for a refusal: no usable credential, policy, and its own failure.
const REFUSAL_CODES: [i32; 3] = [4, 8, 125];

/// Start of the line in which keyreeve states who pays, before it starts the client.
const ANNOUNCEMENT: &str = "keyreeve: ";

/// Start of a virtual key, which only keyreeve's gateway may receive.
pub(super) const VIRTUAL_KEY: &str = "krv_";

/// The part of a request that contains a credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RequestPart {
    /// The header `x-api-key`.
    ApiKey,
    /// The header `authorization`, as a bearer token.
    Authorization,
    /// Another header, the target or the body.
    Elsewhere,
}

/// A credential in a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Carried {
    pub(super) part: RequestPart,
    /// The value without its scheme.
    pub(super) value: String,
}

/// A received request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Received {
    /// The origin that received it.
    pub(super) to: String,
    pub(super) path: String,
    pub(super) is_billed: bool,
    pub(super) credentials: Vec<Carried>,
}

/// A run of `keyreeve exec`.
#[derive(Clone, Debug, Default)]
pub(super) struct ExecRun {
    pub(super) requests: Vec<Received>,
    /// `None` if it timed out or was ended by a signal.
    pub(super) exit: Option<i32>,
    /// Standard output and standard error.
    pub(super) output: String,
}

/// The credential that must be sent, and what else the world has.
#[derive(Clone, Debug)]
pub(super) struct Intent {
    pub(super) way: Way,
    /// The only origin that may receive the credential.
    pub(super) origin: String,
    /// The accepted values; those of every login of the world for `--native`.
    pub(super) values: Vec<String>,
    /// The refresh tokens of the logins, which may be sent to their own host.
    pub(super) refresh_tokens: Vec<String>,
    /// The files, variables and arguments that a refusal may name.
    pub(super) places: Vec<String>,
    /// The names of the planted values, each with the value.
    pub(super) names: Vec<(String, String)>,
}

/// A right outcome of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ExecOutcome {
    /// The client started and sent the intended credential.
    Started,
    /// Keyreeve refused and named the place.
    Refused,
    /// The client itself refused to start and named the place, such as a damaged file or a wrong argument.
    ClientRefused,
    /// The client sent nothing, because there is no login.
    NothingSent,
}

/// Kind of an exception. Ordered by importance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum ExceptionKind {
    /// The intended credential, or a virtual key, reached another origin.
    WrongOrigin,
    /// Another credential was sent.
    OtherCredential,
    /// The intended credential was sent in another part of the request.
    WrongPart,
    /// A billed request had no credential.
    NoCredential,
    /// Keyreeve refused and did not name the place.
    UnnamedRefusal,
    /// The client sent nothing although the credential exists.
    NotSent,
    /// The check itself failed.
    Failed,
}

/// A wrong outcome of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Exception {
    pub(super) kind: ExceptionKind,
    pub(super) text: String,
}

/// Judges a run.
///
/// # Errors
/// The most important exception.
pub(super) fn judge(intent: &Intent, run: &ExecRun) -> Result<ExecOutcome, Exception> {
    let found = run
        .requests
        .iter()
        .flat_map(|request| exceptions(intent, request));
    if let Some(exception) = found.min_by_key(|exception| exception.kind) {
        return Err(exception);
    }
    if let Some(refusal) = refusal(run) {
        return if is_place_named(intent, refusal) {
            Ok(ExecOutcome::Refused)
        } else {
            let text = format!("exit {:?}: {refusal}", run.exit);
            Err(Exception::new(ExceptionKind::UnnamedRefusal, text))
        };
    }
    if run.requests.iter().any(|request| request.is_billed) {
        return Ok(ExecOutcome::Started);
    }
    if intent.values.is_empty() {
        return Ok(ExecOutcome::NothingSent);
    }
    if is_client_refusal(intent, run) {
        return Ok(ExecOutcome::ClientRefused);
    }
    let output = client_output(run);
    let text = format!("exit {:?}: {}", run.exit, output.last().unwrap_or(&""));
    Err(Exception::new(ExceptionKind::NotSent, text))
}

fn exceptions(intent: &Intent, request: &Received) -> Vec<Exception> {
    let carried = request.credentials.iter();
    let mut found: Vec<Exception> = carried
        .filter_map(|carried| Some((kind(intent, request, carried)?, carried)))
        .map(|(kind, carried)| Exception::new(kind, describe(intent, request, carried)))
        .collect();
    if request.is_billed && request.credentials.is_empty() {
        let text = format!("nothing to {}{}", request.to, request.path);
        found.push(Exception::new(ExceptionKind::NoCredential, text));
    }
    found
}

/// Returns the kind of exception that a credential in a request is, or `None` if it is right.
fn kind(intent: &Intent, request: &Received, carried: &Carried) -> Option<ExceptionKind> {
    if intent.refresh_tokens.contains(&carried.value) {
        let is_renewal = request.to == LOGIN_ORIGIN && carried.part == RequestPart::Elsewhere;
        return (!is_renewal).then_some(ExceptionKind::WrongOrigin);
    }
    if carried.value.contains(VIRTUAL_KEY) {
        return Some(ExceptionKind::WrongOrigin);
    }
    if !intent.values.contains(&carried.value) {
        let contains_it = |value: &String| carried.value.contains(value.as_str());
        let leaks = request.to != intent.origin && intent.values.iter().any(contains_it);
        return Some(if leaks {
            ExceptionKind::WrongOrigin
        } else {
            ExceptionKind::OtherCredential
        });
    }
    if request.to != intent.origin {
        return Some(ExceptionKind::WrongOrigin);
    }
    (carried.part != required_part(intent.way)).then_some(ExceptionKind::WrongPart)
}

/// Returns the part of a request that must contain the credential.
fn required_part(way: Way) -> RequestPart {
    match way {
        Way::Native | Way::SetupToken => RequestPart::Authorization,
        Way::Profile | Way::Gateway => RequestPart::ApiKey,
    }
}

fn describe(intent: &Intent, request: &Received, carried: &Carried) -> String {
    let planted = intent.names.iter();
    let mut names: Vec<&str> = planted
        .filter(|(_, value)| carried.value.contains(value.as_str()))
        .map(|(name, _)| name.as_str())
        .collect();
    names.dedup();
    let name = if names.is_empty() {
        format!("unknown {:?}", carried.value)
    } else {
        names.join(" or ")
    };
    let (part, to, path) = (carried.part, &request.to, &request.path);
    format!("{name} as {part:?} to {to}{path}")
}

/// Returns keyreeve's error message, or `None` if keyreeve did not refuse.
fn refusal(run: &ExecRun) -> Option<&str> {
    let is_refusal = run.exit.is_some_and(|code| REFUSAL_CODES.contains(&code));
    let start = run.output.find("error: ")?;
    is_refusal.then(|| &run.output[start..])
}

/// Returns `true` if the client itself did not start, and named a place.
fn is_client_refusal(intent: &Intent, run: &ExecRun) -> bool {
    let has_started = run.output.contains(ANNOUNCEMENT);
    has_started
        && run.exit == Some(1)
        && run.requests.is_empty()
        && is_place_named(intent, &client_output(run).join("\n"))
}

/// Returns the lines of the client's output, without those of keyreeve, which have a label.
fn client_output(run: &ExecRun) -> Vec<&str> {
    let is_of_client = |line: &&str| {
        let is_of_keyreeve = line.starts_with(ANNOUNCEMENT) || line.starts_with("note:");
        !line.trim().is_empty() && !is_of_keyreeve
    };
    run.output.lines().filter(is_of_client).collect()
}

/// Returns `true` if the reason of a refusal names a place of the world, or that there is no login.
fn is_place_named(intent: &Intent, refusal: &str) -> bool {
    let is_reason = |line: &&str| !line.starts_with("fix:") && !line.starts_with("docs:");
    let reason: Vec<&str> = refusal.lines().filter(is_reason).collect();
    let reason = reason.join("\n");
    let has_no_login = intent.way == Way::Native && reason.contains("has no login here");
    has_no_login
        || intent
            .places
            .iter()
            .any(|place| reason.contains(place.as_str()))
}

impl Exception {
    /// Creates an exception whose text is one line.
    pub(super) fn new(kind: ExceptionKind, text: impl AsRef<str>) -> Self {
        Self {
            kind,
            text: text.as_ref().trim().replace('\n', " "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VENDOR: &str = "https://api.anthropic.com";

    fn intent(way: Way) -> Intent {
        Intent {
            way,
            origin: VENDOR.to_owned(),
            values: vec!["intended".to_owned()],
            refresh_tokens: vec!["refresh".to_owned()],
            places: vec!["/scene/settings.json".to_owned()],
            names: vec![("user:apiKeyHelper".to_owned(), "other".to_owned())],
        }
    }

    fn request(to: &str, part: RequestPart, value: &str) -> Received {
        Received {
            to: to.to_owned(),
            path: "/v1/messages".to_owned(),
            is_billed: true,
            credentials: vec![Carried {
                part,
                value: value.to_owned(),
            }],
        }
    }

    fn run(exit: i32, output: &str, requests: &[Received]) -> ExecRun {
        ExecRun {
            requests: requests.to_vec(),
            exit: Some(exit),
            output: output.to_owned(),
        }
    }

    fn kind_of(way: Way, requests: &[Received]) -> Option<ExceptionKind> {
        let judged = judge(&intent(way), &run(0, "", requests));
        judged.err().map(|exception| exception.kind)
    }

    #[test]
    fn only_the_intended_credential_may_be_sent() {
        use RequestPart::{ApiKey, Authorization, Elsewhere};
        let right = || request(VENDOR, ApiKey, "intended");
        for (requests, expected) in [
            (vec![right()], None),
            (
                vec![right(), request("http://other", ApiKey, "intended")],
                Some(ExceptionKind::WrongOrigin),
            ),
            (
                vec![request("http://other", Elsewhere, "Bearer intended")],
                Some(ExceptionKind::WrongOrigin),
            ),
            (
                vec![request(VENDOR, Authorization, "krv_1")],
                Some(ExceptionKind::WrongOrigin),
            ),
            (
                vec![right(), request(VENDOR, Authorization, "other")],
                Some(ExceptionKind::OtherCredential),
            ),
            (
                vec![request("http://other", ApiKey, "other")],
                Some(ExceptionKind::OtherCredential),
            ),
            (
                vec![request(VENDOR, Authorization, "intended")],
                Some(ExceptionKind::WrongPart),
            ),
            (vec![], Some(ExceptionKind::NotSent)),
        ] {
            assert_eq!(kind_of(Way::Profile, &requests), expected, "{requests:?}");
        }
    }

    #[test]
    fn gravest_exception_is_reported() {
        let requests = [
            request(VENDOR, RequestPart::ApiKey, "other"),
            request("http://other", RequestPart::ApiKey, "intended"),
        ];
        let exception = judge(&intent(Way::Profile), &run(0, "", &requests)).unwrap_err();
        assert_eq!(exception.kind, ExceptionKind::WrongOrigin);
        let other = judge(&intent(Way::Profile), &run(0, "", &requests[..1])).unwrap_err();
        assert_eq!(
            other.text,
            "user:apiKeyHelper as ApiKey to https://api.anthropic.com/v1/messages"
        );
    }

    #[test]
    fn login_is_renewed_at_its_own_host_only() {
        let renewal = |to| Received {
            is_billed: false,
            ..request(to, RequestPart::Elsewhere, "refresh")
        };
        let paid = || request(VENDOR, RequestPart::Authorization, "intended");
        assert_eq!(kind_of(Way::Native, &[renewal(LOGIN_ORIGIN), paid()]), None);
        let elsewhere = [renewal("http://other"), paid()];
        assert_eq!(
            kind_of(Way::Native, &elsewhere),
            Some(ExceptionKind::WrongOrigin)
        );
    }

    #[test]
    fn billed_request_needs_a_credential() {
        let mut request = request(VENDOR, RequestPart::ApiKey, "intended");
        request.credentials.clear();
        assert_eq!(
            kind_of(Way::Profile, std::slice::from_ref(&request)),
            Some(ExceptionKind::NoCredential)
        );
        request.is_billed = false;
        assert_eq!(
            kind_of(Way::Profile, &[request]),
            Some(ExceptionKind::NotSent)
        );
    }

    #[test]
    fn refusal_names_the_place_and_sends_nothing() {
        let named = "error: /scene/settings.json:2 sets env.A\nfix: keyreeve status\n";
        let unnamed = "error: something\nfix: cat /scene/settings.json\n";
        let judged = |exit, output, requests: &[Received]| {
            let judged = judge(&intent(Way::Profile), &run(exit, output, requests));
            judged.map_err(|exception| exception.kind)
        };
        assert_eq!(judged(8, named, &[]), Ok(ExecOutcome::Refused));
        assert_eq!(judged(8, unnamed, &[]), Err(ExceptionKind::UnnamedRefusal));
        assert_eq!(judged(1, named, &[]), Err(ExceptionKind::NotSent));
        let sent = request(VENDOR, RequestPart::ApiKey, "other");
        assert_eq!(
            judged(8, named, &[sent]),
            Err(ExceptionKind::OtherCredential)
        );
    }

    #[test]
    fn client_may_refuse_a_place_by_itself() {
        let judged = |output| judge(&intent(Way::Profile), &run(1, output, &[]));
        let pays = "keyreeve: ANTHROPIC_API_KEY pays (metered) for claude\n";
        let refused = format!("{pays}Fix the JSON in /scene/settings.json");
        assert_eq!(judged(&refused), Ok(ExecOutcome::ClientRefused));
        for output in ["Fix the JSON in /scene/settings.json", pays] {
            assert_eq!(judged(output).unwrap_err().kind, ExceptionKind::NotSent);
        }
    }

    #[test]
    fn nothing_is_sent_only_without_a_login() {
        let mut intent = intent(Way::Native);
        let silent = run(1, "Not logged in", &[]);
        assert_eq!(
            judge(&intent, &silent).unwrap_err().kind,
            ExceptionKind::NotSent
        );
        intent.values.clear();
        assert_eq!(judge(&intent, &silent), Ok(ExecOutcome::NothingSent));
        let refused = run(4, "error: Claude Code has no login here", &[]);
        assert_eq!(judge(&intent, &refused), Ok(ExecOutcome::Refused));
    }
}
