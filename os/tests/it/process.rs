//! Process hardening takes effect in the kernel, and executed programs get the original limits.

use std::os::unix::fs::PermissionsExt as _;

use keyreeve_os::process;
use rustix::process::{DumpableBehavior, dumpable_behavior};

use crate::child;

const CREATED: &str = "created by the child";

#[test]
fn hardened_process_dumps_no_core_and_creates_private_files() {
    let home = tempfile::tempdir().unwrap();
    let setup = "umask 000; ulimit -S -c \"$(ulimit -H -c)\"";
    assert!(child::run("process::in_child_harden", setup, home.path()).success());
    assert!(home.path().join(CREATED).exists(), "the child did not run");
}

#[test]
fn executed_program_gets_the_original_limits() {
    let home = tempfile::tempdir().unwrap();
    let setup = "umask 027; ulimit -S -c 2; ulimit -H -c 4; export GONE=1";
    assert!(child::run("process::in_child_exec", setup, home.path()).success());
    let output = std::fs::read_to_string(home.path().join(CREATED)).unwrap();
    assert_eq!(output, "0027 2 4 a b set\n");
}

#[test]
#[ignore = "run by executed_program_gets_the_original_limits in a child process"]
fn in_child_exec() {
    let Some(home) = child::directory() else {
        return;
    };
    let (original, _) = process::harden();
    let script = r#"echo "$(umask) $(ulimit -S -c) $(ulimit -H -c) $1 $GONE$ADDED" > "$2""#;
    let created = home.join(CREATED);
    let argv = ["sh", "-c", script, "sh", "a b"].map(std::ffi::OsString::from);
    let argv: Vec<_> = argv.into_iter().chain([created.into()]).collect();
    let error = original.exec_program(&process::ProgramSpec {
        file: std::path::Path::new("/bin/sh"),
        argv: &argv,
        remove: &["GONE".to_owned()],
        set: &[("ADDED", "set")],
    });
    panic!("{error}");
}

#[test]
#[ignore = "run by hardened_process_dumps_no_core_and_creates_private_files in a child process"]
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

    let file = home.join(CREATED);
    std::fs::write(&file, "").unwrap();
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o077,
        0
    );

    assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
}
