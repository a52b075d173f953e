//! ST-03: a gateway whose disk gets full refuses requests by name, records what is running, and recovers by itself.
//!
//! The test runs itself again in a mount namespace of its own, where keyreeve's directory is a small file system.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::skip;
use keyreeve_testkit::upstream::Scripted;
use keyreeve_testkit::wire::{ResponseEnd, WireResponse};
use serde_json::Value;

use crate::case::Case;
use crate::figures::print_figure;
use crate::kills::{LedgerCheck, attempts, fingerprint, set_up};
use crate::serving::{SERVE, Serving, message, reply, streamed};

const CHILD: &str = "full_disk::in_child_fill_the_disk_under_load";

/// Set for the run in the namespace.
const CHILD_VARIABLE: &str = "KEYREEVE_FULL_DISK_CHILD";

/// Size of the file system.
const DISK: &str = "size=8m,mode=700";

/// Time within which a request is refused.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// Time within which the first one is: a gateway that was idle folds its journal, whose space is allocated, after a
/// second.
const NOTICE_TIMEOUT: Duration = Duration::from_secs(2);

/// Time within which requests are served again when there is space.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(5);

/// Number of streams that run while the disk gets full, and time between two of their pieces.
const STREAMS: usize = 4;
const STREAM_PAUSE: Duration = Duration::from_millis(600);

/// ST-03: requests on a full disk are refused by name and not sent; streams that run are recorded; requests are served
/// again within 5 s when there is space; no request is without a record.
#[test]
fn full_disk_refuses_requests_and_loses_no_record() {
    let namespace = ["-r", "-m", "sh", "-c"];
    let probe = Command::new("unshare")
        .args(namespace)
        .arg("mount -t tmpfs tmpfs /mnt")
        .stderr(Stdio::null())
        .status();
    if !probe.is_ok_and(|status| status.success()) {
        skip!("this machine does not allow a file system of its own to a test");
    }
    let child = Command::new("unshare")
        .args(namespace)
        .args(["exec \"$@\"", "sh"])
        .arg(Path::new("/proc/self/exe").canonicalize().unwrap())
        .args(["--exact", CHILD, "--ignored", "--nocapture"])
        .env(CHILD_VARIABLE, "1")
        .output()
        .unwrap();
    let text = [child.stdout, child.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(child.status.success(), "{}", text.concat());
    for line in text[1]
        .lines()
        .filter(|line| line.starts_with("full disk:"))
    {
        print_figure(line);
    }
}

#[test]
#[ignore = "run by full_disk_refuses_requests_and_loses_no_record in a namespace of its own"]
#[expect(
    clippy::disallowed_methods,
    reason = "the parent process names the namespace"
)]
fn in_child_fill_the_disk_under_load() {
    if std::env::var_os(CHILD_VARIABLE).is_none() {
        return;
    }
    let case = Case::new();
    let _disk = SmallDisk::mount(&case);
    let canary = Canary::api_key("st03");
    case.home.plant(&canary);
    let upstream = Scripted::start(|request| reply(request, 4, STREAM_PAUSE));
    let key = set_up(&case, &upstream, &canary);
    let mut load = Load {
        serving: Serving::start(&case),
        key,
        sent: 0,
        completed: BTreeSet::new(),
    };
    for _ in 0..40 {
        assert_eq!(load.send().status(), 200);
    }
    let streams = load.start_streams(&upstream);
    let filler = fill(&case);
    let refused_after = load.expect_refused(&upstream);
    let streams: Vec<_> = streams
        .into_iter()
        .map(|stream| stream.join().unwrap())
        .collect();
    for (body, response) in streams {
        assert_eq!(response.end, ResponseEnd::Complete);
        load.completed.insert(fingerprint(&body.to_string()));
    }
    // Nothing passes by itself while the disk is full.
    assert_eq!(load.send().status(), 503);
    std::fs::remove_file(&filler).unwrap();
    let recovered_after = load.expect_served();
    let _ended = load.serving.end();
    let entries = attempts(&case);
    let found = LedgerCheck::check(
        &upstream.requests(),
        &load.completed,
        &entries,
        &BTreeMap::new(),
    );
    assert_eq!(found.unknown, 0);
    case.store().verify().unwrap();
    print_figure(&format!(
        "full disk: first refusal after {refused_after:.0?}, served again {recovered_after:.0?} after there was space; \
         upstream saw {}, the ledger has {} entries: 0 lost, 0 double",
        upstream.requests().len(),
        found.entries
    ));

    // Nothing starts on a full disk, and that is said, too.
    let _filler = fill(&case);
    for arguments in [&SERVE[..], &["key", "list"]] {
        let refused = case.run(arguments).expect_code(7);
        let text = refused.stderr + &refused.stdout;
        assert!(text.contains("the disk is full"), "{text}");
    }
}

