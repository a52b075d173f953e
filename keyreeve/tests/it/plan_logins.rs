//! SU-01: a plan login is refused for everything except its owner's own Claude Code.

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::Decoy;

use crate::case::{Case, assert_exit};
use crate::exec::Machine;
use crate::exec::payer::add_setup_token;

/// Text that every refusal contains.
const POLICY: &str = "plan login";

/// SU-01: a pasted plan token is not saved.
#[test]
fn pasted_plan_token_is_not_saved() {
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
    assert_exit(case.run(&["profile", "show", "plan"]), 1);
}

/// SU-01: a plan token from a variable or a program is not sent anywhere.
#[test]
fn plan_token_from_a_variable_or_program_is_not_sent() {
    let (case, decoy) = (Case::new(), Decoy::start());
    let token = Canary::oauth("su01-later");
    let origin = decoy.base_url();
    let at = ["--origin", &origin, "--insecure-loopback", "--simulated"];
    let add = |name: &str, more: &[&str]| {
        assert_exit(
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
            let output = case.home.run(command.env("LATER", token.value()));
            assert_ne!(output.code, 0, "{arguments:?}");
            let text = [output.stdout, output.stderr].concat();
            assert!(text.contains(POLICY), "{arguments:?}: {text}");
        }
    }
    decoy.assert_untouched();
}

/// SU-01: no command gives a plan login to a client or program other than Claude Code.
#[test]
fn no_command_gives_away_a_plan_login() {
    let machine = Machine::new();
    machine.login();
    let token = Canary::oauth("su01-kept");
    add_setup_token(&machine, &token);
    assert_exit(machine.run(&["profile", "add", "own", "--claude-login"]), 0);
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

/// SU-01: a plan login is not served beyond loopback.
#[test]
fn plan_login_is_not_served_beyond_loopback() {
    let machine = Machine::new();
    machine.login();
    assert_exit(machine.run(&["profile", "add", "own", "--claude-login"]), 0);
    add_setup_token(&machine, &Canary::oauth("su01-team"));
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let refused = machine.run(&["serve", "--listen", address]).expect_code(2);
        assert!(
            refused.stderr.contains("must be a loopback address"),
            "{}",
            refused.stderr
        );
        assert_eq!(refused.stdout, "");
    }
}
