//! `key` and `connect`: a key is shown once, and never again.

use keyreeve_testkit::canary::Canary;

use crate::case::{Case, check, ends};

#[test]
fn a_key_lives_and_dies() {
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
fn a_key_for_pass_through_alone_leads_there() {
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
    ends(added, 0);
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
        "--may-spend",
        "gateway",
        "--expires",
        "30d",
    ];
    ends(case.run(&laptop), 0);
    case
}

#[test]
fn a_key_like_another_has_its_fields_but_for_those_given() {
    let case = with_two_profiles();
    let made = |arguments: &[&str]| {
        let all = [&["key", "add"], arguments, &["--json"]].concat();
        case.run(&all).expect_code(0).json()
    };
    let like = made(&["agent", "--like", "laptop"]);
    assert_eq!(like["profiles"], serde_json::json!(["work", "spare"]));
    assert_eq!(like["models"], serde_json::json!(["claude-*"]));
    assert_eq!(
        (&like["strategy"], &like["may_spend"][0]),
        (&"spread".into(), &"gateway".into())
    );
    assert_eq!(
        like["expires_at"],
        serde_json::Value::Null,
        "an end is given, never taken over"
    );
    let own = made(&[
        "ci",
        "--like",
        "laptop",
        "--profile",
        "spare",
        "--strategy",
        "ordered",
        "--may-spend",
        "cloud",
    ]);
    assert_eq!(own["profiles"], serde_json::json!(["spare"]));
    assert_eq!(own["models"], serde_json::json!(["claude-*"]));
    assert_eq!(
        (&own["strategy"], &own["may_spend"]),
        (&"ordered".into(), &serde_json::json!(["cloud"]))
    );
    let plain = made(&["plain", "--profile", "work"]);
    assert_eq!(
        (&plain["strategy"], &plain["billing"], &plain["may_spend"]),
        (&"ordered".into(), &"metered".into(), &serde_json::json!([]))
    );
    check(
        "key_show_spread",
        &case,
        &case.run(&["key", "show", "laptop"]),
    );
}

/// The owner of what is left has never said that the key, or one like it, may spend their money.
#[test]
fn a_removed_profile_leaves_no_key_to_another_payer() {
    let (case, _) = Case::with_profile();
    let other = "https://gateway.example";
    let add = ["profile", "add", "other", "--stdin", "--origin", other];
    ends(case.feed(&add, "team-token-of-26-characters"), 0);
    let key = [
        "key",
        "add",
        "tool",
        "--profile",
        "other",
        "--profile",
        "work",
    ];
    ends(case.run(&key), 0);
    let removed = case.run(&["profile", "remove", "other"]);
    let said = &removed.stderr;
    assert!(said.contains("`keyreeve key spend tool metered`"), "{said}");
    ends(removed, 0);
}

#[test]
fn a_key_cannot_be_like_one_that_is_gone_nor_spend_a_plan() {
    let case = with_two_profiles();
    let spends = |classes: &[&str]| {
        let all = [&["key", "spend", "laptop", "--json"], classes].concat();
        case.run(&all).expect_code(0).json()["may_spend"].clone()
    };
    assert_eq!(
        spends(&["cloud", "metered"]),
        serde_json::json!(["cloud", "metered"])
    );
    assert_eq!(spends(&[]), serde_json::json!([]));
    check(
        "key_spend",
        &case,
        &case.run(&["key", "spend", "laptop", "gateway"]),
    );
    check(
        "key_spend_a_plan",
        &case,
        &case.run(&["key", "spend", "laptop", "plan"]),
    );
    ends(case.run(&["key", "revoke", "laptop"]), 0);
    check(
        "key_spend_revoked",
        &case,
        &case.run(&["key", "spend", "laptop", "cloud"]),
    );
    check(
        "key_add_like_revoked",
        &case,
        &case.run(&["key", "add", "x", "--like", "laptop"]),
    );
    check(
        "key_add_like_nobody",
        &case,
        &case.run(&["key", "add", "x", "--like", "nobody"]),
    );
    check(
        "key_add_spending_a_plan",
        &case,
        &case.run(&[
            "key",
            "add",
            "x",
            "--profile",
            "work",
            "--may-spend",
            "plan",
        ]),
    );
}

