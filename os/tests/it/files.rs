//! LA-01: weak files are refused with the mending command. LA-03: what is made is closed from the first instant.
//! A replacement that breaks off leaves the old file.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;

use keyreeve_os::files::{FileError, Make, SafeDir};

use crate::child;

fn directory() -> tempfile::TempDir {
    tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .unwrap()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Weakens a good file, then expects each way of using it to be refused, with the hint, and the file to stay as it is.
fn check(weaken: impl FnOnce(&Path), refused: fn(&FileError) -> bool, hint: Option<&str>) {
    let home = directory();
    let dir = SafeDir::open(home.path(), Make::Never).unwrap();
    let path = dir.path().join("secret");
    dir.create_new("secret", b"old").unwrap();
    weaken(&path);
    let before = fs::symlink_metadata(&path).unwrap().mode();

    let errors = [
        dir.read("secret", 64).map(|_| ()).unwrap_err(),
        dir.open_strict("secret").map(|_| ()).unwrap_err(),
        dir.check("secret").map(|_| ()).unwrap_err(),
        dir.replace("secret", b"new").unwrap_err(),
    ];
    for error in errors {
        assert!(refused(&error), "{error:?}");
        let hint = hint.map(|text| text.replace("PATH", path.to_str().unwrap()));
        assert_eq!(error.hint(), hint);
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
    assert_eq!(
        fs::symlink_metadata(&path).unwrap().mode(),
        before,
        "mended silently"
    );
}

#[test]
fn la_01_a_file_others_can_open_is_refused() {
    for mode in [0o644, 0o660, 0o604, 0o601, 0o777] {
        check(
            |path| chmod(path, mode),
            |error| matches!(error, FileError::FileOpenToOthers { .. }),
            Some("chmod 600 PATH"),
        );
    }
}

#[test]
fn la_01_a_file_without_secrets_may_be_read_by_others_and_not_written() {
    let home = directory();
    let dir = SafeDir::open(home.path(), Make::Never).unwrap();
    let path = dir.path().join("config");
    dir.create_new("config", b"text").unwrap();
    for (mode, taken) in [(0o600, true), (0o644, true), (0o664, false), (0o646, false)] {
        chmod(&path, mode);
        let read = dir.read_public("config", 64);
        assert_eq!(read.is_ok(), taken, "{mode:o}");
        if let Err(error) = read {
            let hint = format!("chmod go-w {}", path.display());
            assert_eq!(error.hint(), Some(hint));
        }
    }
    symlink("config", dir.path().join("link")).unwrap();
    let link = dir.read_public("link", 64);
    assert!(matches!(link, Err(FileError::Symlink { .. })));
}

#[test]
fn la_01_a_link_in_place_of_the_file_is_refused() {
    check(
        |path| {
            fs::rename(path, path.with_file_name("elsewhere")).unwrap();
            symlink("elsewhere", path).unwrap();
        },
        |error| matches!(error, FileError::Symlink { .. }),
        Some("cp -p PATH PATH.one && mv PATH.one PATH"),
    );
}

#[test]
fn la_01_a_second_name_is_refused() {
    check(
        |path| fs::hard_link(path, path.with_file_name("second")).unwrap(),
        |error| matches!(error, FileError::HardLinked { links: 2, .. }),
        Some("cp -p PATH PATH.one && mv PATH.one PATH"),
    );
}

#[test]
fn la_01_a_pipe_is_refused_without_waiting_for_its_other_end() {
    check(
        |path| {
            fs::remove_file(path).unwrap();
            assert!(
                Command::new("mkfifo")
                    .args(["-m", "600"])
                    .arg(path)
                    .status()
                    .unwrap()
                    .success()
            );
        },
        |error| {
            matches!(
                error,
                FileError::NotAFile {
                    found: "a pipe",
                    ..
                }
            )
        },
        None,
    );
}

#[test]
fn la_01_a_directory_in_place_of_the_file_is_refused() {
    check(
        |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        },
        |error| {
            matches!(
                error,
                FileError::NotAFile {
                    found: "a directory",
                    ..
                }
            )
        },
        None,
    );
}

#[test]
fn la_01_a_socket_is_refused() {
    check(
        |path| {
            fs::remove_file(path).unwrap();
            drop(std::os::unix::net::UnixListener::bind(path).unwrap());
        },
        |error| matches!(error, FileError::NotAFile { .. }),
        None,
    );
}

#[test]
fn la_01_a_file_of_somebody_else_is_refused() {
    if !is_root() {
        eprintln!("skipped: only root can give a file away");
        return;
    }
    check(
        |path| chown(path, Some(65534), None).unwrap(),
        |error| matches!(error, FileError::OtherOwner { owner: 65534, .. }),
        Some("chown 0 PATH"),
    );
}

#[test]
fn la_01_a_directory_others_can_write_to_is_refused() {
    for (mode, taken) in [(0o700, true), (0o755, true), (0o775, false), (0o777, false)] {
        let home = directory();
        chmod(home.path(), mode);
        match SafeDir::open(home.path(), Make::IfAbsent) {
            Ok(_) => assert!(taken, "{mode:o}"),
            Err(error) => {
                assert!(!taken, "{mode:o}");
                assert!(
                    matches!(error, FileError::DirectoryOpenToOthers { .. }),
                    "{error:?}"
                );
                assert!(error.hint().unwrap().starts_with("chmod 700 "), "{error:?}");
            }
        }
    }
}

#[test]
fn la_01_a_directory_of_somebody_else_is_refused() {
    if !is_root() {
        eprintln!("skipped: only root can give a directory away");
        return;
    }
    let home = directory();
    chown(home.path(), Some(65534), None).unwrap();
    let error = SafeDir::open(home.path(), Make::Never).unwrap_err();
    assert!(matches!(error, FileError::OtherOwner { .. }), "{error:?}");
}

#[test]
fn links_above_the_directory_are_ordinary() {
    let home = directory();
    fs::create_dir(home.path().join("disk")).unwrap();
    symlink("disk", home.path().join("home")).unwrap();
    let dir = SafeDir::open(&home.path().join("home/keyreeve"), Make::IfAbsent).unwrap();
    assert!(dir.path().ends_with("disk/keyreeve"), "{:?}", dir.path());
}

#[test]
fn what_is_no_directory_is_said_so() {
    let home = directory();
    fs::write(home.path().join("file"), "").unwrap();
    for make in [Make::IfAbsent, Make::Never] {
        let error = SafeDir::open(&home.path().join("file"), make).unwrap_err();
        assert!(
            matches!(error, FileError::NotADirectory { .. }),
            "{error:?}"
        );
    }
    let error = SafeDir::open(&home.path().join("none"), Make::Never).unwrap_err();
    assert!(matches!(error, FileError::Missing { .. }), "{error:?}");
}

#[test]
fn a_name_is_one_component() {
    let home = directory();
    let dir = SafeDir::open(home.path(), Make::Never).unwrap();
    for name in ["", ".", "..", "a/b", "/etc/passwd", "a\0b"] {
        let error = dir.read(name, 1).unwrap_err();
        assert!(
            matches!(error, FileError::BadName { .. }),
            "{name:?}: {error:?}"
        );
    }
}

#[test]
fn a_file_is_made_once_and_read_up_to_its_limit() {
    let home = directory();
    let dir = SafeDir::open(home.path(), Make::Never).unwrap();
    dir.create_new("file", b"four").unwrap();
    assert!(matches!(
        dir.create_new("file", b"more").unwrap_err(),
        FileError::Exists { .. }
    ));
    assert_eq!(dir.read("file", 4).unwrap().as_slice(), b"four");
    assert!(matches!(
        dir.read("file", 3).unwrap_err(),
        FileError::TooLong { limit: 3, .. }
    ));
    dir.replace("file", b"other").unwrap();
    assert_eq!(dir.read("file", 64).unwrap().as_slice(), b"other");
    dir.remove("file").unwrap();
    dir.remove("file").unwrap();
    assert!(!dir.contains("file").unwrap());
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        0,
        "something was left behind"
    );
}

