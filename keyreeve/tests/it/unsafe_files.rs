//! LA-01: a file or directory that other users could use is refused with the command that fixes it, and never fixed silently.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::skip;

use crate::case::{Case, assert_exit};
use crate::serving::{SERVE, Serving};

/// A way to expose a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Weakness {
    Mode(u32),
    Owner,
    Symlink,
    HardLink,
    Pipe,
}

use Weakness::{HardLink, Mode, Owner, Pipe, Symlink};

/// The id of another user.
const NOBODY_UID: u32 = 65_534;

/// Commands that open the store.
const READERS: &[&[&str]] = &[
    &["profile", "list"],
    &["key", "list"],
    &["key", "add", "another", "--profile", "work"],
    &["usage"],
    &["requests", "--attempts", "--json"],
    &["status"],
    &["store", "init"],
    &["connect", "curl", "--key", "laptop"],
    &SERVE,
];

/// Returns a store with a profile and a key, already used by a `serve`.
fn initialized_store() -> Case {
    let (case, canary) = (Case::new(), Canary::api_key("la01"));
    case.home.plant(&canary);
    assert_exit(
        case.feed(&["profile", "add", "work", "--stdin"], canary.value()),
        0,
    );
    assert_exit(case.run(&["key", "add", "laptop", "--profile", "work"]), 0);
    let _ended = Serving::start(&case).end();
    case
}

/// Exposes a file or directory in each way, and checks that these commands refuse it.
fn check(file: &str, weaknesses: &[Weakness], commands: &[&[&str]]) {
    for &weakness in weaknesses {
        let case = initialized_store();
        let path = case.home.keyreeve_home().join(file);
        weaken(&case, &path, weakness);
        let weak = file_state(&path);
        let mut fix = String::new();
        for command in commands {
            let refused = case.run(command).expect_code(7);
            let text = format!("{weakness:?} {file}, {command:?}: {}", refused.stderr);
            assert!(refused.stderr.contains(&*path.to_string_lossy()), "{text}");
            assert_eq!(file_state(&path), weak, "silently fixed: {text}");
            let command = fix_in(&refused.stderr);
            command.expect(&text).clone_into(&mut fix);
        }
        let mut shell = case.home.command("sh");
        assert_exit(case.home.run(shell.args(["-c", &fix])), 0);
        let profiles = case
            .run(&["profile", "list", "--json"])
            .expect_code(0)
            .json();
        let name = &profiles["profiles"][0]["name"];
        assert_eq!(*name, "work", "{weakness:?} {file}: fixed by {fix}");
        let _ended = Serving::start(&case).end();
    }
}

/// Returns the command after `fix:`, or in the JSON of an error.
fn fix_in(stderr: &str) -> Option<String> {
    if let Ok(error) = serde_json::from_str::<serde_json::Value>(stderr) {
        return error["error"]["fix"].as_str().map(ToOwned::to_owned);
    }
    let mut lines = stderr.lines();
    lines.find_map(|line| line.strip_prefix("fix: ").map(ToOwned::to_owned))
}

fn weaken(case: &Case, path: &Path, weakness: Weakness) {
    let aside = case.home.path().join("aside");
    match weakness {
        Mode(mode) => fs::set_permissions(path, Permissions::from_mode(mode)).unwrap(),
        Owner => chown(path, Some(NOBODY_UID), None).unwrap(),
        Symlink => {
            fs::rename(path, &aside).unwrap();
            symlink(&aside, path).unwrap();
        }
        HardLink => fs::hard_link(path, &aside).unwrap(),
        Pipe => {
            fs::rename(path, aside).unwrap();
            let mut make = case.home.command("mkfifo");
            assert_exit(case.home.run(make.args(["-m", "600"]).arg(path)), 0);
        }
    }
}

