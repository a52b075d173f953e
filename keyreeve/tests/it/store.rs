//! `store`: create, describe, back up, restore.

use std::os::unix::fs::PermissionsExt as _;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::process::ProcessOutput;
use keyreeve_testkit::terminal::TerminalInput;

use crate::case::{Case, assert_exit, check};
use crate::serving::{Serving, message};

#[test]
fn store_is_created_and_described() {
    let case = Case::new();
    check("store_init", &case, &case.run(&["store", "init"]));
    let info = case.run(&["store", "info", "--json"]).expect_code(0).json();
    assert_eq!(info["master_key"], "key-file");
    assert_eq!(info["profiles"], 0);
    let serving = Serving::with_sandbox(&case);
    let info = case.run(&["store", "info", "--json"]).expect_code(0).json();
    let files = info["files"].as_array().unwrap();
    let sizes = |kind: &str| -> Vec<u64> {
        let files = files.iter().filter(|file| file["kind"] == kind);
        files.map(|file| file["bytes"].as_u64().unwrap()).collect()
    };
    assert_eq!(sizes("database").len(), 2, "{info}");
    assert!(sizes("database").iter().all(|bytes| *bytes > 0), "{info}");
    // Its header, and 512 slots.
    assert_eq!(sizes("journal"), [4096 + 512 * 2048], "{info}");
    let text = case.run(&["store", "info"]).expect_code(0).stdout;
    assert!(text.contains(".slots (1 MiB)"), "{text}");
    let _ended = serving.end();
}

#[test]
fn backup_is_restored_on_another_machine() {
    let (case, _) = Case::with_profile();
    let file = case.home.path().join("backup").display().to_string();
    let passphrase = Canary::generated("passphrase", "a-passphrase-nobody-guesses-so-soon");
    case.home.plant(&passphrase);
    check(
        "store_backup_short",
        &case,
        &case.feed(&["store", "backup", &file, "--stdin"], "short"),
    );
    check(
        "store_backup",
        &case,
        &case.feed(&["store", "backup", &file, "--stdin"], passphrase.value()),
    );
    check(
        "store_restore_full",
        &case,
        &case.feed(&["store", "restore", &file, "--stdin"], passphrase.value()),
    );

    let other = Case::new();
    check(
        "store_restore_wrong",
        &other,
        &other.feed(
            &["store", "restore", &file, "--stdin"],
            "another passphrase",
        ),
    );
    assert_exit(
        other.feed(&["store", "restore", &file, "--stdin"], passphrase.value()),
        0,
    );
    assert_eq!(
        other.run(&["profile", "list", "--json"]).json()["profiles"][0]["name"],
        "work"
    );
}

/// A machine with two keys, a backup with a blank in its name, and one of the keys revoked since.
struct BackedUp {
    case: Case,
    file: String,
    passphrase: Canary,
}

impl BackedUp {
    fn new() -> Self {
        let (case, _) = Case::with_profile();
        for name in ["active", "leaked"] {
            assert_exit(case.run(&["key", "add", name, "--profile", "work"]), 0);
        }
        let file = case.home.path().join("my backup").display().to_string();
        let passphrase = Canary::generated("passphrase", "a-passphrase-nobody-guesses-so-soon");
        case.home.plant(&passphrase);
        let backup = ["store", "backup", &file, "--stdin"];
        assert_exit(case.feed(&backup, passphrase.value()), 0);
        assert_exit(case.run(&["key", "revoke", "leaked"]), 0);
        Self {
            case,
            file,
            passphrase,
        }
    }

    /// Restores over the store, with the passphrase on standard input.
    fn restore(&self, arguments: &[&str]) -> ProcessOutput {
        let restore = ["store", "restore", &self.file, "--stdin", "--replace"];
        let restore = [&restore[..], arguments].concat();
        self.case.feed(&restore, self.passphrase.value())
    }

