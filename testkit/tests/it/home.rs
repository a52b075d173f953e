//! Homes: they start empty, commands see nothing else, and a leaked canary fails the test.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::Duration;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::home::Home;
use keyreeve_testkit::terminal::TerminalInput;

fn shell(home: &Home, script: &str) -> Command {
    let mut command = home.command("/bin/sh");
    command.args(["-c", script]);
    command
}

#[test]
fn command_sees_only_its_home() {
    let home = Home::new();
    let output = home.run(&mut home.command("env")).expect_code(0);
    let mut names: Vec<_> = output
        .stdout
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "KEYREEVE_HOME", "PATH", "TERM", "TMPDIR"]);
    assert!(!home.keyreeve_home().exists());
}

#[test]
fn inputs_are_typed_after_their_prompts() {
    let home = Home::new();
    let script = "test -t 0 && test -t 2 && stty -echo && printf 'Name: ' && read -r name && printf 'Age: ' && \
        read -r age && echo \"$age, $name\" && exit 5";
    let input = |prompt, keys| TerminalInput { prompt, keys };
    let inputs = [input("Name: ", &b"Ada\r"[..]), input("Age: ", b"36\r")];
    let output = home.run_at_terminal(&mut shell(&home, script), &inputs);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (5, "Name: Age: 36, Ada\r\n")
    );
}

#[test]
fn output_and_exit_code_are_returned() {
    let home = Home::new();
    let output = home.run_with_input(
        &mut shell(&home, "cat; echo talk >&2; exit 3"),
        b"{\"a\":1}",
    );
    assert_eq!((output.code, output.stderr.as_str()), (3, "talk\n"));
    assert_eq!(output.json()["a"], 1);
    assert_eq!(home.run(&mut shell(&home, "kill -9 $$")).code, 128 + 9);
}

#[test]
fn daemon_is_ready_after_its_first_line() {
    let home = Home::new();
    let script = r#"trap 'echo bye; exit 0' TERM; echo '{"port":1}'; while :; do sleep 0.01; done"#;
    let daemon = home.start(&mut shell(&home, script));
    assert_eq!(daemon.ready()["port"], 1);
    daemon.terminate();
    let output = daemon.wait(Duration::from_secs(5)).expect_code(0);
    assert_eq!(output.stdout, "{\"port\":1}\nbye\n");
    let daemon = home.start(&mut shell(&home, script));
    assert_eq!(daemon.kill().code, 128 + 9);
}

#[test]
fn dropped_daemon_is_killed() {
    let home = Home::new();
    let daemon = home.start(&mut shell(&home, "echo '{}'; exec sleep 60"));
    let pid = daemon.pid();
    drop(daemon);
    assert!(!std::path::Path::new("/proc").join(pid.to_string()).exists());
}

#[test]
fn daemon_that_ends_early_fails_the_test_with_its_output() {
    let home = Home::new();
    let mut command = shell(&home, "echo no store >&2; exit 7");
    let failed = catch_unwind(AssertUnwindSafe(|| home.start(&mut command))).unwrap_err();
    let message = failed.downcast_ref::<String>().unwrap();
    assert!(
        message.contains("ended with 7") && message.contains("no store"),
        "{message}"
    );
}

#[test]
fn planted_secret_is_found_in_files_and_in_output() {
    let planted = Canary::api_key("stdin");
    for script in [
        "cat > $HOME/.history",
        "cat",
        "cat >&2",
        "read k; : > ../tmp/$k",
        "base64 > x",
    ] {
        let home = Home::new();
        home.plant(&planted);
        home.assert_clean();
        let line = format!("{}\n", planted.value());
        let _output = home
            .run_with_input(&mut shell(&home, script), line.as_bytes())
            .expect_code(0);
        let failed = catch_unwind(AssertUnwindSafe(|| drop(home))).expect_err(script);
        let message = failed.downcast_ref::<String>().unwrap();
        assert!(
            message.contains("the secret of stdin is in"),
            "{script}: {message}"
        );
        assert!(!message.contains("CANARY"), "{script}: {message}");
    }
}
