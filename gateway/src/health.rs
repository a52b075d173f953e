//! `GET /healthz`: alive, and, to whoever knows the instance secret, proof that this port is really ours.
//!
//! Another user may hold the port and answer like a gateway. `serve` leaves a secret in a file only its owner can read; a
//! caller sends a nonce and checks the HMAC before it trusts the port. The `Host` it asked for is part of what is signed,
//! so an impostor cannot have the real gateway on another port sign for it. A caller may also name a ticket
//! ([`crate::instance`]): whether its key is accepted now is part of what is signed, and is told in no other way.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use keyreeve_core::virtual_key::{Kind, Presented};
use serde::{Deserialize, Serialize};

use crate::Gateway;
use crate::instance::{About, Challenge, NONCE_LENGTH, Ticket};
use crate::own::json;

#[derive(Deserialize)]
pub(crate) struct Asked {
    nonce: Option<String>,
    ticket: Option<String>,
}

/// Answers `ok`, and the proof where a well-formed nonce came.
pub(crate) async fn healthz(
    State(gateway): State<Arc<Gateway>>,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let proof = asked
        .ok()
        .and_then(|Query(asked)| proof(&gateway, &asked, host));
    let health = Health {
        status: "ok",
        proof,
    };
    json(StatusCode::OK, &health)
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
}

fn proof(gateway: &Gateway, asked: &Asked, host: &str) -> Option<String> {
    let nonce = asked.nonce.as_deref()?;
    if nonce.len() != NONCE_LENGTH || !nonce.bytes().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    let ticket = asked.ticket.as_deref().map(Ticket::parse);
    let about = match &ticket {
        None => About::Nothing,
        Some(None) => return None,
        Some(Some(ticket)) if is_accepted(gateway, ticket) => About::Accepted(ticket),
        Some(Some(ticket)) => About::Refused(ticket),
    };
    Some(gateway.instance.proof(Challenge { nonce, host }, about))
}

/// Whether the key of a ticket would be let in now. Its profiles are not looked at: they may come and go.
fn is_accepted(gateway: &Gateway, ticket: &Ticket) -> bool {
    let Some(minted) = gateway.instance.key_of(ticket) else {
        return false;
    };
    let presented = Presented {
        kind: Kind::User,
        public_id: minted.public_id,
        hash: minted.hash,
    };
    gateway.broker.client(&presented).is_ok()
}
