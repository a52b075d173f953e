//! The expected payer of a directory: bindings that keep what is not named, and warnings if another account would pay.

use std::fs;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::process::ProcessOutput;

use crate::case::{Case, assert_exit, check};
use crate::exec::Machine;

/// Writes a login of Claude Code into a directory below the user's home.
fn login(case: &Case, directory: &str) {
    let text = r#"{"claudeAiOauth": {"accessToken": "a", "refreshToken": "b", "expiresAt": 4000000000000,
        "scopes": ["user:inference"], "subscriptionType": "max"}}"#;
    let directory = case.home.user_home().join(directory);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(".credentials.json"), text).unwrap();
}

fn run(case: &Case, arguments: &[&str]) -> ProcessOutput {
    case.home.run(&mut case.in_project(arguments))
}

/// F-05: a binding keeps what is not named, and reports what changed.
#[test]
fn binding_keeps_what_is_not_named() {
    let (case, _) = Case::with_profile();
    assert_exit(run(&case, &["bind", "--profile", "work"]), 0);
    let kept = run(&case, &["bind", "--expect", "metered"]);
    check("bind_keeps_profile", &case, &kept);
    let kept = run(&case, &["bind", "--profile", "work", "--json"]).json();
    assert_eq!(kept["expect"], "metered");
    assert_eq!(kept["previous"]["profile"], "work");
    assert_eq!(kept["previous"]["expect"], "metered");

    let cleared = run(&case, &["bind", "--no-expect"]);
    check("bind_clears_payer", &case, &cleared);
    check(
        "bind_nothing_left",
        &case,
        &run(&case, &["bind", "--no-profile"]),
    );
    let bindings = run(&case, &["bindings", "--json"]).json();
    assert_eq!(bindings["bindings"][0]["profile"], "work");
    assert_exit(
        run(&case, &["bind", "--expect", "gateway", "--no-profile"]),
        0,
    );
    let bindings = run(&case, &["bindings", "--json"]).json();
    assert_eq!(bindings["bindings"][0]["profile"], serde_json::Value::Null);
    assert_eq!(bindings["bindings"][0]["expect"], "gateway");
    assert_exit(
        run(&case, &["bind", "--profile", "work", "--no-profile"]),
        2,
    );
}

/// F-05: a profile that can never be the expected payer is named when the directory is bound.
#[test]
fn contradicting_binding_is_named() {
    let (case, _) = Case::with_profile();
    assert_exit(run(&case, &["bind", "--profile", "work"]), 0);
    let contradicting = run(&case, &["bind", "--expect", "plan"]);
    check("bind_contradiction", &case, &contradicting);
}

/// F-05: with two plans, a warning is given if the other one than the bound one would pay.
#[test]
fn bound_plan_is_expected_instead_of_another_plan() {
    let case = Case::new();
    login(&case, ".claude");
    login(&case, ".claude-team");
    let team = case.home.user_home().join(".claude-team");
    let team = team.to_str().unwrap();
    let add = [
        "profile",
        "add",
        "team",
        "--claude-login",
        "--config-dir",
        team,
    ];
    assert_exit(run(&case, &add), 0);
    assert_exit(
        run(&case, &["bind", "--profile", "team", "--expect", "plan"]),
        0,
    );

    check("guard_other_plan", &case, &run(&case, &["guard"]));
    check(
        "status_other_plan",
        &case,
        &run(&case, &["status", "--check"]),
    );
    let brief = run(&case, &["status", "--brief"]).expect_code(0).stdout;
    assert!(
        brief.starts_with("warning: expected team to pay"),
        "{brief}"
    );
    let line = case
        .home
        .run_with_input(&mut case.in_project(&["statusline"]), b"{}")
        .expect_code(0);
    assert!(line.stdout.contains("team should pay"), "{}", line.stdout);

    let mut bound = case.in_project(&["guard"]);
    let result = case.home.run(bound.env("CLAUDE_CONFIG_DIR", team));
    assert_exit(result, 0);
    let mut bound = case.in_project(&["status", "--check"]);
    assert_exit(case.home.run(bound.env("CLAUDE_CONFIG_DIR", team)), 0);
}