#[test]
fn json_has_the_key_once() {
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
    let made = case.run(&arguments).expect_code(0).json();
    assert!(
        made["key"]
            .as_str()
            .is_some_and(|key| key.starts_with("krv_")),
        "{made}"
    );
    assert_eq!(made["models"][0], "claude-*");
    assert_eq!(made["state"], "active");
    let shown = case
        .run(&["key", "show", "ci", "--json"])
        .expect_code(0)
        .json();
    assert!(shown.get("key").is_none(), "{shown}");
    assert_eq!(shown["name"], "ci");
    assert_eq!(shown["cache_ttl"], "1h");
    let listed = case.run(&["key", "list", "--json"]).expect_code(0).json();
    assert_eq!(listed["keys"][0]["cache_ttl"], "1h");
    let told = case.run(&["key", "show", "ci"]).expect_code(0);
    assert!(told.stdout.contains("cache ttl    1h"), "{}", told.stdout);
}

#[test]
fn a_key_needs_its_profiles() {
    let (case, _) = Case::with_profile();
    check(
        "key_add_without_profile",
        &case,
        &case.run(&["key", "add", "x"]),
    );
    check(
        "key_add_unknown_profile",
        &case,
        &case.run(&["key", "add", "x", "--profile", "nobody"]),
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
fn settings_are_ready_to_paste() {
    let (case, _) = Case::with_profile();
    ends(case.run(&["key", "add", "laptop", "--profile", "work"]), 0);
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
        &case.run(&["connect", "curl", "--key", "nobody"]),
    );
}

#[test]
fn the_curl_line_asks_for_a_model_that_the_key_may_have() {
    let (case, _) = Case::with_profile();
    for (name, models, expected) in [
        ("any", &[][..], "claude-haiku-5-5"),
        ("every", &["--model", "claude-*"], "claude-haiku-5-5"),
        ("opus", &["--model", "claude-opus-*"], "claude-opus-5-5"),
        ("new", &["--model", "?-*", "--model", "my-own"], "my-own"),
    ] {
        let add = ["key", "add", name, "--profile", "work"];
        ends(case.run(&[&add[..], models].concat()), 0);
        let told = case.run(&["connect", "curl", "--key", name]).expect_code(0);
        let asked = format!("\"model\":\"{expected}\"");
        assert!(told.stdout.contains(&asked), "{name}: {}", told.stdout);
    }
}

#[test]
fn settings_name_the_default_model_where_the_key_may_have_it() {
    let (case, _) = Case::with_profile();
    for (name, models, expected) in [
        ("any", &[][..], "claude-opus-5"),
        ("haiku", &["--model", "claude-haiku-*"], "claude-haiku-5-5"),
    ] {
        let add = ["key", "add", name, "--profile", "work"];
        ends(case.run(&[&add[..], models].concat()), 0);
        let connect = |client| {
            let mut connect = case.command(&["connect", client, "--key", name]);
            connect.env("KEYREEVE_DEFAULT_MODEL", "claude-opus-5");
            case.home.run(&mut connect).expect_code(0).stdout
        };
        let (curl, claude) = (connect("curl"), connect("claude-code"));
        let asked = format!("\"model\":\"{expected}\"");
        assert!(curl.contains(&asked), "{name}: {curl}");
        let may_have_it = expected == "claude-opus-5";
        assert_eq!(
            claude.contains(" ANTHROPIC_MODEL=\"claude-opus-5\" "),
            may_have_it,
            "{claude}"
        );
    }
}

#[test]
fn a_key_handed_in_is_written_into_the_settings() {
    let (case, _) = Case::with_profile();
    let made = case
        .run(&["key", "add", "laptop", "--profile", "work"])
        .expect_code(0);
    let told = case.feed(
        &["connect", "python", "--key", "laptop", "--key-stdin"],
        &made.stdout,
    );
    assert!(told.stdout.contains(made.stdout.trim()), "{}", told.stdout);
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
