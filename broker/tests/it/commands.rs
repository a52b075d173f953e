//! A program that prints a secret takes its time: what is kept of it, and what can happen meanwhile.
#![expect(clippy::disallowed_methods, reason = "a test's own files and clock")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use keyreeve_broker::{LeaseError, NotAllowed};
use keyreeve_core::profile::Source;
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::snapshot::Environment;
use tempfile::TempDir;

use crate::desk::Desk;

/// A desk whose secret is printed by a shell script, started in a folder of its own, where it notes each run.
fn desk(script: &str) -> (Desk, TempDir) {
    let folder = TempDir::new().unwrap();
    let script = format!("cd {}; echo run >> runs; {script}", folder.path().display());
    let argv = ["/bin/sh", "-c", &script].map(ToOwned::to_owned).to_vec();
    let desk = Desk::open(
        Source::Command { argv },
        "https://gateway.example",
        Environment::default(),
    );
    (desk, folder)
}

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

/// Waits until something holds, without standing in the way of other tasks.
async fn eventually(holds: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while !holds() && begun.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    holds()
}

/// Lets so many seconds pass at once.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn what_it_printed_is_kept_for_five_minutes() {
    let (desk, folder) = desk("echo printed-token-value");
    for (passed, runs) in [(0, 1), (200, 1), (99, 1), (2, 2), (100, 2)] {
        pass(passed).await;
        drop(desk.lease().await.unwrap());
        let run = text(&folder.path().join("runs")).lines().count();
        assert_eq!(run, runs, "{passed}");
    }
}

#[tokio::test]
async fn co_03_a_key_revoked_while_the_program_runs_leases_nothing() {
    let (desk, folder) = desk("while [ ! -e go ]; do sleep 0.01; done; echo printed-token-value");
    let revoke = async {
        assert!(eventually(|| folder.path().join("runs").exists()).await);
        desk.revoke();
        std::fs::write(folder.path().join("go"), "").unwrap();
    };
    let (leased, ()) = tokio::join!(desk.lease(), revoke);
    let error = leased.err().unwrap();
    assert!(
        matches!(error, LeaseError::NotAllowed(NotAllowed::Refused(_))),
        "{error:?}"
    );
    assert_eq!(desk.attempts(), []);
}

#[tokio::test]
async fn a_program_that_hangs_is_ended() {
    let (desk, folder) = desk("echo $$ > pid; exec sleep 600");
    let pid = || text(&folder.path().join("pid"));
    let wait = async {
        assert!(eventually(|| pid().ends_with('\n')).await);
        pass(61).await;
    };
    let (leased, ()) = tokio::join!(desk.lease(), wait);
    assert!(matches!(leased, Err(LeaseError::Source { .. })));
    let process = PathBuf::from("/proc").join(pid().trim());
    assert!(
        eventually(|| text(&process.join("cmdline")).is_empty()).await,
        "it still runs"
    );
}

#[tokio::test]
async fn no_shell_stands_between() {
    let folder = TempDir::new().unwrap();
    let touched = folder.path().join("touched");
    let hidden = format!("x; touch {}", touched.display());
    for argv in [
        vec!["printf", "%s", &hidden],
        vec![&hidden],
        vec!["true", "$(touch x)", &hidden],
    ] {
        let argv = argv.into_iter().map(ToOwned::to_owned).collect();
        let origin = "https://gateway.example";
        let desk = Desk::open(Source::Command { argv }, origin, Environment::default());
        assert!(desk.lease().await.is_err());
    }
    assert!(!touched.exists());
}

#[tokio::test]
async fn a_program_is_not_shown_the_secrets_of_others() {
    // Cargo sets this variable for every test; the broker is told that a key stands in it.
    let script = "echo ${CARGO_MANIFEST_DIR-nothing-to-see}";
    let argv = ["/bin/sh", "-c", script].map(ToOwned::to_owned).to_vec();
    let key = format!("sk-ant-{}-{}AA", "api03", "s".repeat(93));
    for (value, shown) in [(key.as_str(), false), ("a folder", true)] {
        let environment = Environment::from_pairs([("CARGO_MANIFEST_DIR", value)]);
        let source = Source::Command { argv: argv.clone() };
        let desk = Desk::open(source, "https://gateway.example", environment);
        let (_lease, credential) = desk.lease().await.unwrap();
        let hidden = Fingerprint::of("nothing-to-see");
        assert_eq!(credential.fingerprint() != hidden, shown);
    }
}
