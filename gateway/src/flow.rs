//! The request pipeline: authenticate, lease, inject, forward, classify, record.
//!
//! Each step is one function, in the file of its name. The steps from lease on are one attempt. A failed attempt goes
//! back to lease (a retry, or failover to another profile) while nothing has been sent to the client and nothing can
//! have been produced: at most three attempts, within the client's deadline. Any other failure ends the request with
//! an error in Anthropic's envelope. `docs/life-of-a-request.md` describes each step in detail.

use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use keyreeve_broker::upstream::Upstream;
use keyreeve_broker::{RetryDecision, RetryState};
use keyreeve_core::verdict::Verdict;
use tokio::time::Instant;

use crate::auth::{Leased, RequestAuth};
use crate::classify::classify;
use crate::error::GatewayError;
use crate::fallback::FailedResponses;
use crate::forward::{attempt_result, forward};
use crate::forwarded_route::{ForwardedRoute, SentCredential};
use crate::read_request::read_request;
use crate::record::record;
use crate::request::ClientRequest;
use crate::state::Gateway;

/// Handles one client request; an error becomes a response.
pub(crate) async fn handle(
    gateway: &Gateway,
    credential: SentCredential,
    route: ForwardedRoute,
    request: Request<Incoming>,
) -> Response {
    process(gateway, credential, route, request)
        .await
        .unwrap_or_else(GatewayError::into_response)
}

async fn process(
    gateway: &Gateway,
    credential: SentCredential,
    route: ForwardedRoute,
    request: Request<Incoming>,
) -> Result<Response, GatewayError> {
    let received_at = Instant::now();
    let auth = RequestAuth::of_request(gateway, credential, &request)?;

    // The whole body is read, because it is inspected and may be sent again; it is forwarded unchanged.
    let request = read_request(gateway, auth.client(), route, request).await?;
    let request = auth.check_request(gateway, request)?;

    let deadline = received_at + request.timeout();
    let retry = RetryState::new(deadline, gateway.config.throttle_wait);
    let response = send_with_retries(gateway, &auth, &request, retry).await?;

    auth.filter_response(&gateway.broker, &request, response)
        .await
}

/// Retries until a response is final or no profile is left to try.
async fn send_with_retries(
    gateway: &Gateway,
    auth: &RequestAuth,
    request: &ClientRequest,
    mut retry: RetryState,
) -> Result<Response, GatewayError> {
    let mut failed = FailedResponses::default();
    let wanted = request.lease_request();
    loop {
        let leased = match auth.lease(&gateway.broker, &wanted, &mut retry).await {
            Ok(leased) => leased,
            Err(error) => return failed.best_or(error),
        };
        let sent = send_once(&gateway.upstream, leased, request, &mut retry).await;
        match sent.decision {
            RetryDecision::Final => return failed.prefer_over(sent.response, sent.verdict).await,
            RetryDecision::MayRetry => failed.push(sent.response).await,
        }
    }
}

/// The result of an attempt.
pub(crate) struct Sent {
    pub(crate) verdict: Verdict,
    pub(crate) decision: RetryDecision,
    /// The response for the client, whose body is recorded while it is read.
    pub(crate) response: Result<Response, GatewayError>,
}

/// Makes one attempt.
pub(crate) async fn send_once(
    upstream: &Upstream,
    leased: Leased,
    request: &ClientRequest,
    retry: &mut RetryState,
) -> Sent {
    let (attempt, outgoing) = leased.inject(request);
    let result = forward(upstream, outgoing).await;
    let verdict = classify(&result);
    let decision = attempt.decide_retry(retry, verdict, attempt_result(&result));
    let response = record(attempt, verdict, result).await;
    Sent {
        verdict,
        decision,
        response,
    }
}