/// F-05: no other credential is used in a directory whose profile was removed.
#[test]
fn removed_profile_is_not_replaced_by_another_login() {
    let machine = Machine::new();
    machine.login();
    assert_exit(machine.run(&["bind", "--profile", "work"]), 0);
    assert_exit(machine.run(&["profile", "remove", "work"]), 0);
    machine.check(
        "exec_removed_profile",
        machine.run(&["exec", "--", "claude"]),
    );
    machine.check("guard_removed_profile", machine.run(&["guard"]));
    assert_exit(machine.run(&["exec", "--native", "--", "claude"]), 0);
}

/// F-05: a credential that the user names instead of the bound one is used, with a warning.
#[test]
fn other_credential_than_the_bound_one_is_named() {
    let machine = Machine::new();
    machine.login();
    assert_exit(machine.run(&["bind", "--profile", "work"]), 0);
    let bound = machine.run(&["exec", "--", "claude"]).expect_code(0);
    assert!(!bound.stderr.contains("bound"), "{}", bound.stderr);
    let native = machine
        .run(&["exec", "--native", "--", "claude"])
        .expect_code(0);
    assert!(
        native
            .stderr
            .contains("This directory is bound to profile `work`"),
        "{}",
        native.stderr
    );
}

/// F-05: the bound profile pays behind one of our own virtual keys, and another one does not.
#[test]
fn bound_profile_pays_behind_its_virtual_key() {
    let machine = Machine::new();
    let other = Canary::api_key("other");
    machine.profile("other", &[], other.value());
    assert_exit(machine.run(&["bind", "--profile", "work"]), 0);
    let binary = env!("CARGO_BIN_EXE_keyreeve");
    let script = format!("#!/bin/sh\nexec {binary} guard --for sdk-python\n");
    machine.program("guarded", &script);
    let behind_key = machine
        .run(&["exec", "--gateway", "--", "guarded"])
        .expect_code(0);
    assert!(
        behind_key.stdout.starts_with("work likely pays"),
        "{}",
        behind_key.stdout
    );
    let other = ["exec", "--gateway", "--profile", "other", "--", "guarded"];
    assert_exit(machine.run(&other), 8);
}

/// F-48: a mistyped payer or client is a usage error that names the choices.
#[test]
fn mistyped_payer_or_client_is_a_usage_error() {
    let (case, _) = Case::with_profile();
    check(
        "payer_unknown",
        &case,
        &run(&case, &["guard", "--expect", "foo"]),
    );
    for (arguments, named) in [
        (&["guard", "--expect", "API"][..], "Did you mean `metered`?"),
        (&["guard", "--expect", "Plan"], "Did you mean `plan`?"),
        (&["guard", "--expect", "worki"], "Did you mean `work`?"),
        (
            &["guard", "--expect", "API"],
            "plan, metered, cloud, gateway, work",
        ),
        (
            &["guard", "--expect", "a b"],
            "must be plan, metered, cloud, gateway or the name of a profile",
        ),
        (
            &["status", "--check", "--expect", "plna"],
            "Did you mean `plan`?",
        ),
        (&["exec", "--expect", "foo", "--", "true"], "work"),
        (&["env", "--expect", "foo", "--json"], "work"),
        (&["bind", "--expect", "foo"], "work"),
        (&["guard", "--for", "python"], "Did you mean `sdk-python`?"),
        (&["guard", "--for", "ts"], "Did you mean `sdk-typescript`?"),
        (
            &["status", "--for", "claude-cod"],
            "Did you mean `claude-code`?",
        ),
        (
            &["status", "--for", "claude-code@latest"],
            "sdk-python (@0, @1, @2)",
        ),
        (
            &["doctor", "--for", "node"],
            "Did you mean `sdk-typescript`?",
        ),
        (&["exec", "--for", "python", "--", "true"], "sdk-python"),
    ] {
        let result = run(&case, arguments);
        assert_eq!(result.code, 2, "{arguments:?}: {}", result.stderr);
        assert!(result.stderr.contains(named), "{}", result.stderr);
    }
}
