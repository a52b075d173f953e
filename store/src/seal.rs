//! Encryption at rest of secrets ("sealing") with the master key, each bound to the record it belongs to.
//!
//! Invariant: a secret sealed for one record, kind, generation and base URL cannot be decrypted for another
//! (docs/store-format.md has the layout and test vectors).

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use keyreeve_os::system;
use zeroize::Zeroizing;

use crate::error::UnderlyingError;
use crate::master_key::MasterKey;
use crate::{Result, StoreError};

/// Format version, the first byte of a sealed record.
const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;

/// The record that a sealed secret is bound to, as associated data of the encryption.
#[derive(Clone, Copy)]
pub(crate) struct SealContext<'a> {
    /// The record's id.
    pub(crate) id: [u8; 16],
    /// The kind of record.
    pub(crate) kind: RecordKind,
    /// The number of times the record was sealed.
    pub(crate) generation: u64,
    /// The only base URL the secret may be sent to, or empty if it is sent nowhere.
    pub(crate) base_url: &'a str,
}

/// The kinds of sealed records.
#[derive(Clone, Copy)]
pub(crate) enum RecordKind {
    /// A profile's secret.
    Profile,
    /// The empty check value, which distinguishes a wrong master key from a tampered record.
    Check,
}

/// Decryption failed: wrong key, changed bytes or another record. It gives no reason, so that it is no oracle.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnsealError;

/// Encrypts with a random nonce. Returns version, nonce, ciphertext and tag.
pub(crate) fn seal(key: &MasterKey, context: SealContext<'_>, secret: &[u8]) -> Result<Vec<u8>> {
    let nonce =
        system::random().map_err(|error| StoreError::NoRandomness(UnderlyingError::new(error)))?;
    seal_with(key.expose(), nonce, context, secret)
        .map_err(|UnsealError| StoreError::Database(UnderlyingError::new(std::fmt::Error)))
}

/// Decrypts the output of [`seal`] for the same context.
pub(crate) fn open(
    key: &MasterKey,
    context: SealContext<'_>,
    sealed: &[u8],
) -> std::result::Result<Zeroizing<Vec<u8>>, UnsealError> {
    let (&version, rest) = sealed.split_first().ok_or(UnsealError)?;
    if version != VERSION || rest.len() < NONCE + TAG {
        return Err(UnsealError);
    }
    let (nonce, ciphertext) = rest.split_at(NONCE);
    let nonce = XNonce::try_from(nonce).map_err(|_| UnsealError)?;
    let payload = Payload {
        msg: ciphertext,
        aad: &associated_data(context),
    };
    let plaintext = XChaCha20Poly1305::new(key.expose().into()).decrypt(&nonce, payload);
    plaintext.map(Zeroizing::new).map_err(|_| UnsealError)
}

fn seal_with(
    key: &[u8; 32],
    nonce: [u8; NONCE],
    context: SealContext<'_>,
    secret: &[u8],
) -> std::result::Result<Vec<u8>, UnsealError> {
    let payload = Payload {
        msg: secret,
        aad: &associated_data(context),
    };
    let ciphertext = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| UnsealError)?;
    Ok([&[VERSION], nonce.as_slice(), &ciphertext].concat())
}

/// Encodes each field after its length (32 bits, big-endian), so that no two contexts give the same bytes.
fn associated_data(context: SealContext<'_>) -> Vec<u8> {
    let kind = match context.kind {
        RecordKind::Profile => "profile",
        RecordKind::Check => "check",
    };
    let fields: [&[u8]; 5] = [
        &[VERSION],
        &context.id,
        kind.as_bytes(),
        &context.generation.to_be_bytes(),
        context.base_url.as_bytes(),
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
    fn documented_test_vectors_match() {
        let vectors: Vec<&str> = DOCUMENT.split("```vector").skip(1).collect();
        assert_eq!(vectors.len(), 3);
        for vector in vectors {
            let context = SealContext {
                id: bytes(vector, "id"),
                kind: match field(vector, "kind") {
                    "profile" => RecordKind::Profile,
                    _ => RecordKind::Check,
                },
                generation: field(vector, "generation").parse().unwrap(),
                base_url: field(vector, "base-url"),
            };
            let key: [u8; 32] = bytes(vector, "key");
            let plaintext = hex::decode(field(vector, "plaintext")).unwrap();
            let sealed = hex::decode(field(vector, "sealed")).unwrap();
            assert_eq!(
                hex::encode(associated_data(context)),
                field(vector, "associated-data")
            );
            assert_eq!(
                seal_with(&key, bytes(vector, "nonce"), context, &plaintext),
                Ok(sealed.clone())
            );
            let decrypted = open(&MasterKey::from_bytes(&key).unwrap(), context, &sealed).unwrap();
            assert_eq!(*decrypted, plaintext);
        }
    }

    const CONTEXT: SealContext<'static> = SealContext {
        id: [7; 16],
        kind: RecordKind::Profile,
        generation: 3,
        base_url: "https://api.anthropic.com",
    };

    fn sealed() -> (MasterKey, Vec<u8>) {
        let key = MasterKey::from_bytes(&[9; 32]).unwrap();
        let sealed = seal(&key, CONTEXT, b"an example").unwrap();
        (key, sealed)
    }

    /// ST-05: a changed record does not decrypt.
    #[test]
    fn flipped_bit_is_refused() {
        let (key, sealed) = sealed();
        assert_eq!(
            open(&key, CONTEXT, &sealed).unwrap().as_slice(),
            b"an example"
        );
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&key, CONTEXT, &flipped), Err(UnsealError), "bit {bit}");
        }
    }

    /// ST-05: a truncated record does not decrypt.
    #[test]
    fn truncated_record_is_refused() {
        let (key, sealed) = sealed();
        for length in 0..sealed.len() {
            assert_eq!(
                open(&key, CONTEXT, &sealed[..length]),
                Err(UnsealError),
                "length {length}"
            );
        }
    }

    /// ST-05: a record does not decrypt in another context or with another key.
    #[test]
    fn other_context_or_key_is_refused() {
        let (key, sealed) = sealed();
        for other in [
            SealContext {
                id: [8; 16],
                ..CONTEXT
            },
            SealContext {
                kind: RecordKind::Check,
                ..CONTEXT
            },
            SealContext {
                generation: 2,
                ..CONTEXT
            },
            SealContext {
                base_url: "https://api.anthropic.com.evil.test",
                ..CONTEXT
            },
            SealContext {
                base_url: "",
                ..CONTEXT
            },
        ] {
            assert_eq!(open(&key, other, &sealed), Err(UnsealError));
        }
        assert_eq!(
            open(&MasterKey::from_bytes(&[8; 32]).unwrap(), CONTEXT, &sealed),
            Err(UnsealError)
        );
    }
}
