//! Recorded client requests: editing to the other lifetime and back changes nothing else.

use keyreeve_core::cache_ttl::{Ttl, TtlEdit, apply_ttl};

use super::properties::count_edits;

/// The requests of `claude -p hi`, one per line, with fictional texts and three of its tools: of 2.1.329 with a key,
/// with a key and `--bare`, and with an OAuth token, and of 2.1.197 with a key (docs/facts.md#claude-code).
const REQUESTS: &str = include_str!("../../fixtures/client-requests.jsonl");

#[test]
fn client_requests_are_edited_and_restored() {
    for (request, is_long) in REQUESTS.lines().zip([false, false, true, false]) {
        let (original, other) = if is_long {
            (Ttl::OneHour, Ttl::FiveMinutes)
        } else {
            (Ttl::FiveMinutes, Ttl::OneHour)
        };
        assert_eq!(
            apply_ttl(request.as_bytes(), original),
            TtlEdit::Unchanged,
            "{request}"
        );
        let edited = edit(request.as_bytes(), other);
        let restored = edit(&edited, original);
        if is_long {
            assert_eq!(restored, request.as_bytes());
        } else {
            let explicit = String::from_utf8(restored).unwrap();
            assert_eq!(explicit.replace(r#","ttl":"5m""#, ""), request);
        }
    }
    assert_eq!(REQUESTS.lines().count(), 4);
}

#[track_caller]
fn edit(request: &[u8], ttl: Ttl) -> Vec<u8> {
    let (body, markers) = match apply_ttl(request, ttl) {
        TtlEdit::Edited { body, markers } => Some((body, markers)),
        TtlEdit::Unchanged | TtlEdit::Skipped(_) => None,
    }
    .unwrap();
    assert_eq!(markers, 3);
    assert_eq!(count_edits(request, &body, ttl), Some(3));
    body
}
