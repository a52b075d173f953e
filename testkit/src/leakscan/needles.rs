//! The forms under which a secret may hide, each as the bytes to look for.
//!
//! Invariant: a needle depends on the secret's mark alone, never on what stands around it: of a Base64 form only the
//! characters that the mark fully decides are kept.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::Encoding;

/// All fixed forms of `mark`; those a decoder must undo first (percent, JSON escapes, gzip) are found in its output.
pub(super) fn forms(mark: &[u8]) -> Vec<(Encoding, Vec<u8>)> {
    let mut forms = vec![
        (Encoding::Plain, mark.to_vec()),
        (Encoding::Hex, hex::encode(mark).into_bytes()),
        (Encoding::Hex, hex::encode_upper(mark).into_bytes()),
        (
            Encoding::Utf16,
            mark.iter().flat_map(|byte| [0, *byte]).skip(1).collect(),
        ),
        (Encoding::Numbers, numbers(mark, ",")),
        (Encoding::Numbers, numbers(mark, ", ")),
    ];
    for alignment in 0..3 {
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            forms.push((Encoding::Base64, base64_core(mark, alignment, &engine)));
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

/// The characters of the Base64 of `alignment` unknown bytes and then `mark` that do not depend on their neighbours.
fn base64_core(mark: &[u8], alignment: usize, engine: &impl Engine) -> Vec<u8> {
    let padded = [&[0_u8; 2][..alignment], mark].concat();
    let encoded = engine.encode(&padded);
    let first = (alignment * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    encoded.as_bytes()[first..last].to_vec()
}

/// Bytes as a list of decimal numbers, which is how Rust's `{:?}` and JSON write them.
fn numbers(mark: &[u8], separator: &str) -> Vec<u8> {
    mark.iter()
        .map(u8::to_string)
        .collect::<Vec<_>>()
        .join(separator)
        .into_bytes()
}
