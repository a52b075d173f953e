//! Bodies that arrive in pieces: the result does not depend on the cuts.

use keyreeve_core::peek::{BodyError, Peek, Scanner, SyntaxError, peek};

/// Reads a body in these pieces.
pub(super) fn peek_pieces<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Peek, BodyError> {
    let mut scanner = Scanner::new();
    for piece in pieces {
        scanner.push(piece)?;
    }
    scanner.finish()
}

/// Bodies with everything that a cut can divide, valid and not.
const BODIES: [&[u8]; 12] = [
    "{\"model\":\"a\u{e4}\u{6f22}\u{1f600}\",\"stream\":true,\"max_tokens\":1024}".as_bytes(),
    br#" { "mo\u0064el" : "\u00fc\ud83d\ude00\"\\" , "metadata" : { "user_id" : "u" } } "#,
    br#"{"tools":[{"model":"a"},{"input_schema":{"model":"b"}}],"x":[-1.5e+10,null,false,[],{}]}"#,
    br#"{"x":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n\\\"0123456789\u0041 ","y":"\ud800"}"#,
    b"{\"x\":\"\xe2\x82\x28\"}",
    b"\xe2\x28",
    b"{\"x\":1}\xf0\x9f\x98",
    br#"{"model":"a","MODEL":"b"}"#,
    br#"{"stream":1}"#,
    br#"{"x":"\u00g0"}"#,
    br#"{"x":12.}"#,
    b"{}{\xff",
];

#[test]
fn result_is_the_same_for_every_cut() {
    for body in BODIES {
        let whole = peek(body);
        assert_eq!(
            peek_pieces(body.chunks(1)),
            whole,
            "single bytes of {body:?}"
        );
        for first in 0..=body.len() {
            for second in first..=body.len() {
                let pieces = [&body[..first], &body[first..second], &body[second..]];
                assert_eq!(peek_pieces(pieces), whole, "{pieces:?}");
            }
        }
    }
}

#[test]
fn scanner_fails_for_ever_after_an_error() {
    let mut scanner = Scanner::new();
    assert_eq!(scanner.push(b"{\"x\":\xff"), Err(BodyError::NotUtf8));
    let error = BodyError::NotAnObject(SyntaxError::Byte(5));
    assert_eq!(scanner.push(b"1}"), Err(error));
    let error = BodyError::NotAnObject(SyntaxError::End);
    assert_eq!(scanner.finish(), Err(error));
}
