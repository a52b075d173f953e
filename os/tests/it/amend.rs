//! Files that people wrote are changed whole, with a copy beside them, or not at all.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use keyreeve_os::files::{Amendment, FileError};

#[test]
fn a_change_keeps_the_mode_and_leaves_a_copy_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rc");
    fs::write(&file, "one\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    symlink("rc", folder.path().join("link")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for (old, new, copy) in [
        ("one\n", "two\n", "rc.day.bak"),
        ("two\n", "three\n", "rc.day-2.bak"),
    ] {
        let amendment = Amendment::open(&folder.path().join("link")).unwrap();
        assert_eq!(amendment.text(), old);
        assert!(amendment.path().ends_with("rc"));
        let kept = amendment.replace(new, "day").unwrap();
        assert!(kept.ends_with(copy), "{kept:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), new);
        assert_eq!(fs::read_to_string(&kept).unwrap(), old);
        assert_eq!((mode(&file), mode(&kept)), (0o644, 0o600));
    }
    assert!(folder.path().join("link").is_symlink());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn what_somebody_wrote_in_the_meantime_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rc");
    fs::write(&file, "one").unwrap();
    let amendment = Amendment::open(&file).unwrap();
    fs::write(&file, "other").unwrap();
    let refused = amendment.replace("two", "day");
    assert!(matches!(refused, Err(FileError::Changed { .. })));
    assert_eq!(fs::read_to_string(&file).unwrap(), "other");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_is_no_text_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    fs::write(folder.path().join("bytes"), [0xff]).unwrap();
    fs::write(folder.path().join("long"), "x".repeat(1024 * 1024 + 1)).unwrap();
    for name in ["pipe", "bytes", "long", "absent", "."] {
        assert!(
            Amendment::open(&folder.path().join(name)).is_err(),
            "{name}"
        );
    }
}
