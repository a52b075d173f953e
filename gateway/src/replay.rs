//! The request body, read whole: it must be peeked at, and a further attempt must be able to send it again.
//!
//! Invariants: the bytes are never changed; a body is bounded by its route's limit and all bodies together by one budget,
//! claimed before the bytes are read; a client that stalls is let go.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use bytes::BytesMut;
use http_body_util::BodyExt as _;
use keyreeve_broker::{Ask, Client};
use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::inert::inert_line;
use keyreeve_core::peek::{Peek, peek};
use keyreeve_core::select::Conversation;
use keyreeve_core::token::looks_like_a_key;
use keyreeve_store::{Operation, RequestId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::Gateway;
use crate::error::Refusal;
use crate::routes::{Forwarded, unversioned};

/// The room for request bodies, in units of a KiB.
pub(crate) struct Budget(Arc<Semaphore>);

const UNIT: usize = 1024;

/// How long the SDKs wait where they do not say (docs/facts.md#endpoints).
const USUAL_TIME_OUT: Duration = Duration::from_mins(10);

/// Nobody waits longer, whatever is told.
const LONGEST_TIME_OUT: Duration = Duration::from_hours(24);

/// Where they say it. Python's says in the first what was chosen for this request alone, which may be nothing.
const TOLD_TIME_OUT: [&str; 2] = ["x-stainless-timeout", "x-stainless-read-timeout"];

/// A request that has been read whole.
pub(crate) struct Asked {
    /// Names the client's request in the ledger.
    pub(crate) id: RequestId,
    /// Which API.
    pub(crate) operation: Operation,
    /// `GET` or `POST`.
    pub(crate) method: Method,
    /// Path below the version, such as `/messages`.
    pub(crate) path: String,
    /// The query as it came.
    pub(crate) query: Option<String>,
    /// The headers as they came.
    pub(crate) headers: HeaderMap,
    /// The body as it came.
    pub(crate) body: Bytes,
    /// The lifetime that the body's cache markers shall have where they may be edited.
    pub(crate) cache_ttl: Option<Ttl>,
    /// What the body says of itself; nothing for a request without one.
    peek: Peek,
    body_hash: [u8; 32],
    /// Its claim on the budget.
    room: Option<OwnedSemaphorePermit>,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(
            (bytes / UNIT).min(Semaphore::MAX_PERMITS),
        )))
    }

    /// Claims room, or says at once that there is none: waiting with half a body in hand could wait for ever.
    fn claim(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).map_err(|_| Refusal::Full)?;
        Arc::clone(&self.0)
            .try_acquire_many_owned(units)
            .map_err(|_| Refusal::Full)
    }
}

/// Reads a request to its end and peeks at it.
///
/// # Errors
/// A [`Refusal`] for a body that is too large, compressed, cut, stalled or unreadable, or when the budget is used up.
pub(crate) async fn read_whole(
    gateway: &Gateway,
    route: Forwarded,
    request: Request,
) -> Result<Asked, Refusal> {
    let (head, body) = request.into_parts();
    if head.headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Refusal::Compressed);
    }
    let stall = gateway.config.client_stall;
    let (body, room) = collect(&gateway.budget, body, route.body_limit, stall).await?;
    let peek = match route.operation {
        Operation::Messages | Operation::CountTokens => peek(&body).map_err(Refusal::Body)?,
        Operation::Models | Operation::Account => Peek::default(),
    };
    Ok(Asked {
        id: gateway.broker.request_id()?,
        operation: route.operation,
        method: head.method,
        path: unversioned(head.uri.path()).to_owned(),
        query: head.uri.query().map(ToOwned::to_owned),
        headers: head.headers,
        body_hash: *blake3::hash(&body).as_bytes(),
        body,
        cache_ttl: None,
        peek,
        room,
    })
}

