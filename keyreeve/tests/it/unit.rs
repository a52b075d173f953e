//! `serve --install`: a unit that systemd takes, and that nobody's own is lost to.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use keyreeve_testkit::skip;

use crate::case::{Case, ends};

#[test]
fn the_unit_is_written_printed_and_removed() {
    let case = Case::new();
    let file = case
        .home
        .user_home()
        .join(".config/systemd/user/keyreeve.service");
    let printed = case.run(&["serve", "--install", "--print"]).expect_code(0);
    assert!(!file.exists(), "printed only");
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
    let place = format!("Environment=\"KEYREEVE_STATE_DIR={}\"\n", state.display());
    assert!(printed.stdout.contains(&place), "{}", printed.stdout);
    assert!(!case.home.keyreeve_home().exists(), "nothing was begun");

    let elsewhere = ["serve", "--install", "--listen", "127.0.0.1:9000"];
    let told = case.run(&elsewhere).expect_code(0);
    for command in ["daemon-reload", "enable --now keyreeve"] {
        assert!(told.stderr.contains(command), "{}", told.stderr);
    }
    let again = fs::read_to_string(&file).unwrap();
    assert!(again.contains("--listen \"127.0.0.1:9000\""), "{again}");
    ends(case.run(&["serve", "--uninstall"]), 0);
    assert!(!file.exists());
    ends(case.run(&["serve", "--uninstall"]), 1);
    ends(
        case.run(&["serve", "--install", "--listen", "0.0.0.0:x"]),
        2,
    );
}

#[test]
fn a_unit_of_ones_own_stays() {
    let case = Case::new();
    let folder = case.home.user_home().join(".config/systemd/user");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("keyreeve.service");
    for mode in [0o600, 0o644] {
        fs::write(&file, "[Service]\nExecStart=/bin/true\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        for arguments in [["serve", "--install"], ["serve", "--uninstall"]] {
            let told = case.run(&arguments).expect_code(1);
            assert!(told.stderr.contains("stays as it is"), "{}", told.stderr);
        }
        assert!(fs::read_to_string(&file).unwrap().contains("/bin/true"));
    }
}

#[test]
fn systemd_takes_the_unit() {
    let case = Case::new();
    let verify = |file: &Path| {
        let mut verify = case.home.command("systemd-analyze");
        // It wants a runtime directory of its own.
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
        skip!("systemd-analyze does not verify units of a person's own here");
    }
    ends(case.run(&["serve", "--install"]), 0);
    let told = verify(
        &case
            .home
            .user_home()
            .join(".config/systemd/user/keyreeve.service"),
    );
    assert!(
        told.code == 0 && !told.stderr.contains("keyreeve.service"),
        "{told:?}"
    );
}
