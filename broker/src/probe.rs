//! The probe: the smallest request there is, to see how an upstream takes a profile's credential.
//!
//! Invariants: it goes the way of every request, lease, inject, forward, classify, record, so that it has its row in the
//! ledger; it ends within its limit; nothing of an answer that holds the secret is given on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use keyreeve_core::credential::Credential;
use keyreeve_core::inert::inert_line;
use keyreeve_core::inject::{BetaLines, edit_beta};
use keyreeve_core::price::Cost;
use keyreeve_core::profile::Profile;
use keyreeve_core::usage::{Metered, Tokens, of_body};
use keyreeve_core::verdict::{LONGEST_BODY, Verdict};
use keyreeve_store::{AttemptId, Ending, Operation, RequestId};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::judged::judged;
use crate::limits::limits_told;
use crate::upstream::{NoAnswer, Upstream};
use crate::{Answered, Ask, Broker, Lease, LeaseError, Report};

/// The oldest version the API knows, and every gateway with it (docs/facts.md#headers).
pub const OLDEST_VERSION: &str = "2023-06-01";
/// No text of an answer is shown at greater length.
const LONGEST_SAID: usize = 300;

/// What to ask, and how long to wait.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The model.
    pub model: String,
    /// From the request's first byte to the answer's last.
    pub limit: Duration,
}

/// How a probe went.
#[derive(Clone, Debug)]
pub struct Probed {
    /// Its row in the ledger.
    pub attempt: AttemptId,
    /// What it means.
    pub verdict: Verdict,
    /// The upstream's status; none where no answer came.
    pub status: Option<u16>,
    /// Why no answer came, or what the upstream said in its error: one line, inert.
    pub said: Option<String>,
    /// The organization that answered, by `anthropic-organization-id`.
    pub organization: Option<String>,
    /// The workspace that answered, where the answer names one.
    pub workspace: Option<String>,
    /// The upstream's own id of the request.
    pub upstream_request_id: Option<String>,
    /// Whether the answer has the headers of a plan login, whatever the profile was declared to be.
    pub is_plan: bool,
    /// What it used.
    pub tokens: Tokens,
    /// What it cost.
    pub cost: Cost,
    /// How long it took.
    pub took: Duration,
}

/// A request that was sent, or could not be.
struct Asked {
    lease: Lease,
    credential: Credential,
    took: Duration,
}

/// An answer, whole or as much of it as is read.
struct Came {
    head: Parts,
    body: Vec<u8>,
}