impl Asked {
    /// A message that this machine's owner asks for, through no door of the gateway's.
    ///
    /// # Errors
    /// [`Refusal::Body`].
    pub(crate) fn of_the_owner(
        id: RequestId,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            id,
            operation: Operation::Messages,
            method: Method::POST,
            path: "/messages".to_owned(),
            query: None,
            headers,
            body_hash: *blake3::hash(&body).as_bytes(),
            peek: peek(&body).map_err(Refusal::Body)?,
            body,
            cache_ttl: None,
            room: None,
        })
    }

    /// Gives the request as this key may ask it: the model is checked against the key, and a limited key asks for the
    /// whole list of models, since a page of which little is left would lead nowhere.
    ///
    /// # Errors
    /// [`Refusal::Model`] or [`Refusal::NoModel`], with the list of what is allowed; [`Refusal::NotServed`] for a model's
    /// name that an upstream might read as another path.
    pub(crate) fn within_what_is_allowed(mut self, client: &Client) -> Result<Self, Refusal> {
        self.names_what_is_allowed(client)?;
        let is_limited = !client.key.models.is_empty();
        if is_limited && self.operation == Operation::Models && self.model().is_none() {
            self.query = Some("limit=1000".to_owned());
        }
        Ok(self)
    }

    /// Checks the model that the request names against the key, and changes nothing.
    ///
    /// # Errors
    /// As [`Asked::within_what_is_allowed`].
    pub(crate) fn names_what_is_allowed(&self, client: &Client) -> Result<(), Refusal> {
        if self.model_in_path().is_some_and(|id| !is_one_segment(id)) {
            let path = inert_line(&self.path, 128).into_owned();
            return Err(Refusal::NotServed { path });
        }
        if client.key.models.is_empty() {
            return Ok(());
        }
        let allowed = || client.key.models.join(", ");
        match self.model() {
            Some(model) if client.key.may_ask(model) => Ok(()),
            Some(model) => Err(Refusal::Model {
                asked: inert_line(model, 128).into_owned(),
                allowed: allowed(),
            }),
            None => match self.operation {
                // An upstream with a default of its own would choose one for it.
                Operation::Messages | Operation::CountTokens => {
                    Err(Refusal::NoModel { allowed: allowed() })
                }
                Operation::Models | Operation::Account => Ok(()),
            },
        }
    }

    /// Gives the request with the lifetime that its cache markers shall have: the key's, else the one that the
    /// configuration names for the model. An edited body is a second one beside this, and has its own claim.
    ///
    /// # Errors
    /// [`Refusal::Full`].
    pub(crate) fn with_lifetime_of_markers(
        mut self,
        gateway: &Gateway,
        client: &Client,
    ) -> Result<Self, Refusal> {
        let of_model = || gateway.config.cache_ttl.of(self.peek.model.as_deref()?);
        self.cache_ttl = match self.operation {
            Operation::Messages => client.key.cache_ttl.or_else(of_model),
            Operation::CountTokens | Operation::Models | Operation::Account => None,
        };
        if let (Some(_), Some(room)) = (self.cache_ttl, &mut self.room) {
            room.merge(gateway.budget.claim(self.body.len())?);
        }
        Ok(self)
    }

    /// The model asked for, in the body or in the path.
    fn model(&self) -> Option<&str> {
        self.peek.model.as_deref().or_else(|| self.model_in_path())
    }

    /// The model of `/models/{id}`.
    pub(crate) fn model_in_path(&self) -> Option<&str> {
        self.path.strip_prefix("/models/")
    }

    /// What the broker needs to know of the request.
    pub(crate) fn ask(&self) -> Ask {
        Ask {
            request: self.id,
            operation: self.operation,
            session: self.session(),
            conversation: Conversation::of(self.session().as_deref(), self.peek.user_id.as_deref()),
            model: self
                .model()
                .filter(|model| !looks_like_a_key(model))
                .map(|model| inert_line(model, 128).into_owned()),
            stream: self.peek.stream,
            max_tokens: self.peek.max_tokens,
            body_hash: self.body_hash,
            body_bytes: self.body.len(),
        }
    }

    /// How long the client waits for its answer, from the head of its request on.
    pub(crate) fn time_out(&self) -> Duration {
        TOLD_TIME_OUT
            .iter()
            .filter_map(|name| self.headers.get(*name)?.to_str().ok())
            .find_map(seconds)
            .unwrap_or(USUAL_TIME_OUT)
    }

    /// The client's session, where it names one in printable ASCII. A key in its place is none: it would be kept.
    fn session(&self) -> Option<String> {
        let value = self
            .headers
            .get("x-claude-code-session-id")?
            .to_str()
            .ok()?;
        let short = !value.is_empty() && value.len() <= 128;
        (short && !looks_like_a_key(value)).then(|| value.to_owned())
    }
}

/// A time in seconds, whole or not; nothing, and what is no number, is no time.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    let time = Duration::try_from_secs_f64(seconds).ok()?;
    (!time.is_zero()).then(|| time.min(LONGEST_TIME_OUT))
}

/// Whether a model's name is one plain segment of a path, however it is read: no dots alone, no escapes.
fn is_one_segment(id: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b':' | b'@');
    !id.is_empty() && id.bytes().all(plain) && id.bytes().any(|c| c != b'.')
}

async fn collect(
    budget: &Budget,
    mut body: Body,
    limit: usize,
    stall: Duration,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Refusal> {
    use http_body::Body as _;

    let announced = body.size_hint();
    if announced.lower() > limit as u64 {
        return Err(Refusal::TooLarge { limit });
    }
    let announced = usize::try_from(announced.exact().unwrap_or_default()).unwrap_or_default();
    let mut room = (announced > 0)
        .then(|| budget.claim(announced))
        .transpose()?;
    let mut read = BytesMut::with_capacity(announced);
    loop {
        let frame = timeout(stall, body.frame())
            .await
            .map_err(|_| Refusal::BodyCut)?;
        let Some(frame) = frame else { break };
        let Ok(piece) = frame.map_err(|_| Refusal::BodyCut)?.into_data() else {
            continue;
        };
        if read.len() + piece.len() > limit {
            return Err(Refusal::TooLarge { limit });
        }
        read.extend_from_slice(&piece);
        let claimed = room.as_ref().map_or(0, |room| room.num_permits() * UNIT);
        if read.len() > claimed {
            let more = budget.claim(read.len() - claimed)?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
        }
    }
    Ok((read.freeze(), room))
}
