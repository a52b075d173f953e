//! What is wrong with the credentials that variables hold, in the environment and in Claude Code's settings
//! (docs/facts.md#claude-code).

use crate::claude_code::SettingsState;
use crate::resolve::{Client, Header, Method, PayerClass, Place, Resolution, State};
use crate::snapshot::Snapshot;
use crate::token::{Family, redact};

use super::assignment::CREDENTIALS;
use super::urls::leads_elsewhere;
use super::{Code, Finding, Mend, Spot, shown};

/// A variable that is set, and where.
pub(super) struct Held<'a> {
    pub(super) name: &'a str,
    pub(super) spot: Spot,
    pub(super) text: &'a str,
    /// Whether it is a settings file that sets it.
    pub(super) file: Option<&'a str>,
}

/// Every place that sets one of these variables.
pub(super) fn held<'a>(snapshot: &'a Snapshot, names: &[&'a str]) -> Vec<Held<'a>> {
    let mut all = Vec::new();
    for name in names {
        if let Some(text) = snapshot.environment.get(name) {
            all.push(Held {
                name,
                spot: Spot::variable(name),
                text,
                file: None,
            });
        }
        for file in &snapshot.settings {
            if let SettingsState::Read(settings) = &file.state
                && let Some(setting) = settings.variable(name)
            {
                all.push(Held {
                    name,
                    spot: Spot::line(&file.path, setting.line),
                    text: setting.value.judge(),
                    file: Some(&file.path),
                });
            }
        }
    }
    all
}

impl Held<'_> {
    /// What takes it away where it is.
    pub(super) fn taken_away(&self) -> Mend {
        match self.file {
            None => Mend::unset(self.name),
            Some(path) => Mend::words(format!("remove env.{} from {}", self.name, shown(path))),
        }
    }

    /// The variable and its value, but for most of that.
    fn told(&self) -> String {
        format!("{} ({})", self.name, redact(self.text.trim()))
    }
}

pub(super) fn findings(snapshot: &Snapshot, resolutions: &[Resolution]) -> Vec<Finding> {
    let moved = leads_elsewhere(snapshot);
    let mut found = Vec::new();
    for held in held(snapshot, &CREDENTIALS) {
        found.extend(written(&held).or_else(|| kind(&held, moved)));
    }
    found.extend(beside_profile(snapshot));
    found.extend(header(snapshot));
    for resolution in resolutions {
        found.extend(login_outranked(resolution));
        found.extend(two_credentials(resolution));
        found.extend(unsendable(resolution));
    }
    found
}

/// How the value is written.
fn written(held: &Held<'_>) -> Option<Finding> {
    let text = held.text.trim();
    let name = held.name;
    let finding =
        |code, sentence, mend| Some(Finding::new(code, held.spot.clone(), sentence, mend));
    if text.is_empty() {
        let sentence = format!(
            "{name} is set to nothing: it counts as not set, but hides what a weaker place sets"
        );
        // In a settings file that is how a variable is switched off.
        return match held.file {
            None => finding(Code::Blank, sentence, held.taken_away()),
            Some(_) => None,
        };
    }
    if text.starts_with(['"', '\'', '\u{201c}', '\u{2018}']) || text.ends_with(['"', '\'']) {
        let sentence = format!("{name} has quotes in its value, and they are sent with it");
        let mend = Mend::words(format!("set {name} again without the quotes"));
        return finding(Code::Quoted, sentence, mend);
    }
    let word = text.get(..7).unwrap_or_default();
    if word.eq_ignore_ascii_case("bearer ") {
        let sentence =
            format!("{name} begins with `Bearer `, which the client puts there by itself");
        let mend = Mend::words(format!("set {name} to the token alone"));
        return finding(Code::BearerInValue, sentence, mend);
    }
    None
}

/// Whether the value is of the kind that belongs there.
fn kind(held: &Held<'_>, moved: bool) -> Option<Finding> {
    let family = Family::of(held.text.trim());
    let told = held.told();
    if let Some(what) = useless(family, moved) {
        return Some(Finding::new(
            Code::WrongKind,
            held.spot.clone(),
            format!("{told} is {what}"),
            held.taken_away(),
        ));
    }
    let (code, what, instead) = match (held.name, family) {
        ("ANTHROPIC_API_KEY", Family::OauthAccess) => (
            Code::OauthAsApiKey,
            "an OAuth token: sent as an API key it is refused",
            "CLAUDE_CODE_OAUTH_TOKEN",
        ),
        ("ANTHROPIC_AUTH_TOKEN", Family::OauthAccess) if !moved => (
            Code::OauthAsAuthToken,
            "an OAuth token: Claude Code sends it without the beta value that the API wants with it",
            "CLAUDE_CODE_OAUTH_TOKEN",
        ),
        ("CLAUDE_CODE_OAUTH_TOKEN", Family::ApiKey) => (
            Code::KeyAsOauthToken,
            "an API key: it would be sent as an OAuth token",
            "ANTHROPIC_API_KEY",
        ),
        ("ANTHROPIC_API_KEY", Family::VirtualKey | Family::Opaque | Family::OtherVendor)
            if moved =>
        {
            (
                Code::GatewayKeyAsApiKey,
                "a gateway's key: as an API key it also goes to the vendor's own host, on calls that pass the gateway by",
                "ANTHROPIC_AUTH_TOKEN",
            )
        }
        _ => return None,
    };
    let mend = Mend::words(format!("set {instead} to it instead of {}", held.name));
    let sentence = format!("{told} is {what}");
    Some(Finding::new(code, held.spot.clone(), sentence, mend))
}

