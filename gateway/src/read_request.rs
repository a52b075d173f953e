//! Reads the client's request whole, inspecting its body as it arrives.
//!
//! Invariants: each body is limited by its route and all bodies together by one budget; a client that stalls, or takes
//! too long altogether, is disconnected.

use axum::http::{Request, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use keyreeve_broker::Client;
use keyreeve_core::peek::{Peek, Scanner};
use keyreeve_core::{inject, pass_through};
use keyreeve_store::Operation;
use tokio::time::{Instant, timeout_at};

use crate::client_body::ClientBody;
use crate::config::Config;
use crate::error::GatewayError;
use crate::forwarded_route::{ForwardedRoute, SentCredential, split_path};
use crate::headers::retain_forwarded;
use crate::request::ClientRequest;
use crate::state::Gateway;

/// A body that has been read, and what was found in it.
struct InspectedBody {
    body: ClientBody,
    peek: Peek,
    hash: [u8; 32],
}

/// Reads a request to its end and inspects its body.
///
/// # Errors
/// A [`GatewayError`] for a body that is too large, compressed, incomplete, stalled or invalid, or if the budget is
/// exhausted.
pub(crate) async fn read_request(
    gateway: &Gateway,
    client: &Client,
    route: ForwardedRoute,
    request: Request<Incoming>,
) -> Result<ClientRequest, GatewayError> {
    let (mut head, incoming) = request.into_parts();
    if head.headers.contains_key(header::CONTENT_ENCODING) {
        return Err(GatewayError::CompressedBody);
    }
    let body = ClientBody::new(gateway.budget.start(client.key.id));
    let InspectedBody { body, peek, hash } =
        read_body(body, incoming, route, &gateway.config).await?;
    let (credential, path) = split_path(head.uri.path());
    retain_forwarded(
        &mut head.headers,
        match credential {
            SentCredential::OfProfile => inject::request_header,
            SentCredential::OfClient => pass_through::header_action,
        },
    );
    Ok(ClientRequest {
        id: gateway.broker.request_id()?,
        operation: route.operation,
        method: head.method,
        path: path.to_owned(),
        query: head.uri.query().map(ToOwned::to_owned),
        headers: head.headers,
        body_hash: hash,
        body,
        cache_ttl: None,
        peek,
    })
}

async fn read_body(
    mut body: ClientBody,
    mut incoming: Incoming,
    route: ForwardedRoute,
    config: &Config,
) -> Result<InspectedBody, GatewayError> {
    let too_large = || GatewayError::BodyTooLarge {
        limit: route.body_limit,
    };
    if incoming.size_hint().lower() > route.body_limit as u64 {
        return Err(too_large());
    }
    let started = Instant::now();
    let deadline = started + config.client_body_timeout;
    let mut stalled = started + config.client_stall_timeout;
    let mut scanner = Scanner::new();
    let mut hasher = blake3::Hasher::new();
    loop {
        let frame = timeout_at(deadline.min(stalled), incoming.frame())
            .await
            .map_err(|_| GatewayError::IncompleteBody)?;
        let Some(frame) = frame else { break };
        let Ok(piece) = frame.map_err(|_| GatewayError::IncompleteBody)?.into_data() else {
            continue;
        };
        if body.len() + piece.len() > route.body_limit {
            return Err(too_large());
        }
        if has_json_body(route.operation) {
            scanner.push(&piece).map_err(GatewayError::Body)?;
        }
        hasher.update(&piece);
        body.push(piece)?;
        stalled = Instant::now() + config.client_stall_timeout;
    }
    body.finish();
    Ok(InspectedBody {
        peek: if has_json_body(route.operation) {
            scanner.finish().map_err(GatewayError::Body)?
        } else {
            Peek::default()
        },
        hash: *hasher.finalize().as_bytes(),
        body,
    })
}

fn has_json_body(operation: Operation) -> bool {
    match operation {
        Operation::Messages | Operation::CountTokens => true,
        Operation::Models | Operation::Account => false,
    }
}