#[test]
fn la_03_what_is_made_is_closed_whatever_the_umask() {
    let home = directory();
    assert!(child::run("files::in_child_make_files", "umask 000", home.path()).success());
    for (path, mode) in [
        ("a", 0o700),
        ("a/b", 0o700),
        ("a/b/new", 0o600),
        ("a/b/replaced", 0o600),
    ] {
        let found = fs::metadata(home.path().join(path)).unwrap().mode() & 0o7777;
        assert_eq!(found, mode, "{path}: {found:o}");
    }
}

#[test]
#[ignore = "run by la_03 in a process of its own"]
fn in_child_make_files() {
    let Some(home) = child::directory() else {
        return;
    };
    let dir = SafeDir::open(&home.join("a/b"), Make::IfAbsent).unwrap();
    dir.create_new("new", b"1").unwrap();
    dir.replace("replaced", b"2").unwrap();
}

/// A limit on file size ends the writing in the middle: with the signal, as a crash; without it, as a full disk.
#[test]
fn a_replacement_that_breaks_off_leaves_the_old_file() {
    for (setup, crashed) in [("ulimit -f 8", true), ("trap '' XFSZ; ulimit -f 8", false)] {
        let home = directory();
        let dir = SafeDir::open(home.path(), Make::Never).unwrap();
        dir.create_new("file", b"old").unwrap();
        let status = child::run("files::in_child_replace_with_much", setup, home.path());
        assert_eq!(status.code().is_none(), crashed, "{status:?}");
        assert_eq!(dir.read("file", 64).unwrap().as_slice(), b"old");
        let left = fs::read_dir(dir.path()).unwrap().count() - 1;
        assert_eq!(
            left,
            usize::from(crashed),
            "an error cleans up; a crash cannot"
        );
    }
}

#[test]
#[ignore = "run by a_replacement_that_breaks_off in a process of its own"]
fn in_child_replace_with_much() {
    let Some(home) = child::directory() else {
        return;
    };
    let dir = SafeDir::open(&home, Make::Never).unwrap();
    let error = dir.replace("file", &vec![b'n'; 1 << 20]).unwrap_err();
    assert!(matches!(error, FileError::System { .. }), "{error:?}");
}
