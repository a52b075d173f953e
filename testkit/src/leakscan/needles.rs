//! Search needles: the encodings of a secret, each as the bytes to search for.
//!
//! Invariant: a needle depends only on the secret's marker, never on the bytes around it: a Base64 needle has only the
//! characters that the marker determines completely.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::Encoding;

/// Returns all fixed encodings of `marker`. Percent-encoding, JSON escapes and gzip are decoded before the search.
pub(super) fn encodings(marker: &[u8]) -> Vec<(Encoding, Vec<u8>)> {
    let mut encodings = vec![
        (Encoding::Plain, marker.to_vec()),
        (Encoding::Hex, hex::encode(marker).into_bytes()),
        (Encoding::Hex, hex::encode_upper(marker).into_bytes()),
        (
            Encoding::Utf16,
            marker.iter().flat_map(|byte| [0, *byte]).skip(1).collect(),
        ),
        (Encoding::Numbers, numbers(marker, ",")),
        (Encoding::Numbers, numbers(marker, ", ")),
    ];
    for alignment in 0..3 {
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            encodings.push((Encoding::Base64, base64_core(marker, alignment, &engine)));
        }
    }
    encodings.sort();
    encodings.dedup();
    encodings
}

/// Returns the Base64 characters of `alignment` unknown bytes and then `marker` that no neighboring byte affects.
fn base64_core(marker: &[u8], alignment: usize, engine: &impl Engine) -> Vec<u8> {
    let padded = [&[0_u8; 2][..alignment], marker].concat();
    let encoded = engine.encode(&padded);
    let first = (alignment * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    encoded.as_bytes()[first..last].to_vec()
}

/// Formats bytes as a list of decimal numbers, as Rust's `{:?}` and JSON do.
fn numbers(marker: &[u8], separator: &str) -> Vec<u8> {
    marker
        .iter()
        .map(u8::to_string)
        .collect::<Vec<_>>()
        .join(separator)
        .into_bytes()
}
