//! `GET /healthz`: liveness, and a proof for callers with the instance secret that this port really is ours.
//!
//! Another user could bind the port and respond like a gateway. `serve` writes a secret to a file that only its owner
//! can read; a caller sends a nonce and verifies the HMAC before it trusts the port. The `Host` it sent is signed too,
//! so that an impostor cannot have the real gateway on another port sign for it. A caller may also send a ticket
//! ([`crate::instance`]): whether its key is accepted now is part of what is signed, and is not visible otherwise.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use keyreeve_core::virtual_key::{KeyKind, PresentedKey};
use serde::{Deserialize, Serialize};

use crate::instance::{Challenge, NONCE_HEX_DIGITS, Ticket, TicketState};
use crate::json_response::json_response;
use crate::state::Gateway;

#[derive(Deserialize)]
pub(crate) struct HealthzQuery {
    nonce: Option<String>,
    ticket: Option<String>,
}

/// Returns `ok`, and the proof if the query has a well-formed nonce.
pub(crate) async fn healthz(
    State(gateway): State<Arc<Gateway>>,
    query: Result<Query<HealthzQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let proof = query
        .ok()
        .and_then(|Query(query)| proof(&gateway, &query, host));
    let response = HealthzResponse {
        status: "ok",
        proof,
    };
    json_response(StatusCode::OK, &response)
}

#[derive(Serialize)]
struct HealthzResponse {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
}

fn proof(gateway: &Gateway, query: &HealthzQuery, host: &str) -> Option<String> {
    let nonce = query.nonce.as_deref()?;
    if nonce.len() != NONCE_HEX_DIGITS || !nonce.bytes().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    let ticket = query.ticket.as_deref().map(Ticket::parse);
    let ticket_state = match &ticket {
        None => TicketState::NotRequested,
        Some(None) => return None,
        Some(Some(ticket)) if is_accepted(gateway, ticket) => TicketState::Accepted(ticket),
        Some(Some(ticket)) => TicketState::Rejected(ticket),
    };
    Some(
        gateway
            .instance
            .proof(Challenge { nonce, host }, ticket_state),
    )
}

/// Returns `true` if the key of a ticket is accepted now. Its profiles are not checked, because they may change.
fn is_accepted(gateway: &Gateway, ticket: &Ticket) -> bool {
    let Some(key) = gateway.instance.key_for(ticket) else {
        return false;
    };
    let presented = PresentedKey {
        kind: KeyKind::User,
        public_id: key.public_id,
        hash: key.hash,
    };
    gateway.broker.authenticate(&presented).is_ok()
}
