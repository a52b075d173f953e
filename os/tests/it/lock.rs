//! A lock is held once, says by whom, and dies with its holder.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use keyreeve_os::files::{FileError, Make, SafeDir};
use keyreeve_os::lock::{Lock, LockError};

fn directory() -> (tempfile::TempDir, SafeDir) {
    let home = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .unwrap();
    let dir = SafeDir::open(home.path(), Make::Never).unwrap();
    (home, dir)
}

#[test]
fn the_second_is_told_who_holds_it() {
    let (_home, dir) = directory();
    let first = Lock::acquire(&dir, "serve.lock", "pid 41, http://127.0.0.1:8484").unwrap();
    match Lock::acquire(&dir, "serve.lock", "pid 42") {
        Err(LockError::Held { holder }) => assert_eq!(holder, "pid 41, http://127.0.0.1:8484"),
        other => panic!("{other:?}"),
    }
    drop(first);
    Lock::acquire(&dir, "serve.lock", "pid 42").unwrap();
}

#[test]
fn a_file_left_behind_does_not_block() {
    let (_home, dir) = directory();
    dir.create_new("serve.lock", b"pid 1 of long ago, with a longer note")
        .unwrap();
    let _held = Lock::acquire(&dir, "serve.lock", "pid 2").unwrap();
    assert_eq!(dir.read("serve.lock", 64).unwrap().as_slice(), b"pid 2");
}

#[test]
fn a_note_is_harmless_on_a_terminal() {
    let (_home, dir) = directory();
    let _held = Lock::acquire(&dir, "serve.lock", "\u{1b}]52;evil\u{7}\n").unwrap();
    match Lock::acquire(&dir, "serve.lock", "") {
        Err(LockError::Held { holder }) => assert_eq!(holder, "]52;evil"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lock_file_others_can_open_is_refused() {
    let (_home, dir) = directory();
    dir.create_new("serve.lock", b"").unwrap();
    fs::set_permissions(dir.path().join("serve.lock"), Permissions::from_mode(0o666)).unwrap();
    let error = Lock::acquire(&dir, "serve.lock", "").unwrap_err();
    assert!(
        matches!(error, LockError::File(FileError::FileOpenToOthers { .. })),
        "{error:?}"
    );
}
