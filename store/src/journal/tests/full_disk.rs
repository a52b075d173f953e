//! A full disk: the journal does not grow, and goes on when entries were folded.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyreeve_os::files::{CreateDir, SafeDir};
use keyreeve_testkit::skip;

use super::super::read::{list, read};
use super::super::write::Journal;
use super::example::{ID, Place, fold, intent, numbers, outcome};
use crate::StoreError;

const HOME: &str = "KEYREEVE_FULL_DISK_TEST_HOME";

/// Returns a command that runs a program with a file system of `kib` KiB at `directory`.
fn on_small_disk(directory: &Path, kib: u32, program: &Path) -> Command {
    let script = "mount -t tmpfs -o size=\"$1\"k,mode=700 tmpfs \"$0\" && shift && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-r", "-m", "sh", "-c", script]);
    command.arg(directory).arg(kib.to_string()).arg(program);
    command.stdout(Stdio::null()).stderr(Stdio::inherit());
    command
}

#[test]
fn full_disk_refuses_entries_until_some_are_folded() {
    let place = Place::new();
    let mut probe = on_small_disk(place.dir.path(), 64, Path::new("true"));
    if !probe.status().is_ok_and(|status| status.success()) {
        skip!("this machine does not allow a file system of its own to a test");
    }
    let program = Path::new("/proc/self/exe").canonicalize().unwrap();
    for test in ["in_child_fill_the_disk", "in_child_create_on_a_full_disk"] {
        let status = on_small_disk(place.dir.path(), 1100, &program)
            .args(["--exact", &format!("journal::tests::full_disk::{test}")])
            .arg("--ignored")
            .env(HOME, place.dir.path())
            .status()
            .unwrap();
        assert!(status.success(), "{test}");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the parent process passes the directory"
)]
fn directory() -> Option<SafeDir> {
    let home = std::env::var_os(HOME).map(PathBuf::from)?;
    Some(SafeDir::open(&home, CreateDir::Never).unwrap())
}

/// The disk has space for the first 512 slots only.
#[test]
#[ignore = "run by full_disk_refuses_entries_until_some_are_folded in a child process"]
fn in_child_fill_the_disk() {
    let Some(dir) = directory() else {
        return;
    };
    let journal = Journal::create(&dir, ID).unwrap();
    let slots: Vec<_> = (0..512)
        .map(|n| journal.open_entry(intent(n)).unwrap())
        .collect();
    for _ in 0..2 {
        let error = journal.open_entry(intent(512)).unwrap_err();
        assert!(matches!(error, StoreError::DiskFull(_)), "{error:?}");
    }
    for (slot, number) in slots.into_iter().zip(0..) {
        journal.close_entry(slot, outcome(number));
    }
    assert_eq!(fold(&journal, 1), [0]);
    let _open = journal.open_entry(intent(512)).unwrap();
    let [name] = list(&dir).unwrap().try_into().unwrap();
    let contents = read(&dir, &name).unwrap().unwrap();
    let (open, closed) = numbers(&contents);
    assert_eq!((open, contents.damaged), (vec![512], 0));
    assert!(closed.into_iter().eq(1..512));
}

#[test]
#[ignore = "run by full_disk_refuses_entries_until_some_are_folded in a child process"]
fn in_child_create_on_a_full_disk() {
    let Some(dir) = directory() else {
        return;
    };
    dir.create_new("other", &vec![1; 300 << 10]).unwrap();
    let error = Journal::create(&dir, ID).map(drop).unwrap_err();
    assert!(matches!(error, StoreError::DiskFull(_)), "{error:?}");
    assert_eq!(dir.names("").unwrap(), ["other"]);
}
