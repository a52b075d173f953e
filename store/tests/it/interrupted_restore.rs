//! A restore that is killed at any step leaves the old store, the new one, or one that is refused by name; never a
//! mixture, and never a key that was revoked.

use std::path::{Path, PathBuf};
use std::process::Command;

use keyreeve_store::{ExistingStore, RestoreOptions, RevivedKeys, StoreError, restore};
use keyreeve_testkit::skip;

use crate::backup::{PASSPHRASE, backed_up_before_revocation, replacing, restore_at, working_keys};
use crate::fixture::{TestHome, at, intent, outcome, record, secret, store_paths};
use crate::strace;

const HOME: &str = "KEYREEVE_STORE_TEST_HOME";

/// More steps than a restore has.
const MAX_STEPS: usize = 60;

/// Copies a whole home.
fn copy(home: &TestHome) -> TestHome {
    let copy = TestHome::new();
    let status = Command::new("cp")
        .arg("-a")
        .arg(home.dir().join("."))
        .arg(copy.dir())
        .status();
    assert!(status.unwrap().success());
    copy
}

/// Restores in a process that is killed at its n-th rename. Returns `true` if it was killed.
fn restore_killed_at(home: &TestHome, step: usize) -> bool {
    let renames = "renameat2,renameat,rename,linkat";
    let inject = format!("inject={renames}:signal=SIGKILL:when={step}");
    let arguments = ["-e", &format!("trace={renames}"), "-e", &inject];
    let test = "interrupted_restore::in_child_restore";
    let child = strace::run_test(&arguments, test, (HOME, home.dir()));
    let text = String::from_utf8([child.stdout, child.stderr].concat()).unwrap();
    assert!(
        !child.status.success() || text.contains("1 passed"),
        "{text}"
    );
    assert!(!text.contains("panicked"), "{text}");
    !child.status.success()
}

/// Returns the difference between the old store and the new one: the number of entries, and the working keys.
fn state(home: &TestHome) -> (usize, Vec<String>) {
    let entries = home.open().ledger_entries(10).unwrap().len();
    (entries, working_keys(home))
}

/// F-24: a kill at each rename of a restore.
#[test]
fn restore_killed_at_any_step_is_detected_and_repeated() {
    if let Some(reason) = strace::unavailable() {
        skip!("{reason}");
    }
    let source = backed_up_before_revocation();
    for number in 1..=2 {
        record(&source.open(), intent(number), outcome(number));
    }
    let old = (2, vec!["active".into(), "active".into(), "rotated".into()]);
    assert_eq!(state(&source), old);
    let new = (0, vec!["active".to_owned()]);
    let nothing = (0, Vec::new());
    let (mut refused, mut killed) = (0, 0);
    for step in 1..MAX_STEPS {
        let home = copy(&source);
        if !restore_killed_at(&home, step) {
            assert_eq!(state(&home), new, "step {step}");
            break;
        }
        killed += 1;
        match home.try_open() {
            Ok(_) => assert_eq!(state(&home), old, "step {step}"),
            Err(error @ StoreError::RestoreInterrupted { .. }) => {
                refused += 1;
                let fix = error.fix_command().unwrap();
                assert!(fix.contains("store restore FILE --replace"), "{fix}");
                assert!(keyreeve_store::Store::exists(&home.paths));
            }
            Err(error) => unreachable!("step {step}: {error}"),
        }
        let again = RestoreOptions {
            at: at(51),
            ..replacing(RevivedKeys::Named(Vec::new()))
        };
        restore_at(&home, &again).unwrap();
        let repeated = state(&home);
        assert!(
            repeated == new || repeated == nothing,
            "step {step}: {repeated:?}"
        );
        home.open().verify().unwrap();
    }
    assert!(killed < MAX_STEPS - 1, "the restore never ended");
    assert!(
        refused >= 5,
        "{refused} of {killed} kills were in the middle"
    );
}

#[test]
#[ignore = "run by restore_killed_at_any_step_is_detected_and_repeated in a traced process"]
fn in_child_restore() {
    let Some(home) = std::env::var_os(HOME).map(PathBuf::from) else {
        return;
    };
    let options = RestoreOptions {
        existing: ExistingStore::MoveAside,
        keys: RevivedKeys::Named(Vec::new()),
        at: at(50),
    };
    let backup: &Path = &home.join("backup");
    restore(backup, &secret(PASSPHRASE), &store_paths(&home), &options).unwrap();
}
