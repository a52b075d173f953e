//! One request of the owner's own, asked in this process: the steps of `flow.rs` without a door to knock at.
//!
//! Invariants: there is no virtual key and no socket of ours, and all else is as in `flow.rs`: the same header is
//! injected, the same record is written; a body that is dropped before its end closes the row as incomplete.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use http_body_util::BodyExt as _;
use keyreeve_broker::upstream::Upstream;
use keyreeve_broker::{Broker, LeaseError, OLDEST_VERSION};
use keyreeve_core::profile::Profile;
use keyreeve_core::verdict::Verdict;
use keyreeve_store::AttemptId;

use crate::classify::classify;
use crate::error::Refusal;
use crate::forward::{Failed, forward};
use crate::inject::inject;
use crate::record::{is_stream, record};
use crate::replay::Asked;

/// An answer that has begun; its row in the ledger is closed when its body has ended or is dropped.
#[derive(Debug)]
pub struct Begun {
    /// The row.
    pub attempt: AttemptId,
    /// What the answer's beginning means.
    pub verdict: Verdict,
    /// Status, headers and body, as a client of the gateway would get them.
    answer: Response,
}

/// The answer was cut; what came until then is billed.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut")]
pub struct Cut(#[source] axum::Error);

/// Why no answer began.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    /// There is no lease: nothing was sent.
    #[error("nothing was sent")]
    Lease(#[source] LeaseError),
    /// The request is none that could be sent.
    #[error("the request cannot be sent")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nobody answered.
    #[error("the request got no answer")]
    NoAnswer {
        /// What that means.
        verdict: Verdict,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Asks `/v1/messages` with a profile's credential; `body` is sent as it is.
///
/// # Errors
/// See [`NotBegun`]. What was sent is in the ledger all the same.
pub async fn once(
    broker: &Arc<Broker>,
    upstream: &Upstream,
    profile: &Profile,
    body: Bytes,
) -> Result<Begun, NotBegun> {
    let id = broker.request_id().map_err(NotBegun::Lease)?;
    let asked = Asked::of_the_owner(id, headers(), body).map_err(NotBegun::of)?;
    let leased = broker.lease_own(profile, asked.ask()).await;
    let (mut lease, credential) = leased.map_err(NotBegun::Lease)?;
    let attempt = lease.attempt;
    let outgoing = inject(&asked, &mut lease, &credential);
    drop(credential);

    let came = forward(upstream, outgoing).await;
    let verdict = classify(&came);
    let answer = record(lease, verdict, came)
        .await
        .map_err(|refusal| match refusal {
            Refusal::Upstream { failed, .. } => NotBegun::no_answer(verdict, failed),
            other => NotBegun::of(other),
        })?;
    Ok(Begun {
        attempt,
        verdict,
        answer,
    })
}

impl Begun {
    /// Whether the upstream says that all is well so far.
    pub fn is_success(&self) -> bool {
        self.answer.status().is_success()
    }

    /// Whether the body is a stream of events.
    pub fn is_stream(&self) -> bool {
        is_stream(self.answer.headers())
    }

    /// A header of the answer, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.answer.headers().get(name)?.to_str().ok()
    }

    /// Waits for the next piece of the body; none at its end.
    ///
    /// # Errors
    /// [`Cut`].
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Cut> {
        while let Some(frame) = self.answer.body_mut().frame().await {
            if let Ok(piece) = frame.map_err(Cut)?.into_data() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }
}

impl NotBegun {
    fn of(refusal: Refusal) -> Self {
        Self::Request(Box::new(refusal))
    }

    fn no_answer(verdict: Verdict, failed: Failed) -> Self {
        Self::NoAnswer {
            verdict,
            source: Box::new(failed),
        }
    }
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json"),
        (
            header::USER_AGENT,
            concat!("keyreeve/", env!("CARGO_PKG_VERSION")),
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(
        "anthropic-version",
        HeaderValue::from_static(OLDEST_VERSION),
    );
    headers
}
