//! A store that is moved, removed or replaced under a running gateway is not served from.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::{Scripted, responses};

use crate::case::{Case, assert_exit};
use crate::serving::{SERVE, Serving, message};

/// Time in which a replaced store is noticed.
const NOTICE_TIMEOUT: Duration = Duration::from_secs(5);

/// A gateway in front of an upstream, and a key for it.
struct Gateway {
    case: Case,
    upstream: Scripted,
    serving: Serving,
    key: String,
}

impl Gateway {
    fn start() -> Self {
        let (case, canary) = (Case::new(), Canary::api_key("f22"));
        case.home.plant(&canary);
        let upstream = Scripted::start(|_| {
            let body = keyreeve_testkit::fixtures::json("success.json").to_string();
            responses::json(200, &body)
        });
        let origin = upstream.base_url();
        let arguments = ["profile", "add", "work", "--origin", &origin];
        let arguments = [&arguments[..], &["--insecure-loopback", "--stdin"]].concat();
        assert_exit(case.feed(&arguments, canary.value()), 0);
        let added = case.run(&["key", "add", "load", "--profile", "work"]);
        let key = added.expect_code(0).stdout.trim().to_owned();
        let serving = Serving::start(&case);
        Self {
            case,
            upstream,
            serving,
            key,
        }
    }

    fn data(&self) -> PathBuf {
        self.case.home.keyreeve_home().join("data")
    }

    fn status(&self) -> u16 {
        self.serving.ask(&self.key, &message("hello")).status()
    }

    /// Expects that requests are soon refused by name, and that none is sent from then on.
    #[track_caller]
    fn expect_refused(&self, what: &str) {
        let deadline = Instant::now() + NOTICE_TIMEOUT;
        let refused = loop {
            let response = self.serving.ask(&self.key, &message("hello"));
            if response.status() != 200 {
                break response;
            }
            assert!(Instant::now() < deadline, "{what}: still served");
            std::thread::sleep(Duration::from_millis(100));
        };
        let body = String::from_utf8(refused.body.clone()).unwrap();
        assert_eq!(refused.status(), 503, "{what}: {body}");
        assert!(
            body.contains("moved, removed or replaced"),
            "{what}: {body}"
        );
        let sent = self.upstream.requests().len();
        assert_eq!(self.status(), 503);
        assert_eq!(self.upstream.requests().len(), sent, "{what}");
    }
}

/// Copies a file over another one in place, as `cp` does: the inode stays.
fn copy_over(from: &Path, to: &Path) {
    let bytes = fs::read(from).unwrap();
    fs::write(to, bytes).unwrap();
}

/// F-22: a moved store is refused, and served from again when it is back.
#[test]
fn moved_store_is_refused_until_it_is_back() {
    let gateway = Gateway::start();
    assert_eq!(gateway.status(), 200);
    let elsewhere = gateway.case.home.path().join("elsewhere");
    fs::rename(gateway.data(), &elsewhere).unwrap();
    gateway.expect_refused("moved");
    // A command creates a new store meanwhile: it is not the open one.
    assert_exit(gateway.case.run(&["key", "list"]), 0);
    assert_eq!(gateway.status(), 503);
    fs::remove_dir_all(gateway.data()).unwrap();
    fs::rename(&elsewhere, gateway.data()).unwrap();
    let deadline = Instant::now() + NOTICE_TIMEOUT;
    while gateway.status() != 200 {
        assert!(Instant::now() < deadline, "not served from again");
        std::thread::sleep(Duration::from_millis(100));
    }
    let _ended = gateway.serving.end();
}

/// F-22: each file that is removed is missed.
#[test]
fn removed_file_is_refused() {
    for file in ["policy.db", "ledger.db", "journal"] {
        let gateway = Gateway::start();
        assert_eq!(gateway.status(), 200);
        let names = fs::read_dir(gateway.data()).unwrap();
        for entry in names {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if name.starts_with(file) {
                fs::remove_file(path).unwrap();
            }
        }
        gateway.expect_refused(file);
    }
}

/// F-22: an older copy of a database over the open one is noticed, although it is the same file.
#[test]
fn older_copy_over_a_database_is_refused() {
    for file in ["policy.db", "ledger.db"] {
        let gateway = Gateway::start();
        assert_eq!(gateway.status(), 200);
        let (database, older) = (gateway.data().join(file), gateway.data().join("older"));
        copy_over(&database, &older);
        assert_exit(
            gateway
                .case
                .run(&["key", "add", "later", "--profile", "work"]),
            0,
        );
        // Longer than the interval of the check, as a person takes.
        std::thread::sleep(Duration::from_millis(2500));
        copy_over(&older, &database);
        gateway.expect_refused(file);
    }
}

/// F-22: commands and load that change the store cause no false alarm, and a second `serve` does not start.
#[test]
fn ordinary_changes_are_no_replacement() {
    let gateway = Gateway::start();
    for number in 0..25 {
        let name = format!("k{number}");
        assert_exit(
            gateway
                .case
                .run(&["key", "add", &name, "--profile", "work"]),
            0,
        );
        for _ in 0..20 {
            assert_eq!(gateway.status(), 200, "round {number}");
        }
    }
    let second = gateway.case.run(&SERVE).expect_code(7);
    assert!(
        second
            .stderr
            .contains(&format!("process {}", gateway.serving.pid()))
    );
    let _ended = gateway.serving.end();
}
