//! LA-09: whatever lies in the working directory, nothing of it is run, by whichever command and in whichever `PATH`.

use std::fs;
use std::path::{Path, PathBuf};

use keyreeve_testkit::canary::Canary;

use crate::case::ends;
use crate::exec::{Machine, write_program};

/// What keyreeve, or a program it runs, might start by its name.
const WANTED: [&str; 14] = [
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

/// A `PATH` that names the working directory in every way there is, before anything else.
const HIJACKED: &str = ".::./:../work:/usr/bin:/bin";

/// Puts programs into the working directory that leave a mark when they are run.
fn set_traps(machine: &Machine) -> PathBuf {
    let mark = machine.case.home.path().join("sprung");
    let script = format!("#!/bin/sh\necho \"$0 $*\" >>'{}'\n", mark.display());
    for name in WANTED {
        write_program(&machine.case.home.work().join(name), &script);
    }
    mark
}

#[track_caller]
fn assert_none_ran(mark: &Path, what: &[&str]) {
    let ran = fs::read_to_string(mark).unwrap_or_default();
    assert_eq!(ran, "", "{what:?}");
}

#[test]
fn la_09_no_command_runs_what_lies_in_the_working_directory() {
    let machine = Machine::new();
    let mark = set_traps(&machine);
    machine.login();
    machine.file(
        "home/.claude/settings.json",
        r#"{"apiKeyHelper": "/bin/echo key-of-mine-for-nobody-1234"}"#,
    );
    ends(machine.run(&["profile", "add", "own", "--claude-login"]), 0);
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
        let _whatever_it_says = machine.case.home.run(command.env("PATH", HIJACKED));
        assert_none_ran(&mark, arguments);
    }
    // They would have left a mark.
    let mut command = machine
        .case
        .home
        .command(machine.case.home.work().join("git"));
    ends(machine.case.home.run(&mut command), 0);
    assert!(mark.exists());
}

/// A program that a profile or a person's settings name is found where it is; what it starts by name is, too.
#[test]
fn la_09_what_a_named_program_starts_does_not_come_from_there_either() {
    let machine = Machine::new();
    let mark = set_traps(&machine);
    let key = Canary::api_key("la09");
    machine.file("home/key", key.value());
    machine.file(
        "home/.claude/settings.json",
        r#"{"apiKeyHelper": "cat ~/key"}"#,
    );
    ends(machine.run(&["import", "claude-code"]), 0);
    let direct = ["profile", "direct", "claude-code-helper"];
    ends(machine.run(&direct), 0);
    for (arguments, code) in [
        (&["doctor", "--run-helpers"][..], None),
        (&["helper", "--profile", "claude-code-helper"], Some(0)),
    ] {
        let mut command = machine.command(arguments);
        let ran = machine.case.home.run(command.env("PATH", HIJACKED));
        assert_none_ran(&mark, arguments);
        if let Some(code) = code {
            assert_eq!(ran.expect_code(code).stdout.trim(), key.value());
        }
    }
}
