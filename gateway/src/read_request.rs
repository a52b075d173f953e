//! Reads the client's request whole.
//!
//! Invariants: each body is limited by its route and all bodies together by one budget, reserved before the bytes are
//! read; a client that stalls is disconnected after a timeout.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header;
use bytes::BytesMut;
use http_body_util::BodyExt as _;
use keyreeve_core::peek::{Peek, peek};
use keyreeve_store::Operation;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::body_budget::{BodyBudget, UNIT};
use crate::error::GatewayError;
use crate::forwarded_route::{ForwardedRoute, strip_version};
use crate::request::ClientRequest;
use crate::state::Gateway;

/// Reads a request to its end and inspects its body.
///
/// # Errors
/// A [`GatewayError`] for a body that is too large, compressed, incomplete, stalled or invalid, or if the budget is
/// exhausted.
pub(crate) async fn read_request(
    gateway: &Gateway,
    route: ForwardedRoute,
    request: Request,
) -> Result<ClientRequest, GatewayError> {
    let (head, body) = request.into_parts();
    if head.headers.contains_key(header::CONTENT_ENCODING) {
        return Err(GatewayError::CompressedBody);
    }
    let stall_timeout = gateway.config.client_stall_timeout;
    let (body, budget_permit) =
        collect(&gateway.budget, body, route.body_limit, stall_timeout).await?;
    let peek = match route.operation {
        Operation::Messages | Operation::CountTokens => peek(&body).map_err(GatewayError::Body)?,
        Operation::Models | Operation::Account => Peek::default(),
    };
    Ok(ClientRequest {
        id: gateway.broker.request_id()?,
        operation: route.operation,
        method: head.method,
        path: strip_version(head.uri.path()).to_owned(),
        query: head.uri.query().map(ToOwned::to_owned),
        headers: head.headers,
        body_hash: *blake3::hash(&body).as_bytes(),
        body,
        cache_ttl: None,
        peek,
        budget_permit,
    })
}

async fn collect(
    budget: &BodyBudget,
    mut body: Body,
    limit: usize,
    stall_timeout: Duration,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), GatewayError> {
    use http_body::Body as _;

    let announced = body.size_hint();
    if announced.lower() > limit as u64 {
        return Err(GatewayError::BodyTooLarge { limit });
    }
    let announced = usize::try_from(announced.exact().unwrap_or_default()).unwrap_or_default();
    let mut permit = (announced > 0)
        .then(|| budget.try_reserve(announced))
        .transpose()?;
    let mut received = BytesMut::with_capacity(announced);
    loop {
        let frame = timeout(stall_timeout, body.frame())
            .await
            .map_err(|_| GatewayError::IncompleteBody)?;
        let Some(frame) = frame else { break };
        let Ok(chunk) = frame.map_err(|_| GatewayError::IncompleteBody)?.into_data() else {
            continue;
        };
        if received.len() + chunk.len() > limit {
            return Err(GatewayError::BodyTooLarge { limit });
        }
        received.extend_from_slice(&chunk);
        let reserved = permit
            .as_ref()
            .map_or(0, |permit| permit.num_permits() * UNIT);
        if received.len() > reserved {
            let more = budget.try_reserve(received.len() - reserved)?;
            match &mut permit {
                Some(permit) => permit.merge(more),
                None => permit = Some(more),
            }
        }
    }
    Ok((received.freeze(), permit))
}
