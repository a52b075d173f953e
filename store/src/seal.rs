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
