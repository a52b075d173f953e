//! Hardening is seen by the kernel.

use std::os::unix::fs::PermissionsExt as _;

use keyreeve_os::process;
use rustix::process::{DumpableBehavior, dumpable_behavior};

use crate::child;

const MADE: &str = "made by ordinary means";

#[test]
fn a_hardened_process_leaves_no_core_and_makes_closed_files() {
    let home = tempfile::tempdir().unwrap();
    let setup = "umask 000; ulimit -S -c \"$(ulimit -H -c)\"";
    assert!(child::run("process::in_child_harden", setup, home.path()).success());
    assert!(home.path().join(MADE).exists(), "the child did not run");
}

#[test]
fn a_program_that_takes_over_has_the_persons_own_limits() {
    let home = tempfile::tempdir().unwrap();
    let setup = "umask 027; ulimit -S -c 2; ulimit -H -c 4; export GONE=1";
    assert!(child::run("process::in_child_become", setup, home.path()).success());
    let told = std::fs::read_to_string(home.path().join(MADE)).unwrap();
    assert_eq!(told, "0027 2 4 a b come\n");
}

#[test]
#[ignore = "run by a_program_that_takes_over in a process of its own"]
fn in_child_become() {
    let Some(home) = child::directory() else {
        return;
    };
    let (before, _) = process::harden();
    let script = r#"echo "$(umask) $(ulimit -S -c) $(ulimit -H -c) $1 $GONE$CAME" > "$2""#;
    let made = home.join(MADE);
    let argv = ["sh", "-c", script, "sh", "a b"].map(std::ffi::OsString::from);
    let argv: Vec<_> = argv.into_iter().chain([made.into()]).collect();
    let failed = before.become_program(&process::Start {
        file: std::path::Path::new("/bin/sh"),
        argv: &argv,
        remove: &["GONE".to_owned()],
        set: &[("CAME", "come")],
    });
    panic!("{failed}");
}

#[test]
#[ignore = "run by a_hardened_process in a process of its own"]
fn in_child_harden() {
    let Some(home) = child::directory() else {
        return;
    };
    assert_eq!(process::harden().1, []);
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");

    let file = home.join(MADE);
    std::fs::write(&file, "").unwrap();
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o077,
        0
    );

    assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
}
