//! A lock has one exclusive holder, names it, and is released when the holder exits.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use keyreeve_os::files::{CreateDir, FileError, SafeDir};
use keyreeve_os::lock::{Lock, LockError};

fn directory() -> (tempfile::TempDir, SafeDir) {
    let home = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .unwrap();
    let dir = SafeDir::open(home.path(), CreateDir::Never).unwrap();
    (home, dir)
}

#[test]
fn error_names_the_lock_holder() {
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
fn stale_lock_file_does_not_block() {
    let (_home, dir) = directory();
    dir.create_new("serve.lock", b"pid 1 from before, with a longer note")
        .unwrap();
    let _lock = Lock::acquire(&dir, "serve.lock", "pid 2").unwrap();
    assert_eq!(dir.read("serve.lock", 64).unwrap().as_slice(), b"pid 2");
}

#[test]
fn lock_note_is_sanitized() {
    let (_home, dir) = directory();
    let _lock = Lock::acquire(&dir, "serve.lock", "\u{1b}]52;evil\u{7}\n").unwrap();
    match Lock::acquire(&dir, "serve.lock", "") {
        Err(LockError::Held { holder }) => assert_eq!(holder, "]52;evil"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn lock_file_open_to_others_is_refused() {
    let (_home, dir) = directory();
    dir.create_new("serve.lock", b"").unwrap();
    fs::set_permissions(dir.path().join("serve.lock"), Permissions::from_mode(0o666)).unwrap();
    let error = Lock::acquire(&dir, "serve.lock", "").unwrap_err();
    assert!(
        matches!(error, LockError::File(FileError::FileOpenToOthers { .. })),
        "{error:?}"
    );
}
