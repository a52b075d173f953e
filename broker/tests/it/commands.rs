//! A secret that a program prints: run once for all who wait, kept for a while, never through a shell.

use std::path::PathBuf;
use std::time::Duration;

use keyreeve_broker::{LeaseError, NotAllowed};
use keyreeve_core::profile::Source;
use keyreeve_os::world;
use keyreeve_testkit::canary::Canary;
use tempfile::TempDir;

use crate::bench::{Bench, Setup, eventually};

/// A folder with a program that counts its runs, waits for a file where it is told to, and prints the secret.
struct Program {
    directory: TempDir,
}

impl Program {
    fn new(body: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let secret = Canary::api_key("profile");
        std::fs::write(directory.path().join("secret"), secret.value()).unwrap();
        let script = format!("cd \"$1\"; echo run >> runs; {body}");
        std::fs::write(directory.path().join("script"), script).unwrap();
        Self { directory }
    }

    fn bench(&self) -> Bench {
        let path = |path: PathBuf| path.to_str().unwrap().to_owned();
        let script = path(self.directory.path().join("script"));
        let argv = vec![
            "sh".to_owned(),
            script,
            path(self.directory.path().to_owned()),
        ];
        Setup {
            source: Source::Command { argv },
            ..Setup::default()
        }
        .build()
    }

    fn runs(&self) -> usize {
        std::fs::read_to_string(self.directory.path().join("runs"))
            .unwrap_or_default()
            .lines()
            .count()
    }

    fn go_on(&self) {
        std::fs::write(self.directory.path().join("go"), "").unwrap();
    }
}

const WAITS: &str = "while [ ! -e go ]; do sleep 0.01; done; cat secret";

async fn lease(bench: &Bench) -> Result<(), LeaseError> {
    let (lease, credential) = bench.broker.lease(&bench.client(), bench.ask()).await?;
    let origin = bench.profile.base_url.origin();
    assert_eq!(credential.expose_for(origin).unwrap(), bench.secret.value());
    drop(lease);
    Ok(())
}

#[tokio::test]
async fn leases_that_need_it_at_once_share_one_run() {
    let program = Program::new(WAITS);
    let bench = program.bench();
    let release = async {
        assert!(eventually(|| program.runs() > 0).await);
        program.go_on();
    };
    let (one, two, three, ()) = tokio::join!(lease(&bench), lease(&bench), lease(&bench), release);
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(program.runs(), 1);
}

#[tokio::test]
async fn what_it_printed_is_kept_for_five_minutes() {
    let program = Program::new("cat secret");
    let bench = program.bench();
    for (passed, runs) in [(0, 1), (200, 1), (99, 1), (2, 2), (100, 2)] {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(passed)).await;
        tokio::time::resume();
        lease(&bench).await.unwrap();
        assert_eq!(program.runs(), runs, "{passed}");
    }
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let program = Program::new("[ -e go ] && cat secret");
    let bench = program.bench();
    assert!(matches!(
        lease(&bench).await,
        Err(LeaseError::Source { .. })
    ));
    program.go_on();
    lease(&bench).await.unwrap();
    assert_eq!(program.runs(), 2);
}

#[tokio::test]
async fn co_03_a_key_revoked_while_the_program_runs_leases_nothing() {
    let program = Program::new(WAITS);
    let bench = program.bench();
    let revoke = async {
        assert!(eventually(|| program.runs() > 0).await);
        bench
            .another_store()
            .revoke_key(bench.key.id, world::now())
            .unwrap();
        program.go_on();
    };
    let (leased, ()) = tokio::join!(lease(&bench), revoke);
    let error = leased.err().unwrap();
    assert!(
        matches!(error, LeaseError::NotAllowed(NotAllowed::Refused(_))),
        "{error:?}"
    );
    assert_eq!(bench.rows(), []);
}

#[tokio::test]
async fn a_program_that_hangs_is_ended() {
    let program = Program::new("echo $$ > pid; exec sleep 600");
    let bench = program.bench();
    let pid = || std::fs::read_to_string(program.directory.path().join("pid")).unwrap_or_default();
    let pass_time = async {
        assert!(eventually(|| pid().ends_with('\n')).await);
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(61)).await;
        tokio::time::resume();
    };
    let (leased, ()) = tokio::join!(lease(&bench), pass_time);
    assert!(matches!(leased, Err(LeaseError::Source { .. })));
    let process = PathBuf::from("/proc").join(pid().trim());
    let runs = || std::fs::read(process.join("cmdline")).is_ok_and(|line| !line.is_empty());
    assert!(eventually(|| !runs()).await, "it still runs");
}

#[tokio::test]
async fn no_shell_stands_between() {
    let marker = TempDir::new().unwrap();
    let touched = marker.path().join("touched");
    let inject = format!("x; touch {}", touched.display());
    for argv in [
        vec!["printf", "%s", &inject],
        vec![&inject],
        vec!["true", "$(touch x)", &inject],
    ] {
        let argv = argv.into_iter().map(ToOwned::to_owned).collect();
        let bench = Setup {
            source: Source::Command { argv },
            ..Setup::default()
        }
        .build();
        assert!(matches!(
            lease(&bench).await,
            Err(LeaseError::Source { .. })
        ));
    }
    assert!(!touched.exists());
}
