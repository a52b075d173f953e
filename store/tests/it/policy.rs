//! Policy: profiles, keys and bindings are read back as written, and every open store sees a change at once.

use std::sync::Arc;

use keyreeve_core::binding::Binding;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Auth, BillingClass, Profile, SecretExposure, Source};
use keyreeve_store::StoreError;

use crate::fixture::{TestHome, add_key, add_profile, at, id, key, key_secret, profile, secret};

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
fn profiles_are_read_back_as_written() {
    let home = TestHome::new();
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
            secret_exposure: SecretExposure::Programs,
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
    let store = home.open();
    for case in &cases {
        store.add_profile(case, Some(&secret("example"))).unwrap();
    }
    drop(store);
    let policy = home.open().policy().unwrap();
    assert!(policy.profiles().iter().map(AsRef::as_ref).eq(&cases));
}

#[test]
fn keys_are_read_back_as_written() {
    let home = TestHome::new();
    let store = home.open();
    let (one, two) = (profile(1, "one"), profile(2, "two"));
    store.add_profile(&one, Some(&secret("1"))).unwrap();
    store.add_profile(&two, Some(&secret("2"))).unwrap();
    let tool = key(10, "kept", &[&two, &one]);
    add_key(&store, &tool, 1);
    let (public, hash) = key_secret(1);

    let policy = store.policy().unwrap();
    assert_eq!(policy.keys(), [Arc::new(tool.clone())]);
    let found = policy.key(public).unwrap();
    assert_eq!(
        (&**found.key, found.hash, found.valid_until),
        (&tool, hash, None)
    );
    assert!(policy.key(key_secret(2).0).is_none());
    assert_eq!(policy.profile(one.id).map(AsRef::as_ref), Some(&one));

    store.set_allow_billing(tool.id, &[]).unwrap();
    assert!(store.policy().unwrap().keys()[0].allow_billing.is_empty());
    store.revoke_key(tool.id, at(0)).unwrap();
    let refused = store.set_allow_billing(tool.id, &[BillingClass::Cloud]);
    assert!(matches!(refused, Err(StoreError::NotFound { what: "key" })));
}

#[test]
fn bindings_are_read_back_with_renamed_profiles() {
    let home = TestHome::new();
    let store = home.open();
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
        home.open().policy().unwrap().bindings(),
        [
            bound("/w", Some(work.id), Some("office")),
            bound("gateway", None, Some("gateway")),
            bound("metered", None, Some("metered")),
            bound("plan", None, Some("plan")),
        ]
    );
}

#[test]
fn binding_to_a_removed_profile_stays() {
    let home = TestHome::new();
    let store = home.open();
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
    for result in [
        store.bind(&binding),
        store.bind(&Binding {
            profile: None,
            ..binding.clone()
        }),
        store.unbind("/other"),
    ] {
        assert!(
            matches!(result, Err(StoreError::NotFound { .. })),
            "{result:?}"
        );
    }
}

#[test]
fn taken_name_is_refused_until_it_is_free() {
    let home = TestHome::new();
    let store = home.open();
    let add = |number, name| store.add_profile(&profile(number, name), Some(&secret("x")));
    add(1, "work").unwrap();
    add(2, "home").unwrap();
    assert!(matches!(add(3, "work"), Err(StoreError::NameTaken { name }) if name == "work"));
    let rename = store.rename_profile(profile(2, "home").id, &"work".parse().unwrap());
    assert!(matches!(rename, Err(StoreError::NameTaken { .. })));
    store.remove_profile(profile(1, "work").id).unwrap();
    add(3, "work").unwrap();

    let add = |number, secret| {
        let (public, hash) = key_secret(secret);
        store.add_key(&key(number, "tool", &[]), public, hash)
    };
    add(10, 1).unwrap();
    assert!(matches!(add(11, 2), Err(StoreError::NameTaken { .. })));
    store.revoke_key(key(10, "tool", &[]).id, at(5)).unwrap();
    add(11, 2).unwrap();
    let revoked: Vec<_> = store
        .policy()
        .unwrap()
        .keys()
        .iter()
        .map(|key| key.revoked_at)
        .collect();
    assert_eq!(revoked, [None, Some(at(5))], "the active one comes first");
}

