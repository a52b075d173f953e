//! `profile`: add, show, change, remove.

use keyreeve_testkit::canary::Canary;

use crate::case::{Case, assert_exit, check};

#[test]
fn profile_is_added_changed_and_removed() {
    let (case, _) = Case::with_profile();
    check("profile_list", &case, &case.run(&["profile", "list"]));
    check(
        "profile_show",
        &case,
        &case.run(&["profile", "show", "work"]),
    );
    check(
        "profile_rename",
        &case,
        &case.run(&["profile", "rename", "work", "office"]),
    );
    let new = Canary::api_key("rotated");
    case.home.plant(&new);
    check(
        "profile_rotate",
        &case,
        &case.feed(&["profile", "rotate", "office", "--stdin"], new.value()),
    );
    check(
        "profile_use",
        &case,
        &case.run(&["profile", "use", "office"]),
    );
    assert_exit(
        case.run(&["key", "add", "laptop", "--profile", "office"]),
        0,
    );
    check(
        "profile_remove",
        &case,
        &case.run(&["profile", "remove", "office"]),
    );
    check("profile_list_empty", &case, &case.run(&["profile", "list"]));
}

#[test]
fn secret_can_come_from_a_variable_or_command() {
    let case = Case::new();
    check(
        "profile_env",
        &case,
        &case.run(&["profile", "add", "ci", "--env", "CI_KEY"]),
    );
    check(
        "profile_command",
        &case,
        &case.run(&[
            "profile",
            "add",
            "vault",
            "--command",
            "--",
            "/bin/cat",
            "my key",
        ]),
    );
    check(
        "profile_command_unknown",
        &case,
        &case.run(&["profile", "add", "other", "--command", "--", "./cat"]),
    );
    check(
        "profile_list_sources",
        &case,
        &case.run(&["profile", "list"]),
    );
    check(
        "profile_rotate_env",
        &case,
        &case.feed(&["profile", "rotate", "ci", "--stdin"], "x"),
    );
}

#[test]
fn secret_can_come_from_files_and_logins() {
    let case = Case::new();
    for (name, arguments) in [
        ("box", &["--from-file", "/run/secrets/key", "--direct"][..]),
        ("fed", &["--sdk-profile", "ci"]),
        (
            "fed2",
            &["--sdk-profile", "ci", "--sdk-dir", "/srv/anthropic"],
        ),
        ("ant", &["--ant"]),
        ("ant2", &["--ant", "office"]),
        ("mine", &["--claude-login"]),
        (
            "hers",
            &["--claude-login", "--config-dir", "/home/her/.claude"],
        ),
    ] {
        let added = case.run(&[&["profile", "add", name], arguments].concat());
        assert_exit(added, 0);
    }
    check(
        "profile_list_programs",
        &case,
        &case.run(&["profile", "list"]),
    );
    check(
        "profile_show_direct",
        &case,
        &case.run(&["profile", "show", "box"]),
    );
    check(
        "profile_rotate_login",
        &case,
        &case.feed(&["profile", "rotate", "mine", "--stdin"], "x"),
    );
    let shown = case.run(&["profile", "show", "fed2", "--json"]);
    let shown = shown.expect_code(0).json();
    assert_eq!(shown["source"]["kind"], "sdk-profile");
    assert_eq!(shown["source"]["directory"], "/srv/anthropic");
    assert_eq!(shown["secret_exposure"], "requests_only");
    for wrong in [
        &["--from-file", "secrets/key"][..],
        &["--claude-login", "--direct"],
        &["--claude-login", "--origin", "https://gateway.example"],
        &["--ant", "--stdin"],
        &["--sdk-dir", "/srv/anthropic"],
    ] {
        let added = case.run(&[&["profile", "add", "wrong"], wrong].concat());
        assert_exit(added, 2);
    }
}

/// SU-01: no virtual key uses a plan login.
#[test]
fn plan_login_gets_no_virtual_key() {
    let case = Case::new();
    check(
        "profile_login",
        &case,
        &case.run(&["profile", "add", "mine", "--claude-login"]),
    );
    check(
        "key_add_plan",
        &case,
        &case.run(&["key", "add", "laptop", "--profile", "mine"]),
    );
}

#[test]
fn gateway_profile_accepts_any_printable_token() {
    let case = Case::new();
    let origin = [
        "--origin",
        "https://gateway.example/anthropic/v1",
        "--stdin",
        "--json",
    ];
    let added = case.feed(
        &[&["profile", "add", "team"], &origin[..]].concat(),
        "team-token-of-26-characters",
    );
    let added = added.expect_code(0).json();
    assert_eq!(added["base_url"], "https://gateway.example/anthropic");
    assert_eq!(added["auth"], "bearer");
    assert_eq!(added["billing"], "gateway");
    assert_eq!(added["schema_version"], 2);
}

#[test]
fn unusable_token_families_are_refused() {
    let case = Case::new();
    let oauth = Canary::oauth("plan");
    case.home.plant(&oauth);
    check(
        "profile_plan",
        &case,
        &case.feed(&["profile", "add", "plan", "--stdin"], oauth.value()),
    );
    for family in ["admin01", "ort01", "sid01"] {
        let pasted = ["sk-", "ant-", family, "-", &"x".repeat(93), "AA"].concat();
        assert_exit(
            case.feed(&["profile", "add", "wrong", "--stdin"], pasted),
            4,
        );
    }
    let wrong = Canary::wrong_virtual_key("own");
    case.home.plant(&wrong);
    assert_exit(
        case.feed(&["profile", "add", "own", "--stdin"], wrong.value()),
        4,
    );
}
