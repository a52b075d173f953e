//! LA-01: a file or directory that others could use is refused with the command that mends it, and never mended in
//! silence.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::skip;

use crate::case::{Case, ends};
use crate::serving::{SERVE, Serving};

/// How something is made weak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Weakness {
    Mode(u32),
    Owner,
    Symlink,
    HardLink,
    Pipe,
}

use Weakness::{HardLink, Mode, Owner, Pipe, Symlink};

/// A user that is not us.
const NOBODY: u32 = 65_534;

/// Commands that open the store.
const READERS: &[&[&str]] = &[
    &["profile", "list"],
    &["key", "list"],
    &["key", "add", "another", "--profile", "work"],
    &["usage"],
    &["attempts", "--json"],
    &["status"],
    &["store", "init"],
    &["connect", "curl", "--key", "laptop"],
    &SERVE,
];

/// A store with a profile and a key, which a `serve` has used.
fn used() -> Case {
    let (case, canary) = (Case::new(), Canary::api_key("la01"));
    case.home.plant(&canary);
    ends(
        case.feed(&["profile", "add", "work", "--stdin"], canary.value()),
        0,
    );
    ends(case.run(&["key", "add", "laptop", "--profile", "work"]), 0);
    let _ended = Serving::start(&case).end();
    case
}

/// Makes one file or directory weak in each of the ways and sees that these commands refuse it.
fn check(file: &str, weaknesses: &[Weakness], commands: &[&[&str]]) {
    for &weakness in weaknesses {
        let case = used();
        let path = case.home.keyreeve_home().join(file);
        weaken(&case, &path, weakness);
        let weak = look(&path);
        let mut mend = String::new();
        for command in commands {
            let refused = case.run(command).expect_code(7);
            let said = format!("{weakness:?} {file}, {command:?}: {}", refused.stderr);
            assert!(refused.stderr.contains(&*path.to_string_lossy()), "{said}");
            assert_eq!(look(&path), weak, "mended in silence: {said}");
            let hint = refused
                .stderr
                .lines()
                .find_map(|line| line.strip_prefix("hint: "));
            hint.expect(&said).clone_into(&mut mend);
        }
        let mut shell = case.home.command("sh");
        ends(case.home.run(shell.args(["-c", &mend])), 0);
        let profiles = case
            .run(&["profile", "list", "--json"])
            .expect_code(0)
            .json();
        let name = &profiles["profiles"][0]["name"];
        assert_eq!(*name, "work", "{weakness:?} {file}: mended by {mend}");
        let _ended = Serving::start(&case).end();
    }
}

fn weaken(case: &Case, path: &Path, weakness: Weakness) {
    let aside = case.home.path().join("aside");
    match weakness {
        Mode(mode) => fs::set_permissions(path, Permissions::from_mode(mode)).unwrap(),
        Owner => chown(path, Some(NOBODY), None).unwrap(),
        Symlink => {
            fs::rename(path, &aside).unwrap();
            symlink(&aside, path).unwrap();
        }
        HardLink => fs::hard_link(path, &aside).unwrap(),
        Pipe => {
            fs::rename(path, aside).unwrap();
            let mut make = case.home.command("mkfifo");
            ends(case.home.run(make.args(["-m", "600"]).arg(path)), 0);
        }
    }
}

/// Kind, mode, owner, names and place of a file: whatever a silent repair would change.
fn look(path: &Path) -> (u32, u32, u64, u64) {
    let metadata = path.symlink_metadata().unwrap();
    (
        metadata.mode(),
        metadata.uid(),
        metadata.nlink(),
        metadata.ino(),
    )
}

const MODES: [Weakness; 3] = [Mode(0o644), Mode(0o660), Mode(0o601)];

#[test]
fn la_01_a_weak_database_is_refused() {
    check("data/keyreeve.db", &MODES, READERS);
    check("data/keyreeve.db", &[HardLink, Symlink], &READERS[..2]);
}

#[test]
fn la_01_a_weak_master_key_is_refused() {
    check("config/master.key", &MODES, READERS);
    check("config/master.key", &[HardLink, Symlink], &READERS[..2]);
}

#[test]
fn la_01_a_weak_lock_is_refused() {
    let weaknesses = [Mode(0o666), HardLink, Symlink];
    check("data/serve.lock", &weaknesses, &[&SERVE]);
}

#[test]
fn la_01_a_weak_directory_is_refused() {
    let weaknesses = [Mode(0o777), Mode(0o770), Mode(0o1777)];
    check("data", &weaknesses, READERS);
    check("config", &weaknesses, READERS);
    check("state", &weaknesses, &[&SERVE]);
}

#[test]
fn la_01_what_is_somebody_elses_is_refused() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        skip!("only root can give a file away");
    }
    for file in ["data/keyreeve.db", "config/master.key", "data", "config"] {
        check(file, &[Owner], READERS);
    }
}

#[test]
fn la_01_a_weak_configuration_is_refused() {
    for (mode, code) in [(0o644, 7), (0o600, 0)] {
        let case = used();
        let file = case.home.keyreeve_home().join("config/config.toml");
        fs::write(&file, "[log]\nlevel = 'warn'\n").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        ends(case.run(&["profile", "list"]), code);
    }
}

#[test]
fn la_01_a_pipe_in_a_files_place_is_refused_and_nobody_waits_for_it() {
    for (file, command) in [
        ("data/keyreeve.db", READERS[0]),
        ("config/master.key", READERS[0]),
        ("data/serve.lock", &SERVE),
    ] {
        let case = used();
        let path = case.home.keyreeve_home().join(file);
        weaken(&case, &path, Pipe);
        let refused = case.run(command).expect_code(7);
        assert!(refused.stderr.contains("pipe"), "{}", refused.stderr);
        assert!(path.symlink_metadata().unwrap().file_type().is_fifo());
        fs::rename(case.home.path().join("aside"), path).unwrap();
        ends(case.run(command_that_ends(command)), 0);
    }
}

/// While a `serve` runs, the database has its log beside it: that is looked at as well.
#[test]
fn la_01_a_weak_log_is_refused() {
    let case = used();
    let serving = Serving::start(&case);
    let log = case.home.keyreeve_home().join("data/keyreeve.db-wal");
    fs::set_permissions(&log, Permissions::from_mode(0o644)).unwrap();
    let refused = case.run(READERS[0]).expect_code(7);
    let mend = format!("hint: chmod 600 {}", real(&log).display());
    assert!(refused.stderr.contains(&mend), "{}", refused.stderr);
    fs::set_permissions(&log, Permissions::from_mode(0o600)).unwrap();
    ends(case.run(READERS[0]), 0);
    let _ended = serving.end();
}

/// `serve` would run on; what comes closest and ends is asked instead.
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
