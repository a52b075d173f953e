//! Virtual keys: the format, malformed and refused keys, and the permissions of a key.

use jiff::Timestamp;
use keyreeve_core::secret::Sink;
use keyreeve_core::virtual_key::{
    KeyHash, KeyId, KeyKind, KeyRefusedError, MalformedKeyError, ModelPattern, NewKey,
    PresentedKey, RANDOM_BYTES, Strategy, VirtualKey, generate_key,
};
use proptest::prelude::*;
use uuid::Uuid;

/// Number of characters of a key.
const KEY_CHARS: usize = 52;

fn text(key: &NewKey) -> &str {
    key.key.expose_for(Sink::Display)
}

fn key(models: &[&str]) -> VirtualKey {
    VirtualKey {
        id: KeyId(Uuid::from_u128(7)),
        name: "tool".parse().expect("a name"),
        profiles: Vec::new(),
        strategy: Strategy::default(),
        billing: None,
        allow_billing: Vec::new(),
        models: models.iter().copied().map(ModelPattern::new).collect(),
        cache_ttl: None,
        expires_at: None,
        revoked_at: None,
        created_at: Timestamp::UNIX_EPOCH,
        simulated: false,
    }
}

#[test]
fn format_is_stable() {
    let lowest = generate_key(KeyKind::User, [0; RANDOM_BYTES]);
    assert_eq!(
        text(&lowest),
        "krv_00000000_00000000000000000000000000000000_3mvImM"
    );
    let highest = generate_key(KeyKind::Admin, [0xff; RANDOM_BYTES]);
    assert_eq!(
        text(&highest),
        "kra_dxlGgaI3_goI1aOx5GEzFguM4G50MuMiUED5ag5YV_0ZUht3"
    );
    let hint = PresentedKey::parse(text(&highest)).unwrap().hint();
    assert_eq!(hint.to_string(), "kra_dxlGgaI3_…");
}

#[test]
fn malformed_key_is_refused_without_a_lookup() {
    let good = generate_key(KeyKind::User, [9; RANDOM_BYTES]);
    let good = text(&good);
    let foreign = ["sk-ant-", "api03-", &"A".repeat(39)].concat();
    for (text, error) in [
        ("", MalformedKeyError::Prefix),
        ("krw_", MalformedKeyError::Prefix),
        (foreign.as_str(), MalformedKeyError::Prefix),
        ("krv_", MalformedKeyError::Shape),
        (&good[..KEY_CHARS - 1], MalformedKeyError::Shape),
        (&format!("{good} "), MalformedKeyError::Shape),
        (
            &format!("{}ä{}", &good[..20], &good[22..]),
            MalformedKeyError::Alphabet,
        ),
        (
            &format!("{}-{}", &good[..20], &good[21..]),
            MalformedKeyError::Alphabet,
        ),
        (
            &good.replacen("krv_", "kra_", 1),
            MalformedKeyError::Checksum,
        ),
    ] {
        assert_eq!(PresentedKey::parse(text), Err(error), "{text}");
    }
}

#[test]
fn dummy_hash_matches_no_key() {
    let new_key = generate_key(KeyKind::User, [1; RANDOM_BYTES]);
    assert!(!new_key.hash.matches(&KeyHash::DUMMY));
    assert!(
        new_key
            .hash
            .matches(&PresentedKey::parse(text(&new_key)).unwrap().hash)
    );
}

#[test]
fn model_globs_match_the_whole_id() {
    for (globs, model, allowed) in [
        (&[] as &[&str], "claude-opus-5-5", true),
        (&["claude-haiku-*"], "claude-haiku-4-5-20251001", true),
        (&["claude-haiku-*"], "claude-opus-5-5", false),
        (&["claude-haiku-*"], "not-claude-haiku-4-5", false),
        (
            &["claude-haiku-*", "claude-sonnet-?-?"],
            "claude-sonnet-4-6",
            true,
        ),
        (&["claude-opus-5"], "claude-opus-5-5", false),
        (&["claude-opus-5"], "Claude-opus-5", false),
        (&[""], "claude-opus-5", false),
    ] {
        assert_eq!(key(globs).allows_model(model), allowed, "{globs:?} {model}");
    }
}

#[test]
fn key_expires_to_the_second_and_is_revoked_at_once() {
    let at = |second| Timestamp::from_second(second).unwrap();
    for (expires_at, revoked_at, refusal) in [
        (None, None, None),
        (Some(101), None, None),
        (Some(100), None, Some(KeyRefusedError::Expired)),
        (None, Some(100), Some(KeyRefusedError::Revoked)),
        (None, Some(500), Some(KeyRefusedError::Revoked)),
        (Some(1), Some(1), Some(KeyRefusedError::Revoked)),
    ] {
        let mut key = key(&[]);
        key.expires_at = expires_at.map(at);
        key.revoked_at = revoked_at.map(at);
        assert_eq!(
            key.refusal(at(100)),
            refusal,
            "{expires_at:?} {revoked_at:?}"
        );
    }
}

proptest! {
    #[test]
    fn generated_key_is_parsed(random: [u8; RANDOM_BYTES], admin: bool) {
        let kind = if admin { KeyKind::Admin } else { KeyKind::User };
        let new_key = generate_key(kind, random);
        let expected =
            PresentedKey { kind, public_id: new_key.public_id, hash: new_key.hash };
        prop_assert_eq!(PresentedKey::parse(text(&new_key)), Ok(expected));
    }

    #[test]
    fn changed_character_is_refused(
        random: [u8; RANDOM_BYTES], index in 0..KEY_CHARS, other in "[0-9A-Za-z_]",
    ) {
        let new_key = generate_key(KeyKind::User, random);
        let mut changed = text(&new_key).to_owned();
        changed.replace_range(index..=index, &other);
        prop_assume!(changed != text(&new_key));
        prop_assert!(PresentedKey::parse(&changed).is_err());
    }

    #[test]
    fn different_random_bits_give_different_keys(random: [u8; RANDOM_BYTES], bit in 0..240_usize) {
        // The three bits that are masked: 1 of the id, 2 of the secret part.
        prop_assume!(![0, 48, 49].contains(&bit));
        let mut flipped = random;
        flipped[bit / 8] ^= 0x80 >> (bit % 8);
        let (one, other) = (generate_key(KeyKind::User, random), generate_key(KeyKind::User, flipped));
        prop_assert_ne!(text(&one), text(&other));
    }
}
