//! `key` and `connect`: a key is shown only once.

use keyreeve_testkit::canary::Canary;

use crate::case::{Case, assert_exit, check};

#[test]
fn key_is_added_rotated_and_revoked() {
    let (case, _) = Case::with_profile();
    check(
        "key_add",
        &case,
        &case.run(&["key", "add", "laptop", "--profile", "work"]),
    );
    check("key_show", &case, &case.run(&["key", "show", "laptop"]));
    check(
        "key_rotate",
        &case,
        &case.run(&["key", "rotate", "laptop", "--overlap", "10m"]),
    );
    check("key_revoke", &case, &case.run(&["key", "revoke", "laptop"]));
    check("key_list", &case, &case.run(&["key", "list"]));
    check(
        "key_rotate_revoked",
        &case,
        &case.run(&["key", "rotate", "laptop"]),
    );
    check(
        "connect_revoked",
        &case,
        &case.run(&["connect", "curl", "--key", "laptop"]),
    );
}

#[test]
fn pass_through_key_has_no_profiles() {
    let case = Case::new();
    for (name, arguments) in [
        (
            "key_add_pass_through",
            &["key", "add", "own-login", "--pass-through"][..],
        ),
        (
            "connect_without_profile",
            &["connect", "curl", "--key", "own-login"],
        ),
        (
            "key_add_like_pass_through",
            &["key", "add", "x", "--like", "own-login"],
        ),
    ] {
        check(name, &case, &case.run(arguments));
    }
}

/// A case with profiles `work` and `spare`, and key `laptop` for both.
fn with_two_profiles() -> Case {
    let (case, _) = Case::with_profile();
    let spare = Canary::api_key("spare");
    let added = case.feed(&["profile", "add", "spare", "--stdin"], spare.value());
    assert_exit(added, 0);
    let laptop = [
        "key",
        "add",
        "laptop",
        "--profile",
        "work",
        "--profile",
        "spare",
        "--model",
        "claude-*",
        "--strategy",
        "spread",
        "--allow-billing",
        "gateway",
        "--expires",
        "30d",
    ];
    assert_exit(case.run(&laptop), 0);
    case
}

#[test]
fn key_copies_the_settings_of_another() {
    let case = with_two_profiles();
    let add = |arguments: &[&str]| {
        let all = [&["key", "add"], arguments, &["--json"]].concat();
        case.run(&all).expect_code(0).json()
    };
    let like = add(&["agent", "--like", "laptop"]);
    assert_eq!(like["profiles"], serde_json::json!(["work", "spare"]));
    assert_eq!(like["models"], serde_json::json!(["claude-*"]));
    assert_eq!(
        (&like["strategy"], &like["allow_billing"][0]),
        (&"spread".into(), &"gateway".into())
    );
    assert_eq!(
        like["expires_at"],
        serde_json::Value::Null,
        "the expiry is never copied"
    );
    let own = add(&[
        "ci",
        "--like",
        "laptop",
        "--profile",
        "spare",
        "--strategy",
        "ordered",
        "--allow-billing",
        "cloud",
    ]);
    assert_eq!(own["profiles"], serde_json::json!(["spare"]));
    assert_eq!(own["models"], serde_json::json!(["claude-*"]));
    assert_eq!(
        (&own["strategy"], &own["allow_billing"]),
        (&"ordered".into(), &serde_json::json!(["cloud"]))
    );
    let plain = add(&["plain", "--profile", "work"]);
    assert_eq!(
        (
            &plain["strategy"],
            &plain["billing"],
            &plain["allow_billing"]
        ),
        (&"ordered".into(), &"metered".into(), &serde_json::json!([]))
    );
    check(
        "key_show_spread",
        &case,
        &case.run(&["key", "show", "laptop"]),
    );
}

/// The owner of the remaining profile never allowed the key to use its billing class.
#[test]
fn removed_profile_does_not_change_the_payer() {
    let (case, _) = Case::with_profile();
    let other = "https://gateway.example";
    let add = ["profile", "add", "other", "--stdin", "--origin", other];
    assert_exit(case.feed(&add, "team-token-of-26-characters"), 0);
    let key = [
        "key",
        "add",
        "tool",
        "--profile",
        "other",
        "--profile",
        "work",
    ];
    assert_exit(case.run(&key), 0);
    let revoked = ["key", "add", "old", "--profile", "other"];
    assert_exit(case.run(&revoked), 0);
    assert_exit(case.run(&["key", "revoke", "old"]), 0);
    let removed = case.run(&["profile", "remove", "other"]);
    let stderr = &removed.stderr;
    let fix = "`keyreeve key allow-billing tool metered`";
    assert!(stderr.contains(fix), "{stderr}");
    assert!(!stderr.contains("`old`"), "a revoked key: {stderr}");
    assert_exit(removed, 0);
}

#[test]
fn billing_classes_are_allowed_except_plan() {
    let case = with_two_profiles();
    let allow = |classes: &[&str]| {
        let all = [&["key", "allow-billing", "laptop", "--json"], classes].concat();
        case.run(&all).expect_code(0).json()["allow_billing"].clone()
    };
    assert_eq!(
        allow(&["cloud", "metered"]),
        serde_json::json!(["cloud", "metered"])
    );
    assert_eq!(allow(&[]), serde_json::json!([]));
    check(
        "key_allow_billing",
        &case,
        &case.run(&["key", "allow-billing", "laptop", "gateway"]),
    );
    check(
        "key_allow_billing_plan",
        &case,
        &case.run(&["key", "allow-billing", "laptop", "plan"]),
    );
    assert_exit(case.run(&["key", "revoke", "laptop"]), 0);
    check(
        "key_allow_billing_revoked",
        &case,
        &case.run(&["key", "allow-billing", "laptop", "cloud"]),
    );
    check(
        "key_add_like_revoked",
        &case,
        &case.run(&["key", "add", "x", "--like", "laptop"]),
    );
    check(
        "key_add_like_unknown",
        &case,
        &case.run(&["key", "add", "x", "--like", "other"]),
    );
    check(
        "key_add_allow_billing_plan",
        &case,
        &case.run(&[
            "key",
            "add",
            "x",
            "--profile",
            "work",
            "--allow-billing",
            "plan",
        ]),
    );
}