    /// Returns the names of the keys that are not revoked.
    fn active_keys(&self) -> Vec<String> {
        let keys = self.case.run(&["key", "list", "--json"]).expect_code(0);
        let keys = keys.json()["keys"].as_array().unwrap().clone();
        let active = keys.iter().filter(|key| key["state"] == "active");
        active
            .map(|key| key["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// F-24, F-42: a store is replaced only on request and moved aside; keys revoked since the backup stay dead.
#[test]
fn restore_replaces_the_store_and_keeps_revoked_keys_dead() {
    let machine = BackedUp::new();
    let case = &machine.case;
    let damaged = case.home.keyreeve_home().join("data/ledger.db");
    std::fs::write(&damaged, "junk").unwrap();

    let restored = machine.restore(&[]).expect_code(0);
    let lines: Vec<Vec<&str>> = (restored.stdout.lines())
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[0], ["key", "now", "created", "profiles"]);
    assert_eq!((lines[1][0], lines[1][1]), ("active", "works"));
    assert_eq!(lines[2][..3], ["leaked", "stays", "dead"]);
    assert_eq!(lines[2].last(), Some(&"work"));
    let stderr = &restored.stderr;
    assert!(stderr.contains("data/replaced-"), "{stderr}");
    let fix = format!("restore '{}' --replace --keys leaked", machine.file);
    assert!(stderr.contains(&fix), "{stderr}");
    assert_eq!(
        case.run(&["usage", "--json"]).expect_code(0).json()["total"]["attempts"],
        0
    );
    assert_eq!(machine.active_keys(), ["active"]);

    let revived = machine.restore(&["--all-keys", "--json"]).expect_code(0);
    let leaked = &revived.json()["keys"][1];
    assert_eq!(leaked["works"], true);
    assert_eq!(leaked["profiles"][0], "work");
    assert_exit(machine.restore(&["--keys", "nobody"]), 1);
    assert_exit(machine.restore(&["--keys", "active", "--all-keys"]), 2);
    let key = case.home.keyreeve_home().join("config/master.key");
    let no_backup = ["store", "restore", key.to_str().unwrap(), "--replace"];
    assert_exit(case.run(&no_backup), 1);
}

/// F-24: on a terminal, `restore` asks which of the keys that would stay dead work again.
#[test]
fn restore_asks_about_keys_on_a_terminal() {
    for (choice, expected) in [
        (&b"\r"[..], &["active"][..]),
        (b" \r", &["active", "leaked"]),
    ] {
        let machine = BackedUp::new();
        let restore = ["store", "restore", &machine.file, "--replace"];
        let mut command = machine.case.command(&restore);
        let passphrase = [machine.passphrase.value().as_bytes(), b"\r"].concat();
        let inputs = [
            TerminalInput {
                prompt: "Passphrase",
                keys: &passphrase,
            },
            TerminalInput {
                prompt: "Which keys work again?",
                keys: choice,
            },
        ];
        let output = machine.case.home.run_at_terminal(&mut command, &inputs);
        let screen = output.expect_code(0).stdout;
        assert!(screen.contains("leaked (created "), "{screen}");
        assert!(screen.contains("profiles: work)"), "{screen}");
        assert_eq!(machine.active_keys(), expected, "{screen}");
    }
}

/// A store that a gateway serves from is not replaced, and the gateway goes on; when it has ended, it is.
#[test]
fn restore_is_refused_while_serving() {
    let machine = BackedUp::new();
    let serving = Serving::start(&machine.case);
    let refused = machine.restore(&[]).expect_code(7);
    let holder = format!("process {}", serving.pid());
    assert!(refused.stderr.contains(&holder), "{}", refused.stderr);
    assert_eq!(serving.ask("krv_unknown", &message("hello")).status(), 401);
    assert_eq!(machine.active_keys(), ["active"]);
    let _ended = serving.end();
    assert_exit(machine.restore(&[]), 0);
    let _ended = Serving::start(&machine.case).end();
}

/// A restore that was killed is reported by the next command, with the command that repeats it.
#[test]
fn interrupted_restore_is_reported_at_the_next_start() {
    let machine = BackedUp::new();
    let mark = machine
        .case
        .home
        .keyreeve_home()
        .join("data/restore.pending");
    std::fs::write(&mark, "").unwrap();
    std::fs::set_permissions(&mark, std::fs::Permissions::from_mode(0o600)).unwrap();
    for arguments in [&["key", "list"][..], &["serve"], &["store", "info"]] {
        let refused = machine.case.run(arguments).expect_code(7);
        let stderr = &refused.stderr;
        assert!(stderr.contains("was interrupted"), "{stderr}");
        assert!(stderr.contains("store restore FILE --replace"), "{stderr}");
    }
    assert_exit(machine.restore(&[]), 0);
    assert_eq!(machine.active_keys(), ["active"]);
}