/// Returns the mode, owner, link count and inode of a file: everything a silent repair would change.
fn file_state(path: &Path) -> (u32, u32, u64, u64) {
    let metadata = path.symlink_metadata().unwrap();
    (
        metadata.mode(),
        metadata.uid(),
        metadata.nlink(),
        metadata.ino(),
    )
}

const MODES: [Weakness; 3] = [Mode(0o644), Mode(0o660), Mode(0o601)];

/// LA-01: an exposed or linked database is refused.
#[test]
fn exposed_database_is_refused() {
    check("data/policy.db", &MODES, READERS);
    check("data/policy.db", &[HardLink, Symlink], &READERS[..2]);
}

/// LA-01: an exposed or linked master key is refused.
#[test]
fn exposed_master_key_is_refused() {
    check("config/master.key", &MODES, READERS);
    check("config/master.key", &[HardLink, Symlink], &READERS[..2]);
}

/// LA-01: an exposed or linked lock file is refused.
#[test]
fn exposed_lock_file_is_refused() {
    let weaknesses = [Mode(0o666), HardLink, Symlink];
    check("data/serve.lock", &weaknesses, &[&SERVE]);
}

/// LA-01: an exposed directory is refused.
#[test]
fn exposed_directory_is_refused() {
    let weaknesses = [Mode(0o777), Mode(0o770), Mode(0o1777)];
    check("data", &weaknesses, READERS);
    check("config", &weaknesses, READERS);
    check("state", &weaknesses, &[&SERVE]);
}

/// LA-01: a file or directory that another user owns is refused.
#[test]
fn file_of_another_user_is_refused() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        skip!("only root can give a file away");
    }
    for file in ["data/policy.db", "config/master.key", "data", "config"] {
        check(file, &[Owner], READERS);
    }
}

/// LA-01: an exposed configuration file is refused.
#[test]
fn exposed_configuration_is_refused() {
    for (mode, code) in [(0o644, 7), (0o600, 0)] {
        let case = initialized_store();
        let file = case.home.keyreeve_home().join("config/config.toml");
        fs::write(&file, "[log]\nlevel = 'warn'\n").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        assert_exit(case.run(&["profile", "list"]), code);
    }
}

/// LA-01: a pipe in place of a file is refused without blocking on it.
#[test]
fn pipe_instead_of_a_file_is_refused_without_blocking() {
    for (file, command) in [
        ("data/policy.db", READERS[0]),
        ("config/master.key", READERS[0]),
        ("data/serve.lock", &SERVE),
    ] {
        let case = initialized_store();
        let path = case.home.keyreeve_home().join(file);
        weaken(&case, &path, Pipe);
        let refused = case.run(command).expect_code(7);
        assert!(refused.stderr.contains("pipe"), "{}", refused.stderr);
        assert!(path.symlink_metadata().unwrap().file_type().is_fifo());
        fs::rename(case.home.path().join("aside"), path).unwrap();
        assert_exit(case.run(command_that_ends(command)), 0);
    }
}

/// LA-01: while a `serve` runs, the database's write-ahead log is checked as well.
#[test]
fn exposed_write_ahead_log_is_refused() {
    let case = initialized_store();
    let serving = Serving::start(&case);
    let log = case.home.keyreeve_home().join("data/policy.db-wal");
    fs::set_permissions(&log, Permissions::from_mode(0o644)).unwrap();
    let refused = case.run(READERS[0]).expect_code(7);
    let fix = format!("fix: chmod 600 {}", real(&log).display());
    assert!(refused.stderr.contains(&fix), "{}", refused.stderr);
    fs::set_permissions(&log, Permissions::from_mode(0o600)).unwrap();
    assert_exit(case.run(READERS[0]), 0);
    let _ended = serving.end();
}

/// Returns the command, or a similar one that ends if it is `serve`.
fn command_that_ends<'a>(command: &'a [&'a str]) -> &'a [&'a str] {
    if command == SERVE {
        READERS[0]
    } else {
        command
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap()
}
