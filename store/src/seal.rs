//! Seals a secret under the master key, bound to the record it belongs to.
//!
//! Invariant: what was sealed for one record, kind, generation and base URL opens for no other
//! (docs/store-format.md has the layout and test vectors).

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use keyreeve_os::world;
use zeroize::Zeroizing;

use crate::error::Cause;
use crate::master_key::MasterKey;
use crate::{Error, Result};

/// The first byte of a sealed record.
const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;

/// What a sealed record is bound to.
#[derive(Clone, Copy)]
pub(crate) struct Binding<'a> {
    /// The record's id.
    pub id: [u8; 16],
    /// What kind of record it is.
    pub kind: Kind,
    /// How many times it was sealed.
    pub generation: u64,
    /// Where the secret may go; empty where it goes nowhere.
    pub base_url: &'a str,
}

/// The kinds of sealed records.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A profile's secret.
    Profile,
    /// Nothing at all, by which a wrong master key is told from a tampered record.
    Check,
}

/// The bytes did not open: wrong key, or not what was sealed. Why is not told, so that nobody can probe.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// Seals with a fresh nonce: version, nonce, ciphertext, tag.
pub(crate) fn seal(key: &MasterKey, binding: Binding<'_>, secret: &[u8]) -> Result<Vec<u8>> {
    let nonce = world::random().map_err(|error| Error::NoRandomness(Cause::new(error)))?;
    seal_with(key.expose(), nonce, binding, secret)
        .map_err(|Refused| Error::Database(Cause::new(std::fmt::Error)))
}

/// Opens what [`seal`] made for the same binding.
pub(crate) fn open(
    key: &MasterKey,
    binding: Binding<'_>,
    sealed: &[u8],
) -> std::result::Result<Zeroizing<Vec<u8>>, Refused> {
    let (&version, rest) = sealed.split_first().ok_or(Refused)?;
    if version != VERSION || rest.len() < NONCE + TAG {
        return Err(Refused);
    }
    let (nonce, ciphertext) = rest.split_at(NONCE);
    let nonce = XNonce::try_from(nonce).map_err(|_| Refused)?;
    let payload = Payload {
        msg: ciphertext,
        aad: &associated_data(binding),
    };
    let opened = XChaCha20Poly1305::new(key.expose().into()).decrypt(&nonce, payload);
    opened.map(Zeroizing::new).map_err(|_| Refused)
}

fn seal_with(
    key: &[u8; 32],
    nonce: [u8; NONCE],
    binding: Binding<'_>,
    secret: &[u8],
) -> std::result::Result<Vec<u8>, Refused> {
    let payload = Payload {
        msg: secret,
        aad: &associated_data(binding),
    };
    let ciphertext = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| Refused)?;
    Ok([&[VERSION], nonce.as_slice(), &ciphertext].concat())
}

/// Each field behind its length (32 bits, big-endian), so that no two bindings give the same bytes.
fn associated_data(binding: Binding<'_>) -> Vec<u8> {
    let kind = match binding.kind {
        Kind::Profile => "profile",
        Kind::Check => "check",
    };
    let fields: [&[u8]; 5] = [
        &[VERSION],
        &binding.id,
        kind.as_bytes(),
        &binding.generation.to_be_bytes(),
        binding.base_url.as_bytes(),
    ];
    let mut data = Vec::new();
    for field in fields {
        let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
        data.extend_from_slice(&length.to_be_bytes());
        data.extend_from_slice(field);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../docs/store-format.md");

    fn field<'a>(vector: &'a str, name: &str) -> &'a str {
        let line = vector
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap().trim()
    }

    fn bytes<const N: usize>(vector: &str, name: &str) -> [u8; N] {
        hex::decode(field(vector, name))
            .unwrap()
            .try_into()
            .unwrap()
    }

    #[test]
    fn the_documented_vectors_hold() {
        let vectors: Vec<&str> = DOCUMENT.split("```vector").skip(1).collect();
        assert_eq!(vectors.len(), 3);
        for vector in vectors {
            let binding = Binding {
                id: bytes(vector, "id"),
                kind: match field(vector, "kind") {
                    "profile" => Kind::Profile,
                    _ => Kind::Check,
                },
                generation: field(vector, "generation").parse().unwrap(),
                base_url: field(vector, "base-url"),
            };
            let key: [u8; 32] = bytes(vector, "key");
            let plaintext = hex::decode(field(vector, "plaintext")).unwrap();
            let sealed = hex::decode(field(vector, "sealed")).unwrap();
            assert_eq!(
                hex::encode(associated_data(binding)),
                field(vector, "associated-data")
            );
            assert_eq!(
                seal_with(&key, bytes(vector, "nonce"), binding, &plaintext),
                Ok(sealed.clone())
            );
            let opened = open(&MasterKey::of(&key).unwrap(), binding, &sealed).unwrap();
            assert_eq!(*opened, plaintext);
        }
    }

    const BINDING: Binding<'static> = Binding {
        id: [7; 16],
        kind: Kind::Profile,
        generation: 3,
        base_url: "https://api.anthropic.com",
    };

    fn sealed() -> (MasterKey, Vec<u8>) {
        let key = MasterKey::of(&[9; 32]).unwrap();
        let sealed = seal(&key, BINDING, b"an example").unwrap();
        (key, sealed)
    }

    #[test]
    fn st_05_each_flipped_bit_is_refused() {
        let (key, sealed) = sealed();
        assert_eq!(
            open(&key, BINDING, &sealed).unwrap().as_slice(),
            b"an example"
        );
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&key, BINDING, &flipped), Err(Refused), "bit {bit}");
        }
    }

    #[test]
    fn st_05_each_cut_is_refused() {
        let (key, sealed) = sealed();
        for length in 0..sealed.len() {
            assert_eq!(
                open(&key, BINDING, &sealed[..length]),
                Err(Refused),
                "length {length}"
            );
        }
    }

    #[test]
    fn st_05_another_record_kind_generation_place_or_key_is_refused() {
        let (key, sealed) = sealed();
        for other in [
            Binding {
                id: [8; 16],
                ..BINDING
            },
            Binding {
                kind: Kind::Check,
                ..BINDING
            },
            Binding {
                generation: 2,
                ..BINDING
            },
            Binding {
                base_url: "https://api.anthropic.com.evil.test",
                ..BINDING
            },
            Binding {
                base_url: "",
                ..BINDING
            },
        ] {
            assert_eq!(open(&key, other, &sealed), Err(Refused));
        }
        assert_eq!(
            open(&MasterKey::of(&[8; 32]).unwrap(), BINDING, &sealed),
            Err(Refused)
        );
    }
}