#[test]
fn missing_record_is_an_error() {
    let home = TestHome::new();
    let store = home.open();
    let (none, no_key) = (profile(9, "none"), key(9, "none", &[]));
    for result in [
        store.rename_profile(none.id, &none.name),
        store.rotate_profile(&none, &secret("x")),
        store.remove_profile(none.id),
        store.use_profile(none.id),
        store.rotate_key(no_key.id, key_secret(1), at(1)),
        store.revoke_key(no_key.id, at(1)),
        store.add_key(&key(1, "k", &[&none]), key_secret(1).0, key_secret(1).1),
        store.add_profile(&none, None),
    ] {
        assert!(
            matches!(result, Err(StoreError::NotFound { .. })),
            "{result:?}"
        );
    }
    assert!(
        store.policy().unwrap().keys().is_empty(),
        "a refused key is not stored"
    );
}

#[test]
fn removed_profile_is_removed_from_keys_and_default() {
    let home = TestHome::new();
    let store = home.open();
    let removed = profile(1, "old");
    store.add_profile(&removed, Some(&secret("x"))).unwrap();
    add_key(&store, &key(2, "tool", &[&removed]), 1);
    store.use_profile(removed.id).unwrap();
    assert_eq!(store.policy().unwrap().default_profile(), Some(removed.id));

    store.remove_profile(removed.id).unwrap();
    let policy = store.policy().unwrap();
    assert_eq!(policy.default_profile(), None);
    assert_eq!(policy.profile(removed.id), None);
    assert!(policy.keys()[0].profiles.is_empty());
    assert!(matches!(
        store.unseal(&removed),
        Err(StoreError::NotFound { .. })
    ));
}

#[test]
fn billing_of_a_key_outlives_its_first_profile() {
    let home = TestHome::new();
    let store = home.open();
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
    add_key(&store, &key(3, "tool", &[&first, &then]), 1);
    store.remove_profile(first.id).unwrap();
    // A new profile with the same name is another profile.
    let again = profile(4, "first");
    store.add_profile(&again, Some(&secret("x"))).unwrap();
    let policy = store.policy().unwrap();
    let tool = &policy.keys()[0];
    assert_eq!(tool.billing, Some(BillingClass::Gateway));
    assert_eq!(tool.profiles, [then.id]);
}

/// CO-03 (the store's part): a revocation in one store is visible in another at its next read.
#[test]
fn revocation_by_another_process_is_seen_at_once() {
    let home = TestHome::new();
    let (first, second) = (home.open(), home.open());
    let tool = key(1, "tool", &[]);
    add_key(&first, &tool, 1);
    for round in 0..50 {
        assert_eq!(
            second.policy().unwrap().keys()[0].revoked_at,
            None,
            "round {round}"
        );
        let (public, hash) = key_secret(u8::try_from(round + 2).unwrap());
        first
            .rotate_key(tool.id, (public, hash), at(round))
            .unwrap();
        assert!(
            second.policy().unwrap().key(public).is_some(),
            "round {round}"
        );
    }
    first.revoke_key(tool.id, at(100)).unwrap();
    assert_eq!(second.policy().unwrap().keys()[0].revoked_at, Some(at(100)));
}

/// CO-03 (the store's part): each of 10,000 changes in one store is in force for the next lease of another.
#[test]
fn ten_thousand_revocations_hold_for_the_next_lease() {
    const CHANGES: i64 = 10_000;
    let home = TestHome::in_memory();
    let (owner, gateway) = (home.open(), home.serve());
    let found = |secret: u8| {
        let policy = gateway.lease_snapshot().unwrap().policy;
        policy
            .key(key_secret(secret).0)
            .is_some_and(|found| found.key.revoked_at.is_none())
    };
    for change in 0..CHANGES / 2 {
        let secret = u8::try_from(change % 251).unwrap();
        let tool = key(1 + u128::try_from(change).unwrap(), "tool", &[]);
        add_key(&owner, &tool, secret);
        assert!(found(secret), "added in round {change}");
        owner.revoke_key(tool.id, at(change)).unwrap();
        assert!(!found(secret), "revoked in round {change}");
        if change % 10 == 9 {
            home.run_sql("DELETE FROM key_secrets; DELETE FROM keys;");
        }
    }
}

#[test]
fn policy_is_reread_only_after_a_change() {
    let home = TestHome::new();
    let store = home.open();
    let before = store.policy().unwrap();
    let _open = crate::fixture::record_intent(&store, crate::fixture::intent(1)).unwrap();
    assert!(
        Arc::ptr_eq(&before, &store.policy().unwrap()),
        "a ledger entry does not change the policy"
    );
    add_profile(&store, 1, "new");
    assert!(!Arc::ptr_eq(&before, &store.policy().unwrap()));
    assert_eq!(store.policy().unwrap().profiles()[0].id.0, id(1));
}
