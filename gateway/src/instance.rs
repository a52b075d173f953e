//! The secret of one run of `serve`: proves the run's identity, and derives the short-lived keys of clients.
//!
//! `serve` writes it to a file that only its owner can read. A program that can read that file may ask for a *ticket*,
//! an opaque id from which both sides derive the same virtual key, so that no key is stored except as its hash. Whether
//! the gateway accepts a ticket's key is visible only inside the proof: a caller without the secret learns nothing.
//!
//! Invariants: a proof is for one nonce, one `Host` and one state of one ticket; proofs are compared in constant time;
//! nothing can be derived from a ticket without the secret.

use hmac::{Hmac, KeyInit as _, Mac as _};
use keyreeve_core::virtual_key::{KeyKind, NewKey, RANDOM_BYTES, generate_key};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The length of a nonce: 32 hexadecimal digits.
pub const NONCE_HEX_DIGITS: usize = 32;

/// The secret that `serve` writes to its runtime file, and nowhere else.
pub struct InstanceSecret(Zeroizing<[u8; 32]>);

/// An opaque id of a short-lived key: 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ticket(String);

/// The challenge of a caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Challenge<'a> {
    /// A value that was never used before.
    pub nonce: &'a str,
    /// The `Host` that the caller sent.
    pub host: &'a str,
}

/// The state of a ticket that a proof confirms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TicketState<'a> {
    /// The caller sent no ticket.
    NotRequested,
    /// The ticket's key is accepted now.
    Accepted(&'a Ticket),
    /// The ticket's key is not accepted: it was never made, has expired, was revoked, or belongs to another run.
    Rejected(&'a Ticket),
}

impl InstanceSecret {
    /// Creates the secret from 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Returns the proof for a challenge, in lower-case hexadecimal.
    pub fn proof(&self, challenge: Challenge<'_>, state: TicketState<'_>) -> String {
        self.proof_mac(challenge, state)
            .map(|mac| hex::encode(mac.finalize().into_bytes()))
            .unwrap_or_default()
    }

    /// Returns `true` if `proof` equals that of [`InstanceSecret::proof`], compared in constant time.
    pub fn verifies(&self, proof: &str, challenge: Challenge<'_>, state: TicketState<'_>) -> bool {
        let Ok(proof) = hex::decode(proof) else {
            return false;
        };
        self.proof_mac(challenge, state)
            .is_some_and(|mac| mac.verify_slice(&proof).is_ok())
    }

    /// Returns the ticket for a subject that both sides can name.
    pub fn ticket(&self, subject: &str) -> Ticket {
        let mac = self.mac_of_lines(&[b"keyreeve ticket 1", subject.as_bytes()]);
        Ticket(
            mac.map(|mac| hex::encode(mac.finalize().into_bytes()))
                .unwrap_or_default(),
        )
    }

    /// Derives the virtual key of a ticket: always the same, and only with this secret.
    pub fn key_for(&self, ticket: &Ticket) -> Option<NewKey> {
        let mac = self.mac_of_lines(&[b"keyreeve ticket key 1", ticket.0.as_bytes()])?;
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(mac.finalize().into_bytes().into());
        let mut random = [0; RANDOM_BYTES];
        random.copy_from_slice(bytes.get(..RANDOM_BYTES)?);
        Some(generate_key(KeyKind::User, random))
    }

    fn proof_mac(&self, challenge: Challenge<'_>, state: TicketState<'_>) -> Option<Hmac<Sha256>> {
        let host = challenge.host.to_ascii_lowercase();
        let (ticket, word) = match state {
            TicketState::NotRequested => ("", ""),
            TicketState::Accepted(ticket) => (ticket.as_str(), "accepted"),
            TicketState::Rejected(ticket) => (ticket.as_str(), "refused"),
        };
        self.mac_of_lines(&[
            b"keyreeve healthz 1",
            challenge.nonce.as_bytes(),
            host.as_bytes(),
            ticket.as_bytes(),
            word.as_bytes(),
        ])
    }

    /// Computes the HMAC of lines. No line contains a line break: a nonce and a ticket are hexadecimal, a host is a
    /// header value, and names cannot contain one.
    fn mac_of_lines(&self, lines: &[&[u8]]) -> Option<Hmac<Sha256>> {
        // HMAC accepts a key of any length: this cannot fail.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_ref()).ok()?;
        for line in lines {
            mac.update(line);
            mac.update(b"\n");
        }
        Some(mac)
    }
}

impl Ticket {
    const HEX_DIGITS: usize = 64;

    /// Parses a ticket of a request, or returns `None` if it is malformed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_valid =
            text.len() == Self::HEX_DIGITS && text.bytes().all(|c| c.is_ascii_hexdigit());
        is_valid.then(|| Self(text.to_ascii_lowercase()))
    }

    /// Returns the ticket as it is sent in a request.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_is_bound_to_secret_nonce_host_and_state() {
        let ours = InstanceSecret::new([7; 32]);
        let ticket = ours.ticket("key laptop");
        let state = TicketState::Accepted(&ticket);
        let challenge = |nonce, host| Challenge { nonce, host };
        let proof = ours.proof(challenge("00ff", "localhost:8484"), state);
        assert_eq!(proof.len(), 64);
        assert!(ours.verifies(&proof, challenge("00ff", "LOCALHOST:8484"), state));
        let other = InstanceSecret::new([8; 32]);
        let another = ours.ticket("key desk");
        for (secret, nonce, host, state) in [
            (&ours, "00fe", "localhost:8484", state),
            (&ours, "00ff", "localhost:8485", state),
            (&ours, "00ff", "localhost:8484", TicketState::NotRequested),
            (
                &ours,
                "00ff",
                "localhost:8484",
                TicketState::Rejected(&ticket),
            ),
            (
                &ours,
                "00ff",
                "localhost:8484",
                TicketState::Accepted(&another),
            ),
            (&other, "00ff", "localhost:8484", state),
        ] {
            assert!(
                !secret.verifies(&proof, challenge(nonce, host), state),
                "{nonce} {host} {state:?}"
            );
        }
        for nonsense in ["", "zz", &proof[..62]] {
            assert!(
                !ours.verifies(nonsense, challenge("00ff", "localhost:8484"), state),
                "{nonsense}"
            );
        }
    }

    #[test]
    fn ticket_key_is_stable_within_a_run() {
        let key = |secret: [u8; 32], subject: &str| {
            let secret = InstanceSecret::new(secret);
            secret.key_for(&secret.ticket(subject)).unwrap().public_id
        };
        assert_eq!(key([7; 32], "key a"), key([7; 32], "key a"));
        assert_ne!(key([7; 32], "key a"), key([7; 32], "key b"));
        assert_ne!(key([7; 32], "key a"), key([8; 32], "key a"));
        let ticket = InstanceSecret::new([7; 32]).ticket("key a");
        assert_eq!(Ticket::parse(ticket.as_str()), Some(ticket));
        for wrong in ["", "0", &"g".repeat(64)] {
            assert_eq!(Ticket::parse(wrong), None, "{wrong}");
        }
    }
}
