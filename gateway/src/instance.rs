//! The secret of one run of `serve`: by it the run proves itself, and from it come the short-lived keys of clients.
//!
//! `serve` leaves it in a file only its owner can read. Whoever can read that file may ask for a *ticket*, an opaque mark
//! under which both sides reckon the same virtual key, so that no key is kept anywhere but as its hash. What the
//! gateway thinks of a ticket's key is told inside of the proof only: who does not know the secret learns nothing.
//!
//! Invariants: a proof is for one nonce, one `Host` and one answer about one ticket; proofs are compared in constant
//! time; from a ticket follows nothing without the secret.

use hmac::{Hmac, KeyInit as _, Mac as _};
use keyreeve_core::virtual_key::{Kind, Minted, RANDOM_BYTES, mint};
use sha2::Sha256;
use zeroize::Zeroizing;

/// How long a nonce is: 32 hexadecimal digits.
pub const NONCE_LENGTH: usize = 32;

/// What `serve` leaves in its runtime file, and only there.
pub struct InstanceSecret(Zeroizing<[u8; 32]>);

/// An opaque mark of a short-lived key: 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ticket(String);

/// What a caller wants to be proved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Challenge<'a> {
    /// Something that was never asked before.
    pub nonce: &'a str,
    /// As what the caller addressed the gateway.
    pub host: &'a str,
}

/// What a proof says beside who speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum About<'a> {
    /// Nothing: no ticket was asked about.
    Nothing,
    /// The ticket's key is accepted now.
    Accepted(&'a Ticket),
    /// It is not: never made, expired, revoked, or not of this run.
    Refused(&'a Ticket),
}

impl InstanceSecret {
    /// Takes 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// What a gateway with this secret answers to a challenge, in lower-case hexadecimal.
    pub fn proof(&self, challenge: Challenge<'_>, about: About<'_>) -> String {
        self.answer(challenge, about)
            .map(|mac| hex::encode(mac.finalize().into_bytes()))
            .unwrap_or_default()
    }

    /// Says whether `proof` is what [`InstanceSecret::proof`] gives, in a time that does not tell where they differ.
    pub fn proves(&self, proof: &str, challenge: Challenge<'_>, about: About<'_>) -> bool {
        let Ok(proof) = hex::decode(proof) else {
            return false;
        };
        self.answer(challenge, about)
            .is_some_and(|mac| mac.verify_slice(&proof).is_ok())
    }

    /// The ticket for something that both sides can name.
    pub fn ticket(&self, what: &str) -> Ticket {
        let mac = self.keyed(&[b"keyreeve ticket 1", what.as_bytes()]);
        Ticket(
            mac.map(|mac| hex::encode(mac.finalize().into_bytes()))
                .unwrap_or_default(),
        )
    }

    /// The virtual key of a ticket: always the same, and known to nobody without this secret.
    pub fn key_of(&self, ticket: &Ticket) -> Option<Minted> {
        let mac = self.keyed(&[b"keyreeve ticket key 1", ticket.0.as_bytes()])?;
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(mac.finalize().into_bytes().into());
        let mut random = [0; RANDOM_BYTES];
        random.copy_from_slice(bytes.get(..RANDOM_BYTES)?);
        Some(mint(Kind::User, random))
    }

    fn answer(&self, challenge: Challenge<'_>, about: About<'_>) -> Option<Hmac<Sha256>> {
        let host = challenge.host.to_ascii_lowercase();
        let (ticket, word) = match about {
            About::Nothing => ("", ""),
            About::Accepted(ticket) => (ticket.as_str(), "accepted"),
            About::Refused(ticket) => (ticket.as_str(), "refused"),
        };
        self.keyed(&[
            b"keyreeve healthz 1",
            challenge.nonce.as_bytes(),
            host.as_bytes(),
            ticket.as_bytes(),
            word.as_bytes(),
        ])
    }

    /// Takes lines under the secret. None of them holds a line break: a nonce and a ticket are hexadecimal, a host comes
    /// from a header, and names are names.
    fn keyed(&self, lines: &[&[u8]]) -> Option<Hmac<Sha256>> {
        // A key of any length is taken: this cannot fail.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_ref()).ok()?;
        for line in lines {
            mac.update(line);
            mac.update(b"\n");
        }
        Some(mac)
    }
}

impl Ticket {
    const LENGTH: usize = 64;

    /// Reads a ticket from a request; none where it has another shape.
    pub fn parse(text: &str) -> Option<Self> {
        let shaped = text.len() == Self::LENGTH && text.bytes().all(|c| c.is_ascii_hexdigit());
        shaped.then(|| Self(text.to_ascii_lowercase()))
    }

    /// As it stands in a request.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_for_one_secret_one_nonce_one_host_and_one_answer() {
        let ours = InstanceSecret::new([7; 32]);
        let ticket = ours.ticket("key laptop");
        let about = About::Accepted(&ticket);
        let challenge = |nonce, host| Challenge { nonce, host };
        let proof = ours.proof(challenge("00ff", "localhost:8484"), about);
        assert_eq!(proof.len(), 64);
        assert!(ours.proves(&proof, challenge("00ff", "LOCALHOST:8484"), about));
        let other = InstanceSecret::new([8; 32]);
        let another = ours.ticket("key desk");
        for (secret, nonce, host, about) in [
            (&ours, "00fe", "localhost:8484", about),
            (&ours, "00ff", "localhost:8485", about),
            (&ours, "00ff", "localhost:8484", About::Nothing),
            (&ours, "00ff", "localhost:8484", About::Refused(&ticket)),
            (&ours, "00ff", "localhost:8484", About::Accepted(&another)),
            (&other, "00ff", "localhost:8484", about),
        ] {
            assert!(
                !secret.proves(&proof, challenge(nonce, host), about),
                "{nonce} {host} {about:?}"
            );
        }
        for nonsense in ["", "zz", &proof[..62]] {
            assert!(
                !ours.proves(nonsense, challenge("00ff", "localhost:8484"), about),
                "{nonsense}"
            );
        }
    }

    #[test]
    fn a_ticket_always_has_the_same_key_and_another_run_another() {
        let key = |secret: [u8; 32], what: &str| {
            let secret = InstanceSecret::new(secret);
            secret.key_of(&secret.ticket(what)).unwrap().public_id
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
