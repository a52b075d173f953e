//! `exec --env`: the credential of a variable, for machines without a store.

use std::process::Command;

use keyreeve_testkit::canary::Canary;

use super::{ENVIRONMENT_PRINTER, Machine, with_conflicting_variables};
use crate::case::Case;

/// A machine with programs on its `PATH`, no store, and a home directory that cannot be written.
fn machine_without_store() -> Machine {
    let machine = Machine {
        case: Case::new(),
        key: Canary::api_key("ci"),
    };
    machine.program("claude", ENVIRONMENT_PRINTER);
    machine.program("tool", ENVIRONMENT_PRINTER);
    machine
}

/// Returns a command whose home directory cannot be written, not even by the superuser.
fn in_read_only_home(machine: &Machine, arguments: &[&str]) -> Command {
    let mut command = machine.command(arguments);
    command
        .env("HOME", "/proc/1/home")
        .env_remove("KEYREEVE_HOME");
    command
}

/// F-61: the credential of a variable pays, without a store, in a home directory that cannot be written.
#[test]
fn variable_pays_without_a_store() {
    let machine = machine_without_store();
    let exec = ["exec", "--env", "CI_KEY", "--expect", "metered", "--"];
    for (program, snapshot) in [("claude", "exec_env_claude"), ("tool", "exec_env_tool")] {
        let arguments = [&exec[..], &[program, "-p", "hi"]].concat();
        let mut command = with_conflicting_variables(in_read_only_home(&machine, &arguments));
        command.env("CI_KEY", machine.key.value());
        machine.check(snapshot, machine.case.home.run(&mut command));
    }
    assert!(
        !machine.case.home.keyreeve_home().exists(),
        "no store was made"
    );

    // The client's own variable can be the source, too.
    let arguments = ["exec", "--env", "ANTHROPIC_API_KEY", "--", "tool"];
    let mut command = in_read_only_home(&machine, &arguments);
    command
        .env("ANTHROPIC_API_KEY", machine.key.value())
        .env("ANTHROPIC_AUTH_TOKEN", "stray");
    let ran = machine.case.home.run(&mut command).expect_code(0);
    let kept = format!("ANTHROPIC_API_KEY={}\n", machine.key.value());
    assert!(
        ran.stdout.contains(&kept) && !ran.stdout.contains("stray"),
        "{}",
        ran.stdout
    );
}

/// F-61: a store that exists is not opened, so it can be damaged.
#[test]
fn damaged_store_does_not_matter() {
    let machine = Machine::new();
    let store = machine.case.home.keyreeve_home().join("data/policy.db");
    std::fs::write(&store, "junk").unwrap();
    let mut command = machine.command(&["exec", "--env", "MINE_KEY", "--", "tool"]);
    command.env("MINE_KEY", machine.key.value());
    let ran = machine.case.home.run(&mut command).expect_code(0);
    assert!(!ran.stdout.contains("MINE_KEY"), "{}", ran.stdout);
    assert_eq!(std::fs::read(&store).unwrap(), b"junk");
}

/// F-61: a gateway's token goes only to the origin that is named for it.
#[test]
fn token_of_a_gateway_goes_to_its_origin() {
    let machine = machine_without_store();
    let origin = "https://gateway.example/a";
    let exec = ["exec", "--env", "MINE", "--origin", origin, "--", "claude"];
    let mut command = with_conflicting_variables(in_read_only_home(&machine, &exec));
    command.env("MINE", "a-gateways-own-token");
    machine.check("exec_env_gateway", machine.case.home.run(&mut command));
}

/// F-61: a variable without a usable credential starts nothing.
#[test]
fn variable_without_a_credential_starts_nothing() {
    let machine = machine_without_store();
    let admin = machine.key.value().replace("api03", "admin01");
    let plan = Canary::oauth("plan");
    for (value, program, code, reason) in [
        (None, "tool", 4, "CI_KEY is not set"),
        (Some(""), "tool", 4, "CI_KEY is not set"),
        (
            Some("op://ci/key/value"),
            "tool",
            4,
            "a reference to a secret",
        ),
        (Some("${SECRET}"), "tool", 4, "the name of a variable"),
        (
            Some("a-gateways-own-token"),
            "tool",
            4,
            "not an Anthropic token",
        ),
        (Some(admin.as_str()), "tool", 4, "cannot call models"),
        (Some(plan.value()), "tool", 8, "plan login"),
        (Some(machine.key.value()), "none", 127, "not found"),
    ] {
        let mut command = in_read_only_home(&machine, &["exec", "--env", "CI_KEY", "--", program]);
        command.envs(value.map(|value| ("CI_KEY", value)));
        let result = machine.case.home.run(&mut command);
        assert_eq!(result.code, code, "{value:?}: {}", result.stderr);
        assert!(result.stderr.contains(reason), "{}", result.stderr);
        assert_eq!(result.stdout, "");
    }
    let expect_plan = [
        "exec", "--env", "CI_KEY", "--expect", "plan", "--", "claude",
    ];
    let mut command = in_read_only_home(&machine, &expect_plan);
    command.env("CI_KEY", machine.key.value());
    machine.check("exec_env_unexpected", machine.case.home.run(&mut command));
    command.env("CI_KEY", plan.value());
    let ran = machine.case.home.run(&mut command).expect_code(0);
    let token = format!("CLAUDE_CODE_OAUTH_TOKEN={}", plan.value());
    assert!(ran.stdout.contains(&token), "{}", ran.stdout);

    for other in ["--native", "--gateway"] {
        let both = ["exec", "--env", "CI_KEY", other, "--", "claude"];
        let result = machine
            .case
            .home
            .run(&mut in_read_only_home(&machine, &both));
        assert_eq!(result.code, 2, "{}", result.stderr);
    }
}
