//! Conversations are told apart, held for an hour, and never more than there is room for.

use std::collections::HashMap;

use jiff::SignedDuration;
use keyreeve_core::select::{CACHED_FROM_BYTES, Cache, Conversation, Conversations, HELD_FOR};
use keyreeve_core::virtual_key::KeyId;
use proptest::prelude::*;
use uuid::Uuid;

use super::{at, id};

fn named(name: &str) -> Conversation {
    Conversation::of(Some(name), None).unwrap()
}

fn key(number: u128) -> KeyId {
    KeyId(Uuid::from_u128(number))
}

#[test]
fn a_session_names_a_conversation_and_else_the_user_does() {
    let of = |session, user| Conversation::of(session, user);
    assert_eq!(of(Some("a"), Some("b")), of(Some("a"), Some("c")));
    assert_eq!(of(None, Some("b")), of(Some(""), Some("b")));
    // The same word as session and as user is not the same conversation.
    assert_ne!(of(Some("a"), None), of(None, Some("a")));
    assert_eq!(of(None, None), None);
    assert_eq!(of(None, Some("")), None);
}

#[test]
fn a_conversation_is_held_for_an_hour_after_its_last_use_by_its_own_key_alone() {
    let mut held = Conversations::new(10);
    held.hold((key(1), named("a")), id(1), at(0));
    held.hold((key(1), named("a")), id(2), at(10));
    let by = |whose, second| held.held_by(key(whose), named("a"), at(second));
    let hour = HELD_FOR.as_secs();
    assert_eq!((by(1, 10), by(1, hour + 9)), (Some(id(2)), Some(id(2))));
    assert_eq!((by(1, hour + 10), by(2, 10)), (None, None));
    assert_eq!(held.len(), 1);
}

#[test]
fn one_key_lets_go_of_no_other_keys_conversations_by_many_of_its_own() {
    let mut held = Conversations::new(100);
    for name in ["a", "b", "c"] {
        held.hold((key(1), named(name)), id(1), at(0));
    }
    for name in 0..1_000 {
        held.hold((key(2), named(&name.to_string())), id(2), at(1));
    }
    assert_eq!(held.len(), 100);
    for name in ["a", "b", "c"] {
        assert_eq!(held.held_by(key(1), named(name), at(2)), Some(id(1)));
    }
    let of_second = |name: i32| held.held_by(key(2), named(&name.to_string()), at(2));
    assert_eq!((of_second(902), of_second(903)), (None, Some(id(2))));
}

#[test]
fn a_body_says_whether_a_cache_may_have_it() {
    for (bytes, expected) in [
        (0, Cache::Needless),
        (CACHED_FROM_BYTES - 1, Cache::Needless),
        (CACHED_FROM_BYTES, Cache::Cold),
    ] {
        assert_eq!(Cache::of_body(bytes), expected, "{bytes}");
    }
}

proptest! {
    /// The last so many that were used are held, by whom they were held last, and no others.
    #[test]
    fn those_used_longest_ago_go_first(uses in prop::collection::vec((0_u8..12, 0_usize..3), 0..200), most in 0_usize..8) {
        let mut held = Conversations::new(most);
        let mut last: HashMap<u8, (usize, usize)> = HashMap::new();
        for (turn, (name, by)) in uses.iter().enumerate() {
            held.hold((key(1), named(&name.to_string())), id(*by), at(0));
            last.insert(*name, (turn, *by));
            prop_assert!(held.len() <= most);
        }
        let mut turns: Vec<_> = last.iter().map(|(name, (turn, by))| (*turn, *name, *by)).collect();
        turns.sort_unstable();
        turns.reverse();
        let now = at(0) + SignedDuration::from_secs(1);
        for (place, (_, name, by)) in turns.iter().enumerate() {
            let found = held.held_by(key(1), named(&name.to_string()), now);
            prop_assert_eq!(found, (place < most).then(|| id(*by)));
        }
    }
}
