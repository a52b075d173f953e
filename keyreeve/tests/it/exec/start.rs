//! The start of a program: what it gets from keyreeve, and what stays its own.

use std::fs;
use std::time::{Duration, Instant};

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::home::COMMAND_TIMEOUT;

use super::{Machine, write_program};
use crate::case::assert_exit;

/// LA-06: only the program itself has a secret, and only one.
#[test]
fn only_the_program_has_the_secret_and_only_one() {
    let (machine, other) = (Machine::new(), Canary::api_key("other"));
    machine.program("sleeps", "#!/bin/sh\necho started\nexec sleep 20\n");
    let mut command = machine.command(&["exec", "--profile", "work", "--", "sleeps"]);
    command
        .env("OTHER_KEY", other.value())
        .env("ANTHROPIC_API_KEY", other.value());
    let running = machine.case.home.spawn(&mut command);
    let read = |file: &str| fs::read(format!("/proc/{}/{file}", running.pid())).unwrap_or_default();
    let until = Instant::now() + COMMAND_TIMEOUT;
    while !String::from_utf8_lossy(&read("cmdline")).starts_with("sleep\0") {
        assert!(Instant::now() < until, "the program was not started");
        std::thread::sleep(Duration::from_millis(5));
    }
    let environment = String::from_utf8(read("environ")).unwrap();
    let secrets: Vec<_> = environment
        .split('\0')
        .filter(|it| it.contains("CANARY"))
        .collect();
    assert_eq!(
        secrets,
        [format!("ANTHROPIC_API_KEY={}", machine.key.value())]
    );
    running.terminate();
    let ended = running.wait(COMMAND_TIMEOUT).expect_code(128 + 15);
    assert!(
        ended.stderr.contains("OTHER_KEY is removed"),
        "{}",
        ended.stderr
    );
}

#[test]
fn exit_codes_and_streams_are_the_programs_own() {
    let machine = Machine::new();
    for (script, code) in [
        ("exit 7", 7),
        ("exit 0", 0),
        ("kill -TERM $$", 128 + 15),
        ("kill -INT $$", 128 + 2),
    ] {
        machine.program("ends", &format!("#!/bin/sh\n{script}\n"));
        assert_exit(machine.run(&["exec", "--", "ends"]), code);
    }
    machine.program("reads", "#!/bin/sh\ncat; echo talk >&2\n");
    let mut command = machine.command(&["exec", "--quiet", "--", "reads"]);
    let read = machine.case.home.run_with_input(&mut command, b"piped");
    assert_eq!(
        (read.stdout.as_str(), read.stderr.as_str()),
        ("piped", "talk\n")
    );
    machine.program(
        "looks",
        "#!/bin/sh\ntest -t 0 && test -t 1 && test -t 2 && stty size\n",
    );
    let mut command = machine.command(&["exec", "--", "looks"]);
    let seen = machine
        .case
        .home
        .run_at_terminal(&mut command, &[])
        .expect_code(0);
    assert!(seen.stdout.contains("24 80"), "{}", seen.stdout);
}

#[test]
fn limits_and_non_utf8_arguments_reach_the_program() {
    use std::os::unix::ffi::OsStringExt as _;

    let machine = Machine::new();
    machine.program(
        "limits",
        "#!/bin/sh\necho $(umask) $(ulimit -S -c); printf %s \"$1\" | od -An -tx1\n",
    );
    let script = format!(
        "umask 027; ulimit -S -c 3; exec '{}' exec --quiet -- limits \"$1\"",
        env!("CARGO_BIN_EXE_keyreeve")
    );
    let mut command = machine.case.home.command("/bin/sh");
    command
        .env("PATH", format!("{}:/usr/bin:/bin", machine.bin().display()))
        .args(["-c", &script, "sh"])
        .arg(std::ffi::OsString::from_vec(vec![b'a', 0xff]));
    let output = machine.case.home.run(&mut command).expect_code(0);
    assert_eq!(output.stdout, "0027 3\n 61 ff\n");
}

#[test]
fn start_failures_use_shell_exit_codes() {
    let machine = Machine::new();
    machine.check("exec_127", machine.run(&["exec", "--", "no-such-program"]));
    fs::write(machine.bin().join("text"), "no program").unwrap();
    machine.check("exec_126", machine.run(&["exec", "--", "text"]));
    machine.program("broken", "#!/no/such/interpreter\n");
    assert_exit(machine.run(&["exec", "--", "broken"]), 126);
    machine.check(
        "exec_125",
        machine.run(&["exec", "--profile", "nobody", "--", "tool"]),
    );
    assert_exit(machine.run(&["exec", "tool"]), 2);
    machine.check("exec_help", machine.run(&["exec", "-h"]));
}

/// LA-09: no program is taken from the working directory.
#[test]
fn no_program_is_taken_from_the_working_directory() {
    let machine = Machine::new();
    let evil = "#!/bin/sh\necho hijacked\n";
    for name in ["claude", "git", "secret-tool", "only-here"] {
        write_program(&machine.case.home.work().join(name), evil);
    }
    let run = |name: &str, path: &str| {
        let mut command = machine.command(&["exec", "--", name]);
        command.env(
            "PATH",
            format!("{path}{}:/usr/bin:/bin", machine.bin().display()),
        );
        machine.case.home.run(&mut command)
    };
    for path in [".:", ":", "./:", "../work:"] {
        let ran = run("claude", path).expect_code(0);
        assert!(!ran.stdout.contains("hijacked"), "{path}");
        let shown = format!("for {}\n", machine.bin().join("claude").display());
        assert!(ran.stderr.ends_with(&shown), "{}", ran.stderr);
        assert_exit(run("only-here", path), 127);
    }
    // An explicit path is used as typed.
    let ran = run("./only-here", "").expect_code(0);
    assert!(ran.stderr.contains("work/./only-here"), "{}", ran.stderr);
}
