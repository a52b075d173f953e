//! The API key that Claude Code stores after a sign-in to the Console.

use keyreeve_testkit::canary::Canary;

use super::Machine;
use crate::case::assert_exit;

fn machine() -> (Machine, Canary) {
    let (machine, stored) = (Machine::new(), Canary::api_key("console"));
    let state = format!(r#"{{"primaryApiKey": "{}"}}"#, stored.value());
    machine.file("home/.claude.json", &state);
    (machine, stored)
}

/// F-01: the stored key is a step of the chain, and is shown as the payer without its value.
#[test]
fn stored_key_is_shown_as_the_payer() {
    let (machine, stored) = machine();
    let output = machine.run(&["status", "--json"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(!output.stdout.contains(stored.value()));
    let status: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(status["payer"]["class"], "organization_credit", "{status}");
    let steps = status["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["method"] == "stored_key");
    assert_eq!(step.unwrap()["state"], "used", "{status}");
    let guarded = machine.run(&["guard", "--expect", "plan"]);
    assert_eq!(guarded.code, 8, "{}", guarded.stderr);
}

/// F-01: with a token of the user's own it is sent as well, which is a conflict; a profile's own key replaces it.
#[test]
fn stored_key_does_not_pay_unsaid() {
    let (machine, _stored) = machine();
    let mut both = machine.command(&["status", "--check"]);
    both.env("ANTHROPIC_AUTH_TOKEN", "made-up-gateway-token");
    let both = machine.case.home.run(&mut both);
    let conflict = "would send two conflicting credentials, primaryApiKey in";
    assert!(both.stdout.contains(conflict), "{}", both.stdout);
    assert_exit(machine.run(&["exec", "--native", "--", "claude"]), 4);
    let started = machine.run(&["exec", "--profile", "work", "--", "claude"]);
    assert_eq!(started.code, 0, "{}", started.stderr);
    assert!(started.stdout.contains(machine.key.value()));
}
