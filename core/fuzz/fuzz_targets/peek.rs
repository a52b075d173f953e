//! Reads any bytes with the scanner, whole and in pieces, and compares it with `serde_json`.
//!
//! The first byte chooses where the rest is cut.
#![no_main]

use keyreeve_core::peek::{Scanner, peek};
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/it/peek/reference.rs"]
mod reference;

fuzz_target!(|input: &[u8]| {
    let Some((cut, body)) = input.split_first() else {
        return;
    };
    let whole = peek(body);
    assert_eq!(whole.clone().ok(), reference::reference(body));
    let mut scanner = Scanner::new();
    let mut result = Ok(());
    for piece in body.chunks(usize::from(*cut).max(1)) {
        result = result.and_then(|()| scanner.push(piece));
    }
    assert_eq!(result.and_then(|()| scanner.finish()), whole);
});
