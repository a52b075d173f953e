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
#[ignore = "run by a_hardened_process in a process of its own"]
fn in_child_harden() {
    let Some(home) = child::directory() else {
        return;
    };
    assert_eq!(process::harden(), []);
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
