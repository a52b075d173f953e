//! Sources of secrets, and the errors of sources that return none.

use std::path::Path;

use keyreeve_core::profile::{Auth, Provenance, Source};
use keyreeve_core::secret::Fingerprint;
use keyreeve_os::environment::Environment;

use crate::harness::{GATEWAY, Harness, shell};
use crate::login::{chmod, leased};

const ANTHROPIC: &str = "https://api.anthropic.com";

fn variable(name: &str) -> Source {
    Source::Environment {
        variable: name.to_owned(),
    }
}

#[tokio::test]
async fn each_source_returns_its_secret() {
    let environment = || Environment::from_pairs([("TOKEN", " bearer-in-a-variable\n")]);
    for (source, secret) in [
        (Source::Sealed, "sealed-bearer-token-of-nobody"),
        (variable("TOKEN"), "bearer-in-a-variable"),
        (shell("echo printed-by-a-program"), "printed-by-a-program"),
    ] {
        let harness = Harness::open(source, GATEWAY, environment());
        assert_eq!(leased(&harness).await, Ok(Fingerprint::of(secret)));
    }
}

#[tokio::test]
async fn source_error_names_the_source_and_shows_no_secret() {
    for (source, expected) in [
        (
            variable("TOKEN"),
            "the environment variable TOKEN was not set",
        ),
        (shell("exit 3"), "failed: run it yourself"),
        (shell("true"), "printed nothing"),
        (
            shell("echo hush-one; echo hush-two"),
            "printed more than one line",
        ),
        (shell("printf 'hush \\033[1m'"), "not a usable credential"),
        (
            shell("head -c 20000 /dev/zero | tr '\\0' h"),
            "not a usable credential",
        ),
    ] {
        let harness = Harness::open(source.clone(), GATEWAY, Environment::default());
        let error = leased(&harness).await.unwrap_err();
        assert!(
            error.contains("cannot obtain the secret of profile `work`"),
            "{error}"
        );
        assert!(error.contains(expected), "{source:?}: {error}");
        assert!(!error.contains("hush"), "{error}");
        assert!(
            harness.ledger_entries().is_empty(),
            "nothing is sent, so nothing is recorded"
        );
    }
}

fn file(path: &Path) -> Source {
    Source::File {
        path: path.to_str().unwrap().to_owned(),
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    chmod(path, mode);
}

#[tokio::test]
async fn file_is_read_for_each_lease() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let harness = Harness::open(file(&path), GATEWAY, Environment::default());
    for text in ["first-token-in-a-file\n", "second-token-in-a-file"] {
        write(&path, text, 0o600);
        assert_eq!(leased(&harness).await, Ok(Fingerprint::of(text.trim())));
    }
}

/// LA-01: a file with unsafe permissions is refused with the command that fixes it.
#[tokio::test]
async fn unsafe_file_is_refused_with_the_fix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let missing = folder.path().join("missing");
    write(&path, "hush-token-in-a-file", 0o640);
    for (source, expected) in [
        (&path, format!("fix: `chmod 600 {}`", path.display())),
        (&link, "is a symbolic link".to_owned()),
        (&missing, "does not exist".to_owned()),
    ] {
        let harness = Harness::open(file(source), GATEWAY, Environment::default());
        let error = leased(&harness).await.unwrap_err();
        assert!(error.contains(&expected), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

/// Returns a directory with an `ant` that prints a made-up login of the requested profile.
fn ant() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "#!/bin/sh\n[ \"$1 $2 $3\" = 'auth print-credentials --access-token' ] || exit 2\n\
         printf 'sk-ant-%s-%s%s%sAA\\n' oat01 \"${{5:-active}}\" {}\n",
        "x".repeat(80)
    );
    write(&folder.path().join("ant"), &script, 0o700);
    folder
}

