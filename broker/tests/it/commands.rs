//! Credential commands: caching of their output, timeouts, and events while they run.
#![expect(clippy::disallowed_methods, reason = "a test's own files and clock")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use keyreeve_broker::{AuthenticateError, LeaseError, SourceError};
use keyreeve_core::profile::Source;
use keyreeve_core::secret::Fingerprint;
use keyreeve_os::environment::Environment;
use tempfile::TempDir;

use crate::harness::{GATEWAY, Harness, shell};

/// Returns a broker whose secret is printed by a shell script. The script runs in its own directory and records each
/// run there.
fn harness(script: &str) -> (Harness, TempDir) {
    let folder = TempDir::new().unwrap();
    let script = format!("cd {}; echo run >> runs; {script}", folder.path().display());
    let harness = Harness::open(shell(&script), GATEWAY, Environment::default());
    (harness, folder)
}

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

/// Waits until a condition is true, without blocking other tasks.
async fn wait_until(condition: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    while !condition() && started.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    condition()
}

/// Advances the clock of tokio by a number of seconds.
async fn advance(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn output_is_cached_for_five_minutes() {
    let (harness, folder) = harness("echo printed-token-value");
    for (seconds, runs) in [(0, 1), (200, 1), (99, 1), (2, 2), (100, 2)] {
        advance(seconds).await;
        drop(harness.lease().await.unwrap());
        let run = text(&folder.path().join("runs")).lines().count();
        assert_eq!(run, runs, "{seconds}");
    }
}

/// CO-03: a key that is revoked while the program runs gets no lease.
#[tokio::test]
async fn key_revoked_during_a_run_gets_no_lease() {
    let (harness, folder) =
        harness("while [ ! -e go ]; do sleep 0.01; done; echo printed-token-value");
    let revoke = async {
        assert!(wait_until(|| folder.path().join("runs").exists()).await);
        harness.revoke_key();
        std::fs::write(folder.path().join("go"), "").unwrap();
    };
    let (leased, ()) = tokio::join!(harness.lease(), revoke);
    let error = leased.err().unwrap();
    assert!(
        matches!(
            error,
            LeaseError::Authenticate(AuthenticateError::Refused(_))
        ),
        "{error:?}"
    );
    assert_eq!(harness.ledger_entries(), []);
}

/// F-23: a profile that is removed while the program runs gets no lease.
#[tokio::test]
async fn profile_removed_during_a_run_gets_no_lease() {
    let (harness, folder) =
        harness("while [ ! -e go ]; do sleep 0.01; done; echo printed-token-value");
    let remove = async {
        assert!(wait_until(|| folder.path().join("runs").exists()).await);
        harness.remove_profile();
        std::fs::write(folder.path().join("go"), "").unwrap();
    };
    let (leased, ()) = tokio::join!(harness.lease(), remove);
    let error = leased.err().unwrap();
    assert!(
        matches!(
            error,
            LeaseError::NoProfile(_)
                | LeaseError::Source {
                    source: SourceError::Changed,
                    ..
                }
        ),
        "{error:?}"
    );
    assert_eq!(harness.ledger_entries(), []);
}

#[tokio::test]
async fn hanging_program_is_stopped() {
    let (harness, folder) = harness("echo $$ > pid; exec sleep 600");
    let pid = || text(&folder.path().join("pid"));
    let wait = async {
        assert!(wait_until(|| pid().ends_with('\n')).await);
        advance(61).await;
    };
    let (leased, ()) = tokio::join!(harness.lease(), wait);
    assert!(matches!(leased, Err(LeaseError::Source { .. })));
    let process = PathBuf::from("/proc").join(pid().trim());
    assert!(
        wait_until(|| text(&process.join("cmdline")).is_empty()).await,
        "it still runs"
    );
}

#[tokio::test]
async fn program_is_not_run_by_a_shell() {
    let folder = TempDir::new().unwrap();
    let touched = folder.path().join("touched");
    let missing = format!("x; touch {}", touched.display());
    for argv in [
        vec!["printf", "%s", &missing],
        vec![&missing],
        vec!["true", "$(touch x)", &missing],
    ] {
        let argv = argv.into_iter().map(ToOwned::to_owned).collect();
        let harness = Harness::open(Source::Command { argv }, GATEWAY, Environment::default());
        assert!(harness.lease().await.is_err());
    }
    assert!(!touched.exists());
}

#[tokio::test]
async fn program_does_not_get_other_secrets() {
    // Cargo sets this variable for every test; the broker's environment has a key in it.
    let script = "echo ${CARGO_MANIFEST_DIR-nothing-to-see}";
    let key = format!("sk-ant-{}-{}AA", "api03", "s".repeat(93));
    for (value, visible) in [(key.as_str(), false), ("a folder", true)] {
        let environment = Environment::from_pairs([("CARGO_MANIFEST_DIR", value)]);
        let harness = Harness::open(shell(script), GATEWAY, environment);
        let (_lease, credential) = harness.lease().await.unwrap();
        let missing = Fingerprint::of("nothing-to-see");
        assert_eq!(credential.fingerprint() != missing, visible);
    }
}
