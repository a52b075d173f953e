//! Failed responses of a request, kept as the fallback in case no further attempt succeeds.
//!
//! Invariants: the client gets an upstream's own response, byte for byte, whenever this request received one; only the
//! refusal of a key that is no longer allowed replaces it. The billing classes of skipped profiles are named in the
//! header [`SKIPPED_HEADER`]. Reading the rest of a discarded response takes at most [`ERROR_BODY_TIMEOUT`].

use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use axum::response::Response;
use keyreeve_broker::LeaseError;
use keyreeve_core::verdict::{MAX_ERROR_BODY_BYTES, Verdict};
use tokio::time::timeout;

use crate::error::{GatewayError, skipped_header};
use crate::prefix::ERROR_BODY_TIMEOUT;

/// The response header that names the billing classes this key may not use.
const SKIPPED_HEADER: &str = "x-keyreeve-skipped";

/// The failed responses of one request, in order.
#[derive(Default)]
pub(crate) struct FailedResponses(Vec<Result<Response, GatewayError>>);

/// The usefulness of a failed response to the client; of several equally useful ones the last is used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Usefulness {
    /// No upstream responded.
    NoResponse,
    /// Another error of an upstream.
    OtherError,
    NotFound,
    /// The upstream rejected the credential.
    CredentialRejected,
    /// The upstream named a time to retry.
    RateLimited,
}

impl FailedResponses {
    /// Adds a failed response. Reads it to its end, which closes its ledger entry.
    pub(crate) async fn push(&mut self, response: Result<Response, GatewayError>) {
        let response = match response {
            Ok(response) => read_whole(response).await.map(Ok),
            Err(error) => Some(Err(error)),
        };
        self.0.extend(response);
    }

    /// Returns the most useful failed response, or the lease error if there is none.
    ///
    /// # Errors
    /// The reason no attempt was made, or the error of the most useful attempt.
    pub(crate) fn best_or(self, error: LeaseError) -> Result<Response, GatewayError> {
        match error {
            LeaseError::Authenticate(_) => Err(error.into()),
            LeaseError::NoProfile(ref reason) => match (self.best(), skipped_header(reason)) {
                (None, _) => Err(error.into()),
                (Some(Ok(mut response)), Some(skipped)) => {
                    response.headers_mut().insert(SKIPPED_HEADER, skipped);
                    Ok(response)
                }
                (Some(best), _) => best,
            },
            LeaseError::Source { .. }
            | LeaseError::Inject { .. }
            | LeaseError::PlanDetected { .. }
            | LeaseError::Ledger(_)
            | LeaseError::LedgerClosed
            | LeaseError::Randomness => {
                if !self.0.is_empty() {
                    tracing::warn!(%error, "cannot retry");
                }
                self.best().unwrap_or_else(|| Err(error.into()))
            }
        }
    }

    /// Returns the last response, or an earlier failed response that is more useful to the client.
    ///
    /// # Errors
    /// The error of the last attempt.
    pub(crate) async fn prefer_over(
        self,
        last: Result<Response, GatewayError>,
        verdict: Verdict,
    ) -> Result<Response, GatewayError> {
        match self.best() {
            Some(earlier)
                if !verdict.effect().is_about_request()
                    && usefulness(&earlier) > usefulness(&last) =>
            {
                if let Ok(last) = last {
                    // Read to its end, so that its ledger entry gets the right outcome.
                    read_whole(last).await;
                }
                earlier
            }
            Some(_) | None => last,
        }
    }

    fn best(self) -> Option<Result<Response, GatewayError>> {
        self.0.into_iter().max_by_key(usefulness)
    }
}

fn usefulness(response: &Result<Response, GatewayError>) -> Usefulness {
    match response {
        Err(_) => Usefulness::NoResponse,
        Ok(response) => match response.status() {
            StatusCode::TOO_MANY_REQUESTS => Usefulness::RateLimited,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Usefulness::CredentialRejected,
            StatusCode::NOT_FOUND => Usefulness::NotFound,
            _ => Usefulness::OtherError,
        },
    }
}

/// Reads a response to its end, or returns `None` if that fails or takes too long; the ledger entry records it.
async fn read_whole(response: Response) -> Option<Response> {
    let (head, body) = response.into_parts();
    let read = to_bytes(body, 2 * MAX_ERROR_BODY_BYTES);
    let bytes = timeout(ERROR_BODY_TIMEOUT, read).await.ok()?.ok()?;
    Some(Response::from_parts(head, Body::from(bytes)))
}