/// A small file system at keyreeve's directory, until dropped.
struct SmallDisk {
    path: std::path::PathBuf,
}

impl SmallDisk {
    fn mount(case: &Case) -> Self {
        let path = case.home.keyreeve_home();
        std::fs::create_dir(&path).unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", DISK, "tmpfs"])
            .arg(&path)
            .status();
        assert!(status.unwrap().success());
        Self { path }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let mut unmount = Command::new("umount");
        // The end of the namespace unmounts it, too; then only an empty directory is left.
        unmount.arg("-l").arg(&self.path).status().ok();
    }
}

/// Fills the file system to its last byte, and returns the file to remove.
fn fill(case: &Case) -> std::path::PathBuf {
    let path = case.home.keyreeve_home().join("filler");
    let mut file = File::create(&path).unwrap();
    for size in [64 << 10, 1] {
        let block = vec![1; size];
        let error = loop {
            if let Err(error) = file.write_all(&block) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }
    path
}

/// Requests to a gateway, each with a body of its own.
struct Load {
    serving: Serving,
    key: String,
    sent: usize,
    /// Fingerprints of the bodies with a complete response.
    completed: BTreeSet<String>,
}

impl Load {
    fn marker(&mut self) -> String {
        self.sent += 1;
        format!("request {:06}", self.sent)
    }

    /// Sends a request and reads its response.
    fn send(&mut self) -> WireResponse {
        let body = message(&self.marker());
        let response = self.serving.ask(&self.key, &body);
        if response.status() == 200 {
            self.completed.insert(fingerprint(&body.to_string()));
        }
        response
    }

    /// Starts streams, and waits until the upstream has them.
    fn start_streams(&mut self, upstream: &Scripted) -> Vec<JoinHandle<(Value, WireResponse)>> {
        let before = upstream.requests().len();
        let streams = (0..STREAMS).map(|_| {
            let body = streamed(&self.marker());
            let request = crate::serving::request(self.serving.address(), &self.key, &body);
            let address = self.serving.address();
            std::thread::spawn(move || {
                (
                    body,
                    keyreeve_testkit::wire::send_request(address, &request),
                )
            })
        });
        let streams = streams.collect();
        while upstream.requests().len() < before + STREAMS {
            std::thread::sleep(Duration::from_millis(5));
        }
        streams
    }

    /// Sends requests until one is refused, which names the cause and is not sent. Returns the time until then.
    fn expect_refused(&mut self, upstream: &Scripted) -> Duration {
        let full_at = Instant::now();
        let (refused, sent_before) = loop {
            let sent_before = upstream.requests().len();
            let response = self.send();
            if response.status() != 200 {
                break (response, sent_before);
            }
            assert!(full_at.elapsed() < NOTICE_TIMEOUT, "still served");
        };
        let refused_after = full_at.elapsed();
        let body = refused.text();
        assert_eq!(refused.status(), 503, "{body}");
        assert!(body.contains("cannot write its ledger"), "{body}");
        assert!(body.contains("the disk is full"), "{body}");
        for _ in 0..20 {
            let asked_at = Instant::now();
            assert_eq!(self.send().status(), 503);
            assert!(asked_at.elapsed() < REFUSAL_TIMEOUT);
        }
        assert_eq!(upstream.requests().len(), sent_before, "sent unrecorded");
        refused_after
    }

    /// Sends requests until one is served. Returns the time until then.
    fn expect_served(&mut self) -> Duration {
        let free_at = Instant::now();
        while self.send().status() != 200 {
            assert!(free_at.elapsed() < RECOVERY_TIMEOUT, "not served again");
            std::thread::sleep(Duration::from_millis(20));
        }
        free_at.elapsed()
    }
}
