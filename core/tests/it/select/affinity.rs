//! Affinity: conversations are identified, pinned for an hour, and limited in number.

use std::collections::HashMap;

use jiff::SignedDuration;
use keyreeve_core::select::{
    AFFINITY_TTL, CacheBenefit, Conversation, MIN_CACHEABLE_BYTES, PinnedConversations,
};
use keyreeve_core::virtual_key::KeyId;
use proptest::prelude::*;
use uuid::Uuid;

use super::{at, id};

fn named(name: &str) -> Conversation {
    Conversation::from_client_ids(Some(name), None).unwrap()
}

fn key(number: u128) -> KeyId {
    KeyId(Uuid::from_u128(number))
}

#[test]
fn session_identifies_a_conversation_else_the_user() {
    let conversation = |session, user| Conversation::from_client_ids(session, user);
    assert_eq!(
        conversation(Some("a"), Some("b")),
        conversation(Some("a"), Some("c"))
    );
    assert_eq!(
        conversation(None, Some("b")),
        conversation(Some(""), Some("b"))
    );
    // The same name as session and as user is not the same conversation.
    assert_ne!(conversation(Some("a"), None), conversation(None, Some("a")));
    assert_eq!(conversation(None, None), None);
    assert_eq!(conversation(None, Some("")), None);
}

#[test]
fn pin_expires_an_hour_after_last_use_and_is_per_key() {
    let mut pins = PinnedConversations::new(10);
    pins.pin((key(1), named("a")), id(1), at(0));
    pins.pin((key(1), named("a")), id(2), at(10));
    let profile_of = |key_number, second| pins.pinned_to(key(key_number), named("a"), at(second));
    let hour = AFFINITY_TTL.as_secs();
    assert_eq!(
        (profile_of(1, 10), profile_of(1, hour + 9)),
        (Some(id(2)), Some(id(2)))
    );
    assert_eq!((profile_of(1, hour + 10), profile_of(2, 10)), (None, None));
    assert_eq!(pins.len(), 1);
}

#[test]
fn key_with_many_conversations_evicts_only_its_own() {
    let mut pins = PinnedConversations::new(100);
    for name in ["a", "b", "c"] {
        pins.pin((key(1), named(name)), id(1), at(0));
    }
    for name in 0..1_000 {
        pins.pin((key(2), named(&name.to_string())), id(2), at(1));
    }
    assert_eq!(pins.len(), 100);
    for name in ["a", "b", "c"] {
        assert_eq!(pins.pinned_to(key(1), named(name), at(2)), Some(id(1)));
    }
    let second_key_pin = |name: i32| pins.pinned_to(key(2), named(&name.to_string()), at(2));
    assert_eq!(
        (second_key_pin(902), second_key_pin(903)),
        (None, Some(id(2)))
    );
}

#[test]
fn cache_benefit_depends_on_body_length() {
    for (bytes, expected) in [
        (0, CacheBenefit::None),
        (MIN_CACHEABLE_BYTES - 1, CacheBenefit::None),
        (MIN_CACHEABLE_BYTES, CacheBenefit::Significant),
    ] {
        assert_eq!(CacheBenefit::from_body_length(bytes), expected, "{bytes}");
    }
}

proptest! {
    /// The most recently used conversations are pinned to their last profile, and no others.
    #[test]
    fn least_recently_used_is_evicted_first(uses in prop::collection::vec((0_u8..12, 0_usize..3), 0..200), capacity in 0_usize..8) {
        let mut pins = PinnedConversations::new(capacity);
        let mut last: HashMap<u8, (usize, usize)> = HashMap::new();
        for (turn, (name, profile)) in uses.iter().enumerate() {
            pins.pin((key(1), named(&name.to_string())), id(*profile), at(0));
            last.insert(*name, (turn, *profile));
            prop_assert!(pins.len() <= capacity);
        }
        let mut turns: Vec<_> = last.iter().map(|(name, (turn, profile))| (*turn, *name, *profile)).collect();
        turns.sort_unstable();
        turns.reverse();
        let now = at(0) + SignedDuration::from_secs(1);
        for (position, (_, name, profile)) in turns.iter().enumerate() {
            let found = pins.pinned_to(key(1), named(&name.to_string()), now);
            prop_assert_eq!(found, (position < capacity).then(|| id(*profile)));
        }
    }
}
