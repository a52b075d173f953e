//! SU-01: a plan login is refused wherever it would serve anything but its owner's own Claude Code.

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::Decoy;

use crate::case::{Case, ends};
use crate::exec::Machine;
use crate::exec::payer::keep_setup_token;

/// What every refusal says.
const POLICY: &str = "plan login";

#[test]
fn su_01_a_pasted_plan_token_is_kept_nowhere() {
    let (case, _) = Case::with_profile();
    let token = Canary::oauth("su01");
    case.home.plant(&token);
    let bearer = format!("Authorization: Bearer {}\n", token.value());
    let (start, end) = token.value().split_at(80);
    let wrapped = format!("{start}\n{end}\n");
    for pasted in [token.value(), &bearer, &wrapped] {
        for arguments in [
            &["profile", "add", "plan", "--stdin"][..],
            &["profile", "add", "plan", "--stdin", "--direct"],
            &["profile", "add", "plan", "--stdin", "--auth", "bearer"],
            &["profile", "rotate", "work", "--stdin"],
        ] {
            let refused = case.feed(arguments, pasted).expect_code(8);
            assert!(refused.stderr.contains(POLICY), "{}", refused.stderr);
        }
    }
    ends(case.run(&["profile", "show", "plan"]), 1);
}

/// A token that only turns up at lease time is looked at then.
#[test]
fn su_01_a_plan_token_from_a_variable_or_a_program_is_sent_nowhere() {
    let (case, decoy) = (Case::new(), Decoy::start());
    let token = Canary::oauth("su01-later");
    let origin = decoy.base_url();
    let at = ["--origin", &origin, "--insecure-loopback", "--simulated"];
    let add = |name: &str, more: &[&str]| {
        ends(
            case.run(&[&["profile", "add", name], &at[..], more].concat()),
            0,
        );
    };
    add("variable", &["--env", "LATER"]);
    add(
        "program",
        &["--command", "--", "/bin/sh", "-c", "cat \"$HOME/token\""],
    );
    std::fs::create_dir_all(case.home.user_home()).unwrap();
    std::fs::write(case.home.user_home().join("token"), token.value()).unwrap();
    for name in ["variable", "program"] {
        for arguments in [&["ask", "--profile", name, "hi"][..], &["check", name]] {
            let mut command = case.command(arguments);
            let told = case.home.run(command.env("LATER", token.value()));
            assert_ne!(told.code, 0, "{arguments:?}");
            let said = [told.stdout, told.stderr].concat();
            assert!(said.contains(POLICY), "{arguments:?}: {said}");
        }
    }
    decoy.assert_untouched();
}

#[test]
fn su_01_nothing_of_ours_hands_a_plan_login_on() {
    let machine = Machine::new();
    machine.login();
    let token = Canary::oauth("su01-kept");
    keep_setup_token(&machine, &token);
    ends(machine.run(&["profile", "add", "own", "--claude-login"]), 0);
    for profile in ["mine", "own"] {
        for arguments in [
            &["key", "add", "laptop", "--profile", profile][..],
            &["helper", "--profile", profile],
            &["credential", "--json", "--profile", profile],
            &["profile", "link", profile],
            &["profile", "direct", profile],
            &["ask", "--profile", profile, "hi"],
            &["env", "--profile", profile, "--json"],
            &["exec", "--profile", profile, "--", "tool"],
        ] {
            let refused = machine.run(arguments).expect_code(8);
            assert_eq!(refused.stdout, "", "{arguments:?}");
            assert!(
                refused.stderr.contains(POLICY),
                "{arguments:?}: {}",
                refused.stderr
            );
        }
    }
    let keys = machine.run(&["key", "list", "--json"]).json();
    assert_eq!(keys["keys"], serde_json::json!([]));
}

#[test]
fn su_01_no_plan_login_listens_beyond_this_machine() {
    let machine = Machine::new();
    machine.login();
    ends(machine.run(&["profile", "add", "own", "--claude-login"]), 0);
    keep_setup_token(&machine, &Canary::oauth("su01-team"));
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let refused = machine.run(&["serve", "--listen", address]).expect_code(2);
        assert!(
            refused
                .stderr
                .contains("serving beyond this machine is refused"),
            "{}",
            refused.stderr
        );
        assert_eq!(refused.stdout, "");
    }
}
