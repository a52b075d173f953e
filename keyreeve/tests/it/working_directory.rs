//! LA-09: no command ever runs a program from the working directory, whatever `PATH` is.

use std::fs;
use std::path::{Path, PathBuf};

use keyreeve_testkit::canary::Canary;

use crate::case::assert_exit;
use crate::exec::{Machine, write_program};

/// Programs that keyreeve, or a program it runs, might start by name.
const PROGRAM_NAMES: [&str; 14] = [
    "ant",
    "cat",
    "claude",
    "env",
    "git",
    "hostname",
    "keyreeve",
    "node",
    "secret-tool",
    "security",
    "sh",
    "systemctl",
    "uname",
    "xdg-open",
];

/// A `PATH` that starts with the working directory, in every notation.
const HIJACKED_PATH: &str = ".::./:../work:/usr/bin:/bin";

/// Creates programs in the working directory that write to a file when they run; returns that file.
fn set_traps(machine: &Machine) -> PathBuf {
    let trap_log = machine.case.home.path().join("trap-log");
    let script = format!("#!/bin/sh\necho \"$0 $*\" >>'{}'\n", trap_log.display());
    for name in PROGRAM_NAMES {
        write_program(&machine.case.home.work().join(name), &script);
    }
    trap_log
}

#[track_caller]
fn assert_none_ran(trap_log: &Path, what: &[&str]) {
    let ran = fs::read_to_string(trap_log).unwrap_or_default();
    assert_eq!(ran, "", "{what:?}");
}

/// LA-09: no command runs a program from the working directory, whatever `PATH` is.
#[test]
fn no_command_runs_programs_from_the_working_directory() {
    let machine = Machine::new();
    let trap_log = set_traps(&machine);
    machine.login();
    machine.file(
        "home/.claude/settings.json",
        r#"{"apiKeyHelper": "/bin/echo key-of-mine-for-nobody-1234"}"#,
    );
    assert_exit(machine.run(&["profile", "add", "own", "--claude-login"]), 0);
    for arguments in [
        &["status"][..],
        &["doctor"],
        &["doctor", "--run-helpers"],
        &["profile", "add", "a", "--ant"],
        &["profile", "add", "b", "--ant", "office"],
        &["check", "a", "own"],
        &["profile", "add", "c", "--command", "--", "cat"],
        &["exec", "--native", "--", "claude"],
        &["exec", "--profile", "own", "--", "claude"],
        &["exec", "--profile", "work", "--", "git"],
        &["env", "--profile", "work", "--json"],
        &["helper", "--profile", "work"],
        &["credential", "--profile", "work", "--json"],
        &["profile", "link", "work"],
        &["import", "claude-code"],
        &["serve", "--install"],
        &["serve", "--uninstall"],
    ] {
        let mut command = machine.command(arguments);
        let _output = machine.case.home.run(command.env("PATH", HIJACKED_PATH));
        assert_none_ran(&trap_log, arguments);
    }
    // The traps work.
    let mut command = machine
        .case
        .home
        .command(machine.case.home.work().join("git"));
    assert_exit(machine.case.home.run(&mut command), 0);
    assert!(trap_log.exists());
}

/// LA-09: a program named by a profile or the user's settings finds no program in the working directory either.
#[test]
fn helpers_find_no_programs_in_the_working_directory() {
    let machine = Machine::new();
    let trap_log = set_traps(&machine);
    let key = Canary::api_key("la09");
    machine.file("home/key", key.value());
    machine.file(
        "home/.claude/settings.json",
        r#"{"apiKeyHelper": "cat ~/key"}"#,
    );
    assert_exit(machine.run(&["import", "claude-code"]), 0);
    let direct = ["profile", "direct", "claude-code-helper"];
    assert_exit(machine.run(&direct), 0);
    for (arguments, code) in [
        (&["doctor", "--run-helpers"][..], None),
        (&["helper", "--profile", "claude-code-helper"], Some(0)),
    ] {
        let mut command = machine.command(arguments);
        let ran = machine.case.home.run(command.env("PATH", HIJACKED_PATH));
        assert_none_ran(&trap_log, arguments);
        if let Some(code) = code {
            assert_eq!(ran.expect_code(code).stdout.trim(), key.value());
        }
    }
}
