//! Profiles and keys come back as they were put in, and every store on the database sees a change at once.

use std::sync::Arc;

use keyreeve_core::binding::Binding;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Auth, BillingClass, Handing, Profile, Source};
use keyreeve_store::Error;

use crate::bed::{Bed, at, id, key, key_secret, profile, secret};

fn from(number: u128, name: &str, source: Source) -> Profile {
    Profile {
        source,
        ..profile(number, name)
    }
}

fn sdk_profile(directory: Option<String>) -> Source {
    Source::SdkProfile {
        directory,
        name: "default".parse().unwrap(),
    }
}

#[test]
fn profiles_come_back_as_they_were_put_in() {
    let bed = Bed::new();
    let url = |text| BaseUrl::parse(text, PlainHttp::LoopbackOnly).unwrap();
    let cases = [
        profile(1, "a-sealed"),
        Profile {
            source: Source::Environment {
                variable: "SOME_KEY".to_owned(),
            },
            hint: None,
            base_url: url("http://[::1]:8080/under/v1/v1"),
            ..profile(2, "b-environment")
        },
        Profile {
            source: Source::Command {
                argv: vec!["pass".to_owned(), "a b\"'\n".to_owned()],
            },
            auth: Auth::Bearer,
            simulated: true,
            rotated_at: Some(at(3)),
            ..profile(3, "c-command")
        },
        Profile {
            source: Source::File {
                path: "/run/secrets/an ant's key".to_owned(),
            },
            handing: Handing::Direct,
            expires_at: Some(at(9)),
            ..profile(4, "d-file")
        },
        from(5, "e-sdk", sdk_profile(None)),
        from(6, "f-sdk", sdk_profile(Some("/home/me/\"x\"".to_owned()))),
        from(7, "g-ant", Source::Ant { profile: None }),
        from(
            8,
            "h-ant",
            Source::Ant {
                profile: Some("work".parse().unwrap()),
            },
        ),
        Profile {
            billing: BillingClass::Plan,
            ..from(9, "i-login", Source::ClaudeLogin { config_dir: None })
        },
        from(
            10,
            "j-login",
            Source::ClaudeLogin {
                config_dir: Some("/home/me/.claude-work".to_owned()),
            },
        ),
    ];
    let store = bed.open();
    for case in &cases {
        store.add_profile(case, Some(&secret("example"))).unwrap();
    }
    drop(store);
    assert_eq!(bed.open().policy().unwrap().profiles(), cases);
}

#[test]
fn keys_come_back_as_they_were_put_in() {
    let bed = Bed::new();
    let store = bed.open();
    let (one, two) = (profile(1, "one"), profile(2, "two"));
    store.add_profile(&one, Some(&secret("1"))).unwrap();
    store.add_profile(&two, Some(&secret("2"))).unwrap();
    let kept = key(10, "kept", &[&two, &one]);
    let (public, hash) = key_secret(1);
    store.add_key(&kept, public, hash).unwrap();

    let policy = store.policy().unwrap();
    assert_eq!(policy.keys(), std::slice::from_ref(&kept));
    let found = policy.key(public).unwrap();
    assert_eq!(
        (found.key, found.hash, found.valid_until),
        (&kept, hash, None)
    );
    assert!(policy.key(key_secret(2).0).is_none());
    assert_eq!(policy.profile(one.id), Some(&one));

    store.set_may_spend(kept.id, &[]).unwrap();
    assert!(store.policy().unwrap().keys()[0].may_spend.is_empty());
    store.revoke_key(kept.id, at(0)).unwrap();
    let refused = store.set_may_spend(kept.id, &[BillingClass::Cloud]);
    assert!(matches!(refused, Err(Error::NotFound { what: "key" })));
}

#[test]
fn bindings_come_back_and_follow_a_profile_that_is_renamed() {
    let bed = Bed::new();
    let store = bed.open();
    let work = profile(1, "work");
    store.add_profile(&work, Some(&secret("1"))).unwrap();
    let bound = |directory: &str, profile, expect: Option<&str>| Binding {
        directory: directory.to_owned(),
        profile,
        expect: expect.map(|text| text.parse().unwrap()),
    };
    for class in ["plan", "metered", "cloud", "gateway"] {
        store.bind(&bound(class, None, Some(class))).unwrap();
    }
    store.bind(&bound("/w", None, Some("plan"))).unwrap();
    store
        .bind(&bound("/w", Some(work.id), Some("work")))
        .unwrap();
    store
        .rename_profile(work.id, &"office".parse().unwrap())
        .unwrap();
    store.unbind("cloud").unwrap();
    assert_eq!(
        bed.open().policy().unwrap().bindings(),
        [
            bound("/w", Some(work.id), Some("office")),
            bound("gateway", None, Some("gateway")),
            bound("metered", None, Some("metered")),
            bound("plan", None, Some("plan")),
        ]
    );
}

#[test]
fn what_is_bound_to_a_removed_profile_stays_bound() {
    let bed = Bed::new();
    let store = bed.open();
    let work = profile(1, "work");
    store.add_profile(&work, Some(&secret("1"))).unwrap();
    let binding = Binding {
        directory: "/w".to_owned(),
        profile: Some(work.id),
        expect: Some("work".parse().unwrap()),
    };
    store.bind(&binding).unwrap();
    store.remove_profile(work.id).unwrap();
    assert_eq!(
        store.policy().unwrap().bindings(),
        std::slice::from_ref(&binding)
    );
    for none in [
        store.bind(&binding),
        store.bind(&Binding {
            profile: None,
            ..binding.clone()
        }),
        store.unbind("/elsewhere"),
    ] {
        assert!(matches!(none, Err(Error::NotFound { .. })), "{none:?}");
    }
}