/// What a credential is that can ask no model from any of these variables.
fn useless(family: Family, moved: bool) -> Option<&'static str> {
    match family {
        Family::AdminKey => Some("a key of the Admin API, which cannot ask a model"),
        Family::OauthRefresh => Some("a refresh token, which is never sent as a credential"),
        Family::ClaudeSession => {
            Some("the cookie of a web session, which is no credential of the API")
        }
        Family::WorkToken | Family::AdminVirtualKey => Some("no credential that asks models"),
        Family::OtherVendor if !moved => Some("another vendor's key"),
        Family::VirtualKey if !moved => {
            Some("a virtual key of keyreeve, and no base URL leads to its gateway")
        }
        Family::ApiKey
        | Family::OauthAccess
        | Family::UnknownAnthropic
        | Family::VirtualKey
        | Family::OtherVendor
        | Family::Opaque => None,
    }
}

fn beside_profile(snapshot: &Snapshot) -> Option<Finding> {
    let environment = &snapshot.environment;
    let filled = |name: &&str| {
        environment
            .get(name)
            .is_some_and(|text| !text.trim().is_empty())
    };
    let profile = environment.get("ANTHROPIC_PROFILE")?.trim();
    let stronger = CREDENTIALS.iter().find(|name| filled(name))?;
    (!profile.is_empty()).then(|| {
        Finding::new(
            Code::ProfileBesideToken,
            Spot::variable("ANTHROPIC_PROFILE"),
            format!("ANTHROPIC_PROFILE names `{profile}`, but {stronger} outranks any profile"),
            Mend::unset(stronger),
        )
    })
}

fn header(snapshot: &Snapshot) -> Vec<Finding> {
    let carries = |text: &str| {
        text.lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, _)| name.trim().to_ascii_lowercase())
            .find(|name| name == "authorization" || name == "x-api-key")
    };
    held(snapshot, &["ANTHROPIC_CUSTOM_HEADERS"])
        .iter()
        .filter_map(|held| {
            let header = carries(held.text)?;
            Some(Finding::new(
                Code::CredentialHeader,
                held.spot.clone(),
                format!("ANTHROPIC_CUSTOM_HEADERS adds `{header}` to every request, beside the credential chosen otherwise"),
                held.taken_away(),
            ))
        })
        .collect()
}

/// A login that is passed over. Where a plan pays all the same, or a gateway that somebody set up, nothing is wrong.
fn login_outranked(resolution: &Resolution) -> Option<Finding> {
    match resolution.payer.class {
        PayerClass::OrganizationCredit | PayerClass::Conflict | PayerClass::Unknown => {}
        PayerClass::Plan | PayerClass::Cloud | PayerClass::Gateway | PayerClass::Nobody => {
            return None;
        }
    }
    let login = resolution
        .shadowed()
        .find(|rung| rung.method == Method::Login)?;
    let winner = resolution
        .slot(Header::XApiKey)
        .or_else(|| resolution.slot(Header::Authorization))?;
    let hint = winner.hint.as_deref().unwrap_or("a value not known yet");
    let sentence = format!(
        "{} ({hint}) outranks {}: {} pays for {}",
        winner.place,
        login.place,
        resolution.payer.class.words(),
        resolution.client
    );
    let mend = match &winner.place {
        Place::Variable { name } => Mend::unset(name),
        Place::Setting { path, key, .. } => {
            Mend::words(format!("remove {key} from {}", shown(path)))
        }
        Place::Login { .. }
        | Place::SdkProfile { .. }
        | Place::Federation
        | Place::Profile { .. } => Mend::Run("keyreeve status".to_owned()),
    };
    Some(Finding::new(
        Code::LoginOutranked,
        Spot::of(&winner.place),
        sentence,
        mend,
    ))
}

fn two_credentials(resolution: &Resolution) -> Option<Finding> {
    let key = resolution.slot(Header::XApiKey)?;
    let bearer = resolution.slot(Header::Authorization)?;
    if key.place == bearer.place {
        return None;
    }
    let sentence = format!(
        "{} would send {} as x-api-key and {} as authorization in one request, and the API decides who pays",
        resolution.client, key.place, bearer.place
    );
    let mend = match &key.place {
        Place::Variable { name } => Mend::unset(name),
        Place::Setting { .. }
        | Place::Login { .. }
        | Place::SdkProfile { .. }
        | Place::Federation
        | Place::Profile { .. } => Mend::words(format!(
            "take one of the two away: {} or {}",
            key.place, bearer.place
        )),
    };
    Some(Finding::new(
        Code::TwoCredentials,
        Spot::of(&key.place),
        sentence,
        mend,
    ))
}

/// A rung at which a client fails. Damaged logins and profiles have findings of their own.
fn unsendable(resolution: &Resolution) -> Vec<Finding> {
    let broken = resolution
        .rungs
        .iter()
        .filter_map(|rung| match rung.method {
            Method::ApiKey
            | Method::AuthToken
            | Method::OauthToken
            | Method::CustomHeader
            | Method::CloudKey
            | Method::Federation => match &rung.state {
                State::Broken(flaw) => Some((rung, flaw)),
                State::Taken { .. }
                | State::On
                | State::Off
                | State::Shadowed { .. }
                | State::NotRead { .. }
                | State::Absent
                | State::Empty => None,
            },
            Method::Cloud
            | Method::Helper
            | Method::SdkProfile
            | Method::Login
            | Method::Profile => None,
        });
    let client: Client = resolution.client;
    broken
        .map(|(rung, flaw)| {
            Finding::new(
                Code::Unsendable,
                Spot::of(&rung.place),
                format!("{client} cannot send {}: {flaw}", rung.place),
                Mend::words(format!("set {} again, whole and on one line", rung.place)),
            )
        })
        .collect()
}