#[tokio::test]
async fn ant_login_is_an_organization_credential() {
    let ant = ant();
    let path = format!("relative:{}:/bin", ant.path().display());
    for (ant_profile, word) in [(None, "active"), (Some("office"), "office")] {
        let source = Source::Ant {
            profile: ant_profile.map(|name| name.parse().unwrap()),
        };
        let environment = Environment::from_pairs([("PATH", path.as_str())]);
        let harness = Harness::open(source, ANTHROPIC, environment);
        let (lease, credential) = harness.lease().await.unwrap();
        let token = format!("sk-ant-{}-{word}{}AA", "oat01", "x".repeat(80));
        assert_eq!(credential.fingerprint(), Fingerprint::of(&token));
        assert_eq!(credential.provenance(), Provenance::AntLogin);
        assert_eq!(lease.injection.auth, Auth::Bearer);
    }
    let harness = Harness::open(
        Source::Ant { profile: None },
        ANTHROPIC,
        Environment::default(),
    );
    let error = leased(&harness).await.unwrap_err();
    assert!(error.contains("ant is not on the PATH"), "{error}");
}

/// SU-01: Claude Code's own login is never leased.
#[tokio::test]
async fn claude_code_login_is_never_leased() {
    let source = Source::ClaudeLogin { config_dir: None };
    let harness = Harness::open(source, ANTHROPIC, Environment::default());
    let error = leased(&harness).await.unwrap_err();
    assert!(error.contains("only plan logins"), "{error}");
    assert!(harness.ledger_entries().is_empty());
}

#[tokio::test]
async fn program_is_run_again_after_its_credential_was_refused() {
    let counter = tempfile::tempdir().unwrap();
    let runs = counter.path().join("runs");
    let script = format!(
        "echo x >> {0}; echo token-number-$(wc -l < {0})",
        runs.display()
    );
    let harness = Harness::open(shell(&script), GATEWAY, Environment::default());
    let (lease, credential) = harness.lease().await.unwrap();
    assert_eq!(
        leased(&harness).await,
        Ok(Fingerprint::of("token-number-1"))
    );
    harness
        .broker
        .mark_rejected(lease.profile.id, credential.fingerprint());
    assert_eq!(
        leased(&harness).await,
        Ok(Fingerprint::of("token-number-2"))
    );
    assert_eq!(
        leased(&harness).await,
        Ok(Fingerprint::of("token-number-2"))
    );
}

#[tokio::test]
async fn program_runs_once_for_many_leases() {
    let counter = tempfile::tempdir().unwrap();
    let runs = counter.path().join("runs");
    let script = format!(
        "echo x >> {}; sleep 0.2; echo printed-token-value",
        runs.display()
    );
    let harness = Harness::open(shell(&script), GATEWAY, Environment::default());
    let (one, two, three) = tokio::join!(leased(&harness), leased(&harness), leased(&harness));
    let fourth = leased(&harness).await;
    for result in [one, two, three, fourth] {
        assert_eq!(result, Ok(Fingerprint::of("printed-token-value")));
    }
    assert_eq!(lines(&runs), 1);
}

#[tokio::test]
async fn failed_program_is_run_again() {
    let counter = tempfile::tempdir().unwrap();
    let runs = counter.path().join("runs");
    let script = format!(
        "echo x >> {0}; test $(wc -l < {0}) -gt 1 && echo second-time",
        runs.display()
    );
    let harness = Harness::open(shell(&script), GATEWAY, Environment::default());
    assert!(leased(&harness).await.is_err());
    assert_eq!(leased(&harness).await, Ok(Fingerprint::of("second-time")));
}

#[tokio::test]
async fn plan_login_of_any_source_is_never_leased() {
    let token = format!("sk-ant-{}-{}AA", "oat01", "p".repeat(93));
    for origin in [ANTHROPIC, GATEWAY] {
        let environment = Environment::from_pairs([("TOKEN", token.as_str())]);
        let harness = Harness::open(variable("TOKEN"), origin, environment);
        let error = leased(&harness).await.unwrap_err();
        assert!(error.contains("must not be used here"), "{error}");
        assert!(harness.ledger_entries().is_empty());
    }
}

fn lines(file: &Path) -> usize {
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::read_to_string(file).unwrap().lines().count()
}
