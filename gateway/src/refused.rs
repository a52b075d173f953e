//! Answers that did not help the client, kept whole until it is known whether another attempt does.
//!
//! Invariants: what the client gets in the end is an upstream's own answer, byte for byte, wherever this request had one;
//! only a key that is no longer allowed is told so instead. Whose profiles were not asked is told in a header beside it.
//! The end of an answer that is not given is not waited for longer than [`ERROR_TIME`].

use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use axum::response::Response;
use keyreeve_broker::LeaseError;
use keyreeve_core::verdict::{Effect, LONGEST_BODY, Verdict};
use tokio::time::timeout;

use crate::beginning::ERROR_TIME;
use crate::error::{Refusal, left_out};

/// The answers of one request so far, in order.
#[derive(Default)]
pub(crate) struct Refused(Vec<Result<Response, Refusal>>);

/// How much an answer tells the client; the last of several that tell as much is given.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    /// Nobody answered.
    Nothing,
    /// An upstream did.
    Something,
    /// There is no such thing.
    NotFound,
    /// The credential is refused.
    Refused,
    /// When to come again.
    Limit,
}

impl Refused {
    /// Keeps an answer that was held whole, and so closes its row.
    pub(crate) async fn keep(&mut self, answer: Result<Response, Refusal>) {
        let answer = match answer {
            Ok(answer) => whole(answer).await.map(Ok),
            Err(refusal) => Some(Err(refusal)),
        };
        self.0.extend(answer);
    }

    /// Gives what the client gets where no further attempt could be leased.
    ///
    /// # Errors
    /// Why no attempt was made, or the last one failed.
    pub(crate) fn instead_of(self, none: LeaseError) -> Result<Response, Refusal> {
        match none {
            LeaseError::NotAllowed(_) => Err(none.into()),
            LeaseError::NoProfile(ref nobody) => match (self.best(), left_out(nobody)) {
                (None, _) => Err(none.into()),
                (Some(Ok(mut answer)), Some(classes)) => {
                    answer.headers_mut().insert("x-keyreeve-left-out", classes);
                    Ok(answer)
                }
                (Some(best), _) => best,
            },
            LeaseError::Source { .. }
            | LeaseError::Refused { .. }
            | LeaseError::ShownPlan { .. }
            | LeaseError::Ledger(_)
            | LeaseError::LedgerClosed
            | LeaseError::Randomness => {
                if !self.0.is_empty() {
                    tracing::warn!(error = %none, "a further attempt could not be made");
                }
                self.best().unwrap_or_else(|| Err(none.into()))
            }
        }
    }

    /// Gives what the client gets where the last answer stands: that one, unless one before it tells more.
    ///
    /// # Errors
    /// Why the last attempt failed.
    pub(crate) async fn or(
        self,
        last: Result<Response, Refusal>,
        verdict: Verdict,
    ) -> Result<Response, Refusal> {
        match self.best() {
            Some(before) if !is_about_the_request(verdict) && rank(&before) > rank(&last) => {
                if let Ok(last) = last {
                    // Read, so that its row is closed as what it was.
                    whole(last).await;
                }
                before
            }
            Some(_) | None => last,
        }
    }

    fn best(self) -> Option<Result<Response, Refusal>> {
        self.0.into_iter().max_by_key(rank)
    }
}

/// Whether an answer would have been the same whoever had asked.
fn is_about_the_request(verdict: Verdict) -> bool {
    match verdict.effect() {
        Effect::None | Effect::Request | Effect::Config => true,
        Effect::Dead
        | Effect::Refresh
        | Effect::Blocked
        | Effect::OutOfCredit
        | Effect::SpentUntil
        | Effect::CoolUntil
        | Effect::CoolModelUntil
        | Effect::Transient
        | Effect::Feature => false,
    }
}

fn rank(answer: &Result<Response, Refusal>) -> Use {
    match answer {
        Err(_) => Use::Nothing,
        Ok(answer) => match answer.status() {
            StatusCode::TOO_MANY_REQUESTS => Use::Limit,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Use::Refused,
            StatusCode::NOT_FOUND => Use::NotFound,
            _ => Use::Something,
        },
    }
}

/// Reads an answer to its end; none where that is not to be had soon, which its row tells.
async fn whole(answer: Response) -> Option<Response> {
    let (head, body) = answer.into_parts();
    let read = to_bytes(body, 2 * LONGEST_BODY);
    let bytes = timeout(ERROR_TIME, read).await.ok()?.ok()?;
    Some(Response::from_parts(head, Body::from(bytes)))
}