#[test]
fn json_contains_the_key_only_when_created() {
    let (case, _) = Case::with_profile();
    let arguments = [
        "key",
        "add",
        "ci",
        "--profile",
        "work",
        "--model",
        "claude-*",
        "--expires",
        "30d",
        "--cache-ttl",
        "1h",
        "--json",
    ];
    let added = case.run(&arguments).expect_code(0).json();
    assert!(
        added["key"]
            .as_str()
            .is_some_and(|key| key.starts_with("krv_")),
        "{added}"
    );
    assert_eq!(added["models"][0], "claude-*");
    assert_eq!(added["state"], "active");
    let shown = case
        .run(&["key", "show", "ci", "--json"])
        .expect_code(0)
        .json();
    assert!(shown.get("key").is_none(), "{shown}");
    assert_eq!(shown["name"], "ci");
    assert_eq!(shown["cache_ttl"], "1h");
    let listed = case.run(&["key", "list", "--json"]).expect_code(0).json();
    assert_eq!(listed["keys"][0]["cache_ttl"], "1h");
    let shown = case.run(&["key", "show", "ci"]).expect_code(0).stdout;
    assert!(shown.contains("cache ttl    1h"), "{shown}");
}

#[test]
fn key_needs_existing_profiles() {
    let (case, _) = Case::with_profile();
    check(
        "key_add_without_profile",
        &case,
        &case.run(&["key", "add", "x"]),
    );
    check(
        "key_add_unknown_profile",
        &case,
        &case.run(&["key", "add", "x", "--profile", "other"]),
    );
    check(
        "key_add_all_wrong",
        &case,
        &case.run(&[
            "key",
            "add",
            "x",
            "--profile",
            "work",
            "--profile",
            "work",
            "--expires",
            "never",
            "--model",
            "a b",
        ]),
    );
}

#[test]
fn settings_are_printed_for_each_client() {
    let (case, _) = Case::with_profile();
    assert_exit(case.run(&["key", "add", "laptop", "--profile", "work"]), 0);
    for client in [
        "curl",
        "python",
        "typescript",
        "claude-code",
        "pass-through",
    ] {
        check(
            &format!("connect_{client}"),
            &case,
            &case.run(&["connect", client, "--key", "laptop", "--quiet"]),
        );
    }
    check(
        "connect_unknown",
        &case,
        &case.run(&["connect", "curl", "--key", "other"]),
    );
}

#[test]
fn curl_settings_name_an_allowed_model() {
    let (case, _) = Case::with_profile();
    for (name, models, expected) in [
        ("any", &[][..], "claude-haiku-5-5"),
        ("every", &["--model", "claude-*"], "claude-haiku-5-5"),
        ("opus", &["--model", "claude-opus-*"], "claude-opus-5-5"),
        ("new", &["--model", "?-*", "--model", "my-own"], "my-own"),
    ] {
        let add = ["key", "add", name, "--profile", "work"];
        assert_exit(case.run(&[&add[..], models].concat()), 0);
        let settings = case.run(&["connect", "curl", "--key", name]);
        let settings = settings.expect_code(0).stdout;
        let model = format!("\"model\":\"{expected}\"");
        assert!(settings.contains(&model), "{name}: {settings}");
    }
}

#[test]
fn settings_name_the_default_model_if_allowed() {
    let (case, _) = Case::with_profile();
    for (name, models, expected) in [
        ("any", &[][..], "claude-opus-5"),
        ("haiku", &["--model", "claude-haiku-*"], "claude-haiku-5-5"),
    ] {
        let add = ["key", "add", name, "--profile", "work"];
        assert_exit(case.run(&[&add[..], models].concat()), 0);
        let connect = |client| {
            let mut connect = case.command(&["connect", client, "--key", name]);
            connect.env("KEYREEVE_DEFAULT_MODEL", "claude-opus-5");
            case.home.run(&mut connect).expect_code(0).stdout
        };
        let (curl, claude) = (connect("curl"), connect("claude-code"));
        let model = format!("\"model\":\"{expected}\"");
        assert!(curl.contains(&model), "{name}: {curl}");
        let is_allowed = expected == "claude-opus-5";
        assert_eq!(
            claude.contains(" ANTHROPIC_MODEL=\"claude-opus-5\" "),
            is_allowed,
            "{claude}"
        );
    }
}

#[test]
fn key_from_standard_input_is_in_the_settings() {
    let (case, _) = Case::with_profile();
    let added = case
        .run(&["key", "add", "laptop", "--profile", "work"])
        .expect_code(0);
    let settings = case.feed(
        &["connect", "python", "--key", "laptop", "--key-stdin"],
        &added.stdout,
    );
    let settings = settings.stdout;
    assert!(settings.contains(added.stdout.trim()), "{settings}");
    let wrong = Canary::wrong_virtual_key("connect");
    case.home.plant(&wrong);
    check(
        "connect_wrong_key",
        &case,
        &case.feed(
            &["connect", "python", "--key", "laptop", "--key-stdin"],
            wrong.value(),
        ),
    );
}