/// Why there is none.
enum Failed {
    NoAnswer(NoAnswer),
    Cut,
    TooLate(Duration),
    Redirect(u16),
    Unsendable(&'static str),
}

impl Broker {
    /// Asks a profile's upstream for one token.
    ///
    /// # Errors
    /// [`LeaseError`]: nothing was sent. Whatever happens after that is in [`Probed`].
    pub async fn probe(
        self: &Arc<Self>,
        upstream: &Upstream,
        profile: &Profile,
        probe: &Probe,
    ) -> Result<Probed, LeaseError> {
        let body = body(&probe.model);
        let ask = ask(self.request_id()?, &probe.model, &body);
        let (lease, credential) = self.lease_own(profile, ask).await?;
        let sent = Instant::now();
        let came = match request(&lease, &credential, body) {
            Ok(request) => timeout(probe.limit, exchange(upstream, request))
                .await
                .unwrap_or(Err(Failed::TooLate(probe.limit))),
            Err(failed) => Err(failed),
        };
        let verdict = classify(&came);
        let asked = Asked {
            lease,
            credential,
            took: sent.elapsed(),
        };
        Ok(record(asked, verdict, came))
    }
}

fn body(model: &str) -> Bytes {
    let body = json!({
        "model": model,
        "max_tokens": 1,
        "messages": [{ "role": "user", "content": "hi" }],
    });
    Bytes::from(body.to_string())
}

fn ask(request: RequestId, model: &str, body: &Bytes) -> Ask {
    Ask {
        request,
        operation: Operation::Messages,
        session: None,
        conversation: None,
        model: Some(inert_line(model, 128).into_owned()),
        stream: false,
        max_tokens: Some(1),
        body_hash: *blake3::hash(body).as_bytes(),
        body_bytes: body.len(),
    }
}

fn request(
    lease: &Lease,
    credential: &Credential,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, Failed> {
    let (name, value) = lease
        .header(credential)
        .map_err(|_| Failed::Unsendable("the credential has a character that no header takes"))?;
    let address: Uri = format!("{}/v1/messages", lease.profile.base_url)
        .parse()
        .map_err(|_| Failed::Unsendable("the profile's address does not make a URL"))?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = address;
    let headers = request.headers_mut();
    headers.insert(name, value);
    for (name, value) in [
        ("anthropic-version", OLDEST_VERSION),
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
        (
            "user-agent",
            concat!("keyreeve/", env!("CARGO_PKG_VERSION")),
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let BetaLines::Replaced(line) = edit_beta(&[], lease.injection.beta)
        && let Ok(line) = HeaderValue::from_str(&line)
    {
        headers.insert(HeaderName::from_static("anthropic-beta"), line);
    }
    Ok(request)
}

async fn exchange(upstream: &Upstream, request: Request<Full<Bytes>>) -> Result<Came, Failed> {
    let answer = upstream.send(request).await.map_err(Failed::NoAnswer)?;
    let (head, mut rest) = answer.into_parts();
    if head.status.is_redirection() {
        return Err(Failed::Redirect(head.status.as_u16()));
    }
    let body = beginning(&mut rest).await.map_err(|_| Failed::Cut)?;
    Ok(Came { head, body })
}

/// As much of a body as any rule looks at.
async fn beginning(rest: &mut Incoming) -> Result<Vec<u8>, hyper::Error> {
    let mut body = Vec::new();
    while body.len() < LONGEST_BODY
        && let Some(frame) = rest.frame().await
    {
        if let Ok(piece) = frame?.into_data() {
            body.extend_from_slice(&piece);
        }
    }
    Ok(body)
}

fn classify(came: &Result<Came, Failed>) -> Verdict {
    let Came { head, body } = match came {
        Ok(came) => came,
        Err(Failed::Redirect(status)) => return Verdict::of_status(*status),
        Err(Failed::NoAnswer(_) | Failed::Cut | Failed::TooLate(_) | Failed::Unsendable(_)) => {
            return Verdict::no_answer();
        }
    };
    // A page of somebody else's can come with a 200 too.
    let is_foreign = head.status.is_success() && !is_message(body);
    let status = if is_foreign {
        502
    } else {
        head.status.as_u16()
    };
    judged(status, &head.headers, body)
}

fn is_message(body: &[u8]) -> bool {
    serde_json::from_slice(body).is_ok_and(|body: Value| body["type"] == "message")
}

fn record(asked: Asked, verdict: Verdict, came: Result<Came, Failed>) -> Probed {
    let Asked {
        mut lease,
        credential,
        took,
    } = asked;
    let mut probed = Probed {
        attempt: lease.attempt,
        verdict,
        status: None,
        said: None,
        organization: None,
        workspace: None,
        upstream_request_id: None,
        is_plan: false,
        tokens: Tokens::default(),
        cost: Cost::FREE,
        took,
    };
    let report = match came {
        Ok(came) => {
            let mut metered = of_body(&came.body);
            let origin = lease.profile.base_url.origin();
            let secret = credential.expose_for(origin).unwrap_or_default();
            metered.model = metered
                .model
                .filter(|model| secret.is_empty() || !model.contains(secret));
            probed.read(&came, &metered, secret);
            let told = limits_told(&came.head.headers);
            probed.is_plan = told.is_plan;
            lease.saw(told);
            Report {
                ending: Ending::Done,
                verdict,
                answer: Some(Answered {
                    upstream_request_id: probed.upstream_request_id.clone(),
                    organization: probed.organization.clone(),
                    ..came.answered(metered, took)
                }),
            }
        }
        Err(failed) => {
            probed.said = Some(failed.words());
            Report {
                verdict,
                ..Report::unanswered(failed.ending())
            }
        }
    };
    probed.cost = lease.report(report);
    probed
}

impl Probed {
    /// Takes down what the answer says of itself, but for whatever holds the secret.
    fn read(&mut self, came: &Came, metered: &Metered, secret: &str) {
        let clean = |text: &str| {
            let shown = !text.is_empty() && (secret.is_empty() || !text.contains(secret));
            shown.then(|| inert_line(text, LONGEST_SAID).into_owned())
        };
        let headers = &came.head.headers;
        let header = |name| clean(headers.get(name)?.to_str().ok()?);
        self.status = Some(came.head.status.as_u16());
        self.organization = header("anthropic-organization-id");
        self.workspace = header("anthropic-workspace-id");
        self.upstream_request_id = header("request-id").filter(|id| id.len() <= 128);
        self.tokens = metered.usage.totals();
        let body: Value = serde_json::from_slice(&came.body).unwrap_or_default();
        self.said = body
            .pointer("/error/message")
            .and_then(Value::as_str)
            .and_then(clean);
    }
}

impl Came {
    fn answered(&self, metered: Metered, took: Duration) -> Answered {
        Answered {
            status: self.head.status.as_u16(),
            upstream_request_id: None,
            organization: None,
            metered,
            first_byte: Some(took),
            body_hash: *blake3::hash(&self.body).as_bytes(),
            body_bytes: self.body.len() as u64,
        }
    }
}

impl Failed {
    /// Whether anything can have been produced, and so billed.
    fn ending(&self) -> Ending {
        match self {
            Self::NoAnswer(NoAnswer::Unreachable(_) | NoAnswer::Unconnected(_))
            | Self::Redirect(_)
            | Self::Unsendable(_) => Ending::Failed,
            Self::NoAnswer(NoAnswer::Broken(_) | NoAnswer::TimedOut(_))
            | Self::Cut
            | Self::TooLate(_) => Ending::Incomplete,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::NoAnswer(error) => error.to_string(),
            Self::Cut => "the upstream cut its answer".to_owned(),
            Self::TooLate(limit) => {
                format!(
                    "the upstream did not answer within {} s",
                    limit.as_secs_f32()
                )
            }
            Self::Redirect(status) => {
                format!("the upstream answered with a redirect ({status}), which is never followed")
            }
            Self::Unsendable(why) => (*why).to_owned(),
        }
    }
}
