//! `serve --install`: systemd accepts the unit, and the user's own unit is left alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use keyreeve_testkit::skip;

use crate::case::{Case, assert_exit};

#[test]
fn unit_is_written_printed_and_removed() {
    let case = Case::new();
    let file = case
        .home
        .user_home()
        .join(".config/systemd/user/keyreeve.service");
    let printed = case.run(&["serve", "--install", "--print"]).expect_code(0);
    assert!(!file.exists(), "only printed");
    let written = case.run(&["serve", "--install", "--json"]).expect_code(0);
    assert_eq!(written.json()["unit"], file.display().to_string());
    assert_eq!(
        written.json()["commands"][1],
        "systemctl --user enable --now keyreeve"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), printed.stdout);
    let program = fs::canonicalize(env!("CARGO_BIN_EXE_keyreeve")).unwrap();
    let start = format!("ExecStart=\"{}\" serve\n", program.display());
    assert!(printed.stdout.contains(&start), "{}", printed.stdout);
    let state = case.home.keyreeve_home().join("state");
    let state_line = format!("Environment=\"KEYREEVE_STATE_DIR={}\"\n", state.display());
    assert!(printed.stdout.contains(&state_line), "{}", printed.stdout);
    assert!(!case.home.keyreeve_home().exists(), "nothing was created");

    let other_url = ["serve", "--install", "--listen", "127.0.0.1:9000"];
    let result = case.run(&other_url).expect_code(0);
    for command in ["daemon-reload", "enable --now keyreeve"] {
        assert!(result.stderr.contains(command), "{}", result.stderr);
    }
    let again = fs::read_to_string(&file).unwrap();
    assert!(again.contains("--listen \"127.0.0.1:9000\""), "{again}");
    assert_exit(case.run(&["serve", "--uninstall"]), 0);
    assert!(!file.exists());
    assert_exit(case.run(&["serve", "--uninstall"]), 1);
    assert_exit(
        case.run(&["serve", "--install", "--listen", "0.0.0.0:x"]),
        2,
    );
}

#[test]
fn users_own_unit_is_left_alone() {
    let case = Case::new();
    let directory = case.home.user_home().join(".config/systemd/user");
    fs::create_dir_all(&directory).unwrap();
    let file = directory.join("keyreeve.service");
    for mode in [0o600, 0o644] {
        fs::write(&file, "[Service]\nExecStart=/bin/true\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        for arguments in [["serve", "--install"], ["serve", "--uninstall"]] {
            let result = case.run(&arguments).expect_code(1);
            assert!(
                result.stderr.contains("left unchanged"),
                "{}",
                result.stderr
            );
        }
        assert!(fs::read_to_string(&file).unwrap().contains("/bin/true"));
    }
}

#[test]
fn systemd_accepts_the_unit() {
    let case = Case::new();
    let verify = |file: &Path| {
        let mut verify = case.home.command("systemd-analyze");
        // It needs a runtime directory.
        verify.env("XDG_RUNTIME_DIR", case.home.path().join("tmp"));
        case.home.run(verify.args(["--user", "verify"]).arg(file))
    };
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        skip!("systemd-analyze is not installed");
    }
    let wrong = case.home.work().join("keyreeve.service");
    fs::write(&wrong, "[Service]\nExecStart=relative\n").unwrap();
    if verify(&wrong).code != 1 || !verify(&wrong).stderr.contains("keyreeve.service") {
        skip!("systemd-analyze does not verify user units here");
    }
    assert_exit(case.run(&["serve", "--install"]), 0);
    let result = verify(
        &case
            .home
            .user_home()
            .join(".config/systemd/user/keyreeve.service"),
    );
    assert!(
        result.code == 0 && !result.stderr.contains("keyreeve.service"),
        "{result:?}"
    );
}
