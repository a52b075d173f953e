//! What clients send: there and back again, and nothing else moves.

use keyreeve_core::cache_ttl::{Edit, Ttl, edit};

use super::properties::undone;

/// The request of `claude -p hi`, a line each, with made-up texts and three of its tools: of 2.1.329 with a key, with a key
/// and `--bare`, and with an OAuth token, and of 2.1.197 with a key (docs/facts.md#claude-code).
const REQUESTS: &str = include_str!("../../fixtures/client-requests.jsonl");

#[test]
fn what_clients_send_is_edited_there_and_back() {
    for (request, is_long) in REQUESTS.lines().zip([false, false, true, false]) {
        let (has, other) = if is_long {
            (Ttl::OneHour, Ttl::FiveMinutes)
        } else {
            (Ttl::FiveMinutes, Ttl::OneHour)
        };
        assert_eq!(edit(request.as_bytes(), has), Edit::Nothing, "{request}");
        let there = edited(request.as_bytes(), other);
        let back = edited(&there, has);
        if is_long {
            assert_eq!(back, request.as_bytes());
        } else {
            let explicit = String::from_utf8(back).unwrap();
            assert_eq!(explicit.replace(r#","ttl":"5m""#, ""), request);
        }
    }
    assert_eq!(REQUESTS.lines().count(), 4);
}

#[track_caller]
fn edited(request: &[u8], ttl: Ttl) -> Vec<u8> {
    let (body, markers) = match edit(request, ttl) {
        Edit::Edited { body, markers } => Some((body, markers)),
        Edit::Nothing | Edit::Left(_) => None,
    }
    .unwrap();
    assert_eq!(markers, 3);
    assert_eq!(undone(request, &body, ttl), Some(3));
    body
}
