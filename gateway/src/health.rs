//! `GET /healthz`: alive, and, to whoever knows the instance secret, proof that this port is really ours.
//!
//! Another user may hold the port and answer like a gateway. `serve` leaves a secret in a file only its owner can read; a
//! caller sends a nonce and checks the HMAC before it trusts the port. The `Host` it asked for is part of what is signed,
//! so an impostor cannot have the real gateway on another port sign for it.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Gateway;
use crate::own::json;

/// What `serve` leaves in its runtime file, and only there.
pub struct InstanceSecret(Zeroizing<[u8; 32]>);

/// How long a nonce is: 32 hexadecimal digits.
pub const NONCE_LENGTH: usize = 32;

#[derive(Deserialize)]
pub(crate) struct Challenge {
    nonce: Option<String>,
}

impl InstanceSecret {
    /// Takes 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// What a gateway with this secret answers to `nonce` when it was addressed as `host`, in lower-case hexadecimal.
    pub fn proof(&self, nonce: &str, host: &str) -> String {
        // A key of any length is taken: this cannot fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_ref()) else {
            return String::new();
        };
        mac.update(b"keyreeve healthz 1\n");
        mac.update(nonce.as_bytes());
        mac.update(b"\n");
        mac.update(host.to_ascii_lowercase().as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}

/// Answers `ok`, and the proof where a well-formed nonce came.
pub(crate) async fn healthz(
    State(gateway): State<Arc<Gateway>>,
    challenge: Result<Query<Challenge>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let proof = challenge
        .ok()
        .and_then(|Query(challenge)| challenge.nonce)
        .filter(|nonce| nonce.len() == NONCE_LENGTH && nonce.bytes().all(|c| c.is_ascii_hexdigit()))
        .map(|nonce| gateway.instance.proof(&nonce, host));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_for_one_secret_one_nonce_and_one_host() {
        let ours = InstanceSecret::new([7; 32]);
        let proof = ours.proof("00ff", "localhost:8484");
        assert_eq!(proof.len(), 64);
        assert_eq!(proof, ours.proof("00ff", "LOCALHOST:8484"));
        assert_ne!(proof, ours.proof("00fe", "localhost:8484"));
        assert_ne!(proof, ours.proof("00ff", "localhost:8485"));
        assert_ne!(
            proof,
            InstanceSecret::new([8; 32]).proof("00ff", "localhost:8484")
        );
    }
}