#[test]
fn a_taken_name_is_refused_until_it_is_free() {
    let bed = Bed::new();
    let store = bed.open();
    let add = |number, name| store.add_profile(&profile(number, name), Some(&secret("x")));
    add(1, "work").unwrap();
    add(2, "home").unwrap();
    assert!(matches!(add(3, "work"), Err(Error::NameTaken { name }) if name == "work"));
    let rename = store.rename_profile(profile(2, "home").id, &"work".parse().unwrap());
    assert!(matches!(rename, Err(Error::NameTaken { .. })));
    store.remove_profile(profile(1, "work").id).unwrap();
    add(3, "work").unwrap();

    let add = |number, secret| {
        let (public, hash) = key_secret(secret);
        store.add_key(&key(number, "tool", &[]), public, hash)
    };
    add(10, 1).unwrap();
    assert!(matches!(add(11, 2), Err(Error::NameTaken { .. })));
    store.revoke_key(key(10, "tool", &[]).id, at(5)).unwrap();
    add(11, 2).unwrap();
    let revoked: Vec<_> = store
        .policy()
        .unwrap()
        .keys()
        .iter()
        .map(|key| key.revoked_at)
        .collect();
    assert_eq!(revoked, [None, Some(at(5))], "the living one comes first");
}

#[test]
fn what_is_not_there_is_said_so() {
    let bed = Bed::new();
    let store = bed.open();
    let (none, no_key) = (profile(9, "none"), key(9, "none", &[]));
    for answer in [
        store.rename_profile(none.id, &none.name),
        store.rotate_profile(&none, &secret("x")),
        store.remove_profile(none.id),
        store.use_profile(none.id),
        store.rotate_key(no_key.id, key_secret(1), at(1)),
        store.revoke_key(no_key.id, at(1)),
        store.add_key(&key(1, "k", &[&none]), key_secret(1).0, key_secret(1).1),
        store.add_profile(&none, None),
    ] {
        assert!(matches!(answer, Err(Error::NotFound { .. })), "{answer:?}");
    }
    assert!(
        store.policy().unwrap().keys().is_empty(),
        "a refused key leaves nothing behind"
    );
}

#[test]
fn a_removed_profile_is_gone_from_keys_and_default() {
    let bed = Bed::new();
    let store = bed.open();
    let gone = profile(1, "gone");
    store.add_profile(&gone, Some(&secret("x"))).unwrap();
    store
        .add_key(&key(2, "tool", &[&gone]), key_secret(1).0, key_secret(1).1)
        .unwrap();
    store.use_profile(gone.id).unwrap();
    assert_eq!(store.policy().unwrap().default_profile(), Some(gone.id));

    store.remove_profile(gone.id).unwrap();
    let policy = store.policy().unwrap();
    assert_eq!(policy.default_profile(), None);
    assert_eq!(policy.profile(gone.id), None);
    assert!(policy.keys()[0].profiles.is_empty());
    assert!(matches!(store.unseal(&gone), Err(Error::NotFound { .. })));
}

#[test]
fn whom_a_key_bills_outlasts_the_profile_that_said_so() {
    let bed = Bed::new();
    let store = bed.open();
    let first = Profile {
        billing: BillingClass::Gateway,
        ..profile(1, "first")
    };
    let then = Profile {
        billing: BillingClass::Metered,
        ..profile(2, "then")
    };
    for profile in [&first, &then] {
        store.add_profile(profile, Some(&secret("x"))).unwrap();
    }
    let (public, hash) = key_secret(1);
    store
        .add_key(&key(3, "tool", &[&first, &then]), public, hash)
        .unwrap();
    store.remove_profile(first.id).unwrap();
    // Another of its name is another.
    let again = profile(4, "first");
    store.add_profile(&again, Some(&secret("x"))).unwrap();
    let policy = store.policy().unwrap();
    let tool = &policy.keys()[0];
    assert_eq!(tool.billing, Some(BillingClass::Gateway));
    assert_eq!(tool.profiles, [then.id]);
}

/// CO-03, the store's half: what one store revokes, another sees the next time it asks.
#[test]
fn co_03_a_revocation_elsewhere_holds_at_once() {
    let bed = Bed::new();
    let (here, there) = (bed.open(), bed.open());
    let tool = key(1, "tool", &[]);
    here.add_key(&tool, key_secret(1).0, key_secret(1).1)
        .unwrap();
    for round in 0..50 {
        assert_eq!(
            there.policy().unwrap().keys()[0].revoked_at,
            None,
            "round {round}"
        );
        let (public, hash) = key_secret(u8::try_from(round + 2).unwrap());
        here.rotate_key(tool.id, (public, hash), at(round)).unwrap();
        assert!(
            there.policy().unwrap().key(public).is_some(),
            "round {round}"
        );
    }
    here.revoke_key(tool.id, at(100)).unwrap();
    assert_eq!(there.policy().unwrap().keys()[0].revoked_at, Some(at(100)));
}

#[test]
fn policy_is_read_again_only_when_it_changed() {
    let bed = Bed::new();
    let store = bed.open();
    let before = store.policy().unwrap();
    crate::bed::begin(&store, crate::bed::intent(1)).unwrap();
    assert!(
        Arc::ptr_eq(&before, &store.policy().unwrap()),
        "a ledger row is no policy"
    );
    store
        .add_profile(&profile(1, "new"), Some(&secret("x")))
        .unwrap();
    assert!(!Arc::ptr_eq(&before, &store.policy().unwrap()));
    assert_eq!(store.policy().unwrap().profiles()[0].id.0, id(1));
}
