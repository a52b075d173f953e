//! Virtual keys: the format, what is refused, what a key may do.

use jiff::Timestamp;
use keyreeve_core::secret::Sink;
use keyreeve_core::virtual_key::{
    KeyHash, KeyId, Kind, Malformed, Minted, Presented, RANDOM_BYTES, Refused, Strategy,
    VirtualKey, mint,
};
use proptest::prelude::*;
use uuid::Uuid;

/// The characters of a whole key.
const WHOLE: usize = 52;

fn shown(minted: &Minted) -> &str {
    minted.key.expose_for(Sink::Shown)
}

fn key(models: &[&str]) -> VirtualKey {
    VirtualKey {
        id: KeyId(Uuid::from_u128(7)),
        name: "tool".parse().expect("a name"),
        profiles: Vec::new(),
        strategy: Strategy::default(),
        billing: None,
        may_spend: Vec::new(),
        models: models.iter().map(ToString::to_string).collect(),
        cache_ttl: None,
        expires_at: None,
        revoked_at: None,
        created_at: Timestamp::UNIX_EPOCH,
        simulated: false,
    }
}

#[test]
fn the_format_stays() {
    let lowest = mint(Kind::User, [0; RANDOM_BYTES]);
    assert_eq!(
        shown(&lowest),
        "krv_00000000_00000000000000000000000000000000_3mvImM"
    );
    let highest = mint(Kind::Admin, [0xff; RANDOM_BYTES]);
    assert_eq!(
        shown(&highest),
        "kra_dxlGgaI3_goI1aOx5GEzFguM4G50MuMiUED5ag5YV_0ZUht3"
    );
    let hint = Presented::parse(shown(&highest)).unwrap().hint();
    assert_eq!(hint.to_string(), "kra_dxlGgaI3_…");
}

#[test]
fn what_cannot_be_a_key_is_refused_before_it_is_looked_up() {
    let good = mint(Kind::User, [9; RANDOM_BYTES]);
    let good = shown(&good);
    let foreign = ["sk-ant-", "api03-", &"A".repeat(39)].concat();
    for (text, why) in [
        ("", Malformed::Prefix),
        ("krw_", Malformed::Prefix),
        (foreign.as_str(), Malformed::Prefix),
        ("krv_", Malformed::Shape),
        (&good[..WHOLE - 1], Malformed::Shape),
        (&format!("{good} "), Malformed::Shape),
        (
            &format!("{}ä{}", &good[..20], &good[22..]),
            Malformed::Alphabet,
        ),
        (
            &format!("{}-{}", &good[..20], &good[21..]),
            Malformed::Alphabet,
        ),
        (&good.replacen("krv_", "kra_", 1), Malformed::Checksum),
    ] {
        assert_eq!(Presented::parse(text), Err(why), "{text}");
    }
}

#[test]
fn an_unknown_id_is_compared_with_a_hash_that_no_key_has() {
    let minted = mint(Kind::User, [1; RANDOM_BYTES]);
    assert!(!minted.hash.matches(&KeyHash::DUMMY));
    assert!(
        minted
            .hash
            .matches(&Presented::parse(shown(&minted)).unwrap().hash)
    );
}

#[test]
fn models_are_matched_whole() {
    for (globs, model, may) in [
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
        assert_eq!(key(globs).may_ask(model), may, "{globs:?} {model}");
    }
}

#[test]
fn a_key_ends_on_the_second_and_a_revoked_one_at_once() {
    let at = |second| Timestamp::from_second(second).unwrap();
    for (expires_at, revoked_at, refusal) in [
        (None, None, None),
        (Some(101), None, None),
        (Some(100), None, Some(Refused::Expired)),
        (None, Some(100), Some(Refused::Revoked)),
        (None, Some(500), Some(Refused::Revoked)),
        (Some(1), Some(1), Some(Refused::Revoked)),
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
    fn what_is_minted_is_read_back(random: [u8; RANDOM_BYTES], admin: bool) {
        let kind = if admin { Kind::Admin } else { Kind::User };
        let minted = mint(kind, random);
        let expected =
            Presented { kind, public_id: minted.public_id, hash: minted.hash };
        prop_assert_eq!(Presented::parse(shown(&minted)), Ok(expected));
    }

    #[test]
    fn one_changed_character_is_refused(
        random: [u8; RANDOM_BYTES], place in 0..WHOLE, other in "[0-9A-Za-z_]",
    ) {
        let minted = mint(Kind::User, random);
        let mut changed = shown(&minted).to_owned();
        changed.replace_range(place..=place, &other);
        prop_assume!(changed != shown(&minted));
        prop_assert!(Presented::parse(&changed).is_err());
    }

    #[test]
    fn different_bits_make_different_keys(random: [u8; RANDOM_BYTES], bit in 0..240_usize) {
        // The three bits that are masked away: 1 of the id, 2 of the secret part.
        prop_assume!(![0, 48, 49].contains(&bit));
        let mut flipped = random;
        flipped[bit / 8] ^= 0x80 >> (bit % 8);
        let (one, other) = (mint(Kind::User, random), mint(Kind::User, flipped));
        prop_assert_ne!(shown(&one), shown(&other));
    }
}
