//! The request pipeline: authenticate, lease, inject, forward, classify, record.
//!
//! Each step is one function, in the file of its name. The steps from lease on are one attempt. A failed attempt goes
//! back to lease (a retry, or failover to another profile) while nothing has been sent to the client and nothing can
//! have been produced: at most three attempts, within the client's deadline. Any other failure ends the request with
//! an error in Anthropic's envelope. `docs/life-of-a-request.md` describes each step in detail.

use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use keyreeve_broker::{Client, RetryDecision, RetryState};
use tokio::time::Instant;

use crate::authenticate::authenticate;
use crate::classify::classify;
use crate::error::GatewayError;
use crate::fallback::FailedResponses;
use crate::forward::{attempt_result, forward};
use crate::forwarded_route::ForwardedRoute;
use crate::inject::inject;
use crate::models;
use crate::read_request::read_request;
use crate::record::record;
use crate::request::ClientRequest;
use crate::state::Gateway;

/// Handles one client request; an error becomes a response.
pub(crate) async fn handle(
    gateway: &Gateway,
    route: ForwardedRoute,
    request: Request<Incoming>,
) -> Response {
    process(gateway, route, request)
        .await
        .unwrap_or_else(GatewayError::into_response)
}

async fn process(
    gateway: &Gateway,
    route: ForwardedRoute,
    request: Request<Incoming>,
) -> Result<Response, GatewayError> {
    let received_at = Instant::now();
    let client = authenticate(&gateway.broker, request.headers())?;

    // The whole body is read, because it is inspected and may be sent again; it is forwarded unchanged.
    let request = read_request(gateway, &client, route, request).await?;
    let request = models::check_allowed(request, &client)?;
    let request = request.with_cache_ttl(gateway, &client)?;

    let deadline = received_at + request.timeout();
    let retry = RetryState::new(deadline, gateway.config.throttle_wait);
    let response = send_with_retries(gateway, &client, &request, retry).await?;

    models::filter_response(&gateway.broker, &client, &request, response).await
}

/// Retries until a response is final or no profile is left to try.
async fn send_with_retries(
    gateway: &Gateway,
    client: &Client,
    request: &ClientRequest,
    mut retry: RetryState,
) -> Result<Response, GatewayError> {
    let mut failed = FailedResponses::default();
    let wanted = request.lease_request();
    loop {
        let leased = gateway.broker.lease(client, &wanted, &mut retry).await;
        let (mut lease, credential) = match leased {
            Ok(leased) => leased,
            Err(error) => return failed.best_or(error),
        };
        let outgoing = inject(request, &mut lease, &credential);
        drop(credential);

        let result = forward(&gateway.upstream, outgoing).await;
        let verdict = classify(&result);
        let decision = retry.record(&lease, verdict, attempt_result(&result));
        let response = record(lease, verdict, result).await;

        match decision {
            RetryDecision::Final => return failed.prefer_over(response, verdict).await,
            RetryDecision::MayRetry => failed.push(response).await,
        }
    }
}
