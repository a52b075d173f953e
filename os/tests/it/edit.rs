//! Edits of files that the user wrote are atomic and leave a backup.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use keyreeve_os::files::{FileEdit, FileError};

#[test]
fn edit_keeps_the_mode_and_leaves_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rc");
    fs::write(&file, "one\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    symlink("rc", folder.path().join("link")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for (old, new, backup_name) in [
        ("one\n", "two\n", "rc.day.bak"),
        ("two\n", "three\n", "rc.day-2.bak"),
    ] {
        let edit = FileEdit::open(&folder.path().join("link")).unwrap();
        assert_eq!(edit.text(), old);
        assert!(edit.path().ends_with("rc"));
        let backup = edit.replace(new, "day").unwrap();
        assert!(backup.ends_with(backup_name), "{backup:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), new);
        assert_eq!(fs::read_to_string(&backup).unwrap(), old);
        assert_eq!((mode(&file), mode(&backup)), (0o644, 0o600));
    }
    assert!(folder.path().join("link").is_symlink());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn concurrent_change_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rc");
    fs::write(&file, "one").unwrap();
    let edit = FileEdit::open(&file).unwrap();
    fs::write(&file, "other").unwrap();
    let result = edit.replace("two", "day");
    assert!(matches!(result, Err(FileError::ModifiedMeanwhile { .. })));
    assert_eq!(fs::read_to_string(&file).unwrap(), "other");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn non_text_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    fs::write(folder.path().join("bytes"), [0xff]).unwrap();
    fs::write(folder.path().join("long"), "x".repeat(1024 * 1024 + 1)).unwrap();
    for name in ["pipe", "bytes", "long", "absent", "."] {
        assert!(FileEdit::open(&folder.path().join(name)).is_err(), "{name}");
    }
}

#[test]
fn created_file_is_private_and_can_be_removed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a/b/rc");
    let created = FileEdit::create(&file, "one\n").unwrap();
    assert_eq!(
        created,
        [folder.path().join("a"), folder.path().join("a/b")]
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&created[1])), (0o600, 0o700));
    let again = FileEdit::create(&file, "two\n");
    assert!(matches!(again, Err(FileError::Exists { .. })), "{again:?}");

    let edit = FileEdit::open(&file).unwrap();
    fs::write(&file, "other\n").unwrap();
    assert!(matches!(
        edit.remove(),
        Err(FileError::ModifiedMeanwhile { .. })
    ));
    FileEdit::open(&file)
        .unwrap()
        .replace_without_backup("one\n")
        .unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "one\n");
    FileEdit::open(&file).unwrap().remove().unwrap();
    assert_eq!(fs::read_dir(&created[1]).unwrap().count(), 0, "no backup");
}
