//! Where a secret comes from, and what becomes of sources that give none.

use std::path::Path;

use keyreeve_broker::LeaseError;
use keyreeve_core::profile::{Auth, Provenance, Source};
use keyreeve_core::snapshot::Environment;

use crate::desk::Desk;
use crate::login::chmod;

const GATEWAY: &str = "https://gateway.example";
const VENDOR: &str = "https://api.anthropic.com";

fn shell(script: &str) -> Source {
    Source::Command {
        argv: ["/bin/sh", "-c", script].map(ToOwned::to_owned).to_vec(),
    }
}

fn variable(name: &str) -> Source {
    Source::Environment {
        variable: name.to_owned(),
    }
}

/// The fingerprint of what was leased, or the error and its causes in one line.
async fn leased(desk: &Desk) -> Result<String, String> {
    match desk.lease().await {
        Ok((lease, credential)) => {
            drop(lease);
            Ok(credential.fingerprint().to_string())
        }
        Err(error) => Err(told(&error)),
    }
}

fn told(error: &LeaseError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

fn fingerprint(secret: &str) -> String {
    keyreeve_core::secret::Fingerprint::of(secret).to_string()
}

#[tokio::test]
async fn each_source_gives_its_secret() {
    let environment = || Environment::from_pairs([("TOKEN", " bearer-in-a-variable\n")]);
    for (source, secret) in [
        (Source::Sealed, "sealed-bearer-token-of-nobody"),
        (variable("TOKEN"), "bearer-in-a-variable"),
        (shell("echo printed-by-a-program"), "printed-by-a-program"),
    ] {
        let desk = Desk::open(source, GATEWAY, environment());
        assert_eq!(leased(&desk).await, Ok(fingerprint(secret)));
    }
}

#[tokio::test]
async fn a_source_that_gives_nothing_usable_is_named_and_shows_nothing() {
    for (source, expected) in [
        (
            variable("TOKEN"),
            "the environment variable TOKEN is not set",
        ),
        (shell("exit 3"), "failed; run it by hand"),
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
        let desk = Desk::open(source.clone(), GATEWAY, Environment::default());
        let error = leased(&desk).await.unwrap_err();
        assert!(
            error.contains("the secret of profile work cannot be had"),
            "{error}"
        );
        assert!(error.contains(expected), "{source:?}: {error}");
        assert!(!error.contains("hush"), "{error}");
        assert!(
            desk.attempts().is_empty(),
            "nothing was sent, so nothing is on record"
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
async fn a_file_gives_what_it_holds_now() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let desk = Desk::open(file(&path), GATEWAY, Environment::default());
    for text in ["first-token-in-a-file\n", "second-token-in-a-file"] {
        write(&path, text, 0o600);
        assert_eq!(leased(&desk).await, Ok(fingerprint(text.trim())));
    }
}

#[tokio::test]
async fn la_01_a_weak_file_is_refused_with_the_command_that_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let missing = folder.path().join("missing");
    write(&path, "hush-token-in-a-file", 0o640);
    for (source, expected) in [
        (
            &path,
            format!("mend it with `chmod 600 {}`", path.display()),
        ),
        (&link, "is a symbolic link".to_owned()),
        (&missing, "does not exist".to_owned()),
    ] {
        let desk = Desk::open(file(source), GATEWAY, Environment::default());
        let error = leased(&desk).await.unwrap_err();
        assert!(error.contains(&expected), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

/// An `ant` that prints a made-up login of the profile it was asked for.
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
async fn the_login_of_ant_is_an_organizations_and_sent_as_one() {
    let ant = ant();
    let path = format!("relative:{}:/bin", ant.path().display());
    for (theirs, word) in [(None, "active"), (Some("office"), "office")] {
        let source = Source::Ant {
            profile: theirs.map(|name| name.parse().unwrap()),
        };
        let environment = Environment::from_pairs([("PATH", path.as_str())]);
        let desk = Desk::open(source, VENDOR, environment);
        let (lease, credential) = desk.lease().await.unwrap();
        let token = format!("sk-ant-{}-{word}{}AA", "oat01", "x".repeat(80));
        assert_eq!(credential.fingerprint().as_str(), fingerprint(&token));
        assert_eq!(credential.provenance(), Provenance::AntLogin);
        assert_eq!(lease.injection.auth, Auth::Bearer);
    }
    let desk = Desk::open(
        Source::Ant { profile: None },
        VENDOR,
        Environment::default(),
    );
    let error = leased(&desk).await.unwrap_err();
    assert!(error.contains("ant is not on the PATH"), "{error}");
}

#[tokio::test]
async fn su_01_the_login_of_claude_code_is_never_leased() {
    let source = Source::ClaudeLogin { config_dir: None };
    let desk = Desk::open(source, VENDOR, Environment::default());
    let error = leased(&desk).await.unwrap_err();
    assert!(error.contains("only plan logins"), "{error}");
    assert!(desk.attempts().is_empty());
}

#[tokio::test]
async fn a_program_is_asked_again_for_what_was_refused() {
    let counter = tempfile::tempdir().unwrap();
    let runs = counter.path().join("runs");
    let script = format!(
        "echo x >> {0}; echo token-number-$(wc -l < {0})",
        runs.display()
    );
    let desk = Desk::open(shell(&script), GATEWAY, Environment::default());
    let (lease, credential) = desk.lease().await.unwrap();
    assert_eq!(leased(&desk).await, Ok(fingerprint("token-number-1")));
    desk.broker
        .reject(lease.profile.id, credential.fingerprint());
    assert_eq!(leased(&desk).await, Ok(fingerprint("token-number-2")));
    assert_eq!(leased(&desk).await, Ok(fingerprint("token-number-2")));
}

#[tokio::test]
async fn a_program_runs_once_for_many_leases() {
    let counter = tempfile::tempdir().unwrap();
    let runs = counter.path().join("runs");
    let script = format!(
        "echo x >> {}; sleep 0.2; echo printed-token-value",
        runs.display()
    );
    let desk = Desk::open(shell(&script), GATEWAY, Environment::default());
    let (one, two, three) = tokio::join!(leased(&desk), leased(&desk), leased(&desk));
    let fourth = leased(&desk).await;
    for got in [one, two, three, fourth] {
        assert_eq!(got, Ok(fingerprint("printed-token-value")));
    }
    assert_eq!(lines(&runs), 1);
}

#[tokio::test]
async fn a_program_that_failed_is_asked_again() {
    let counter = tempfile::tempdir().unwrap();
    let runs = counter.path().join("runs");
    let script = format!(
        "echo x >> {0}; test $(wc -l < {0}) -gt 1 && echo second-time",
        runs.display()
    );
    let desk = Desk::open(shell(&script), GATEWAY, Environment::default());
    assert!(leased(&desk).await.is_err());
    assert_eq!(leased(&desk).await, Ok(fingerprint("second-time")));
}

#[tokio::test]
async fn a_plan_login_is_never_leased_whatever_it_came_from() {
    let token = format!("sk-ant-{}-{}AA", "oat01", "p".repeat(93));
    for origin in [VENDOR, GATEWAY] {
        let environment = Environment::from_pairs([("TOKEN", token.as_str())]);
        let desk = Desk::open(variable("TOKEN"), origin, environment);
        let error = leased(&desk).await.unwrap_err();
        assert!(error.contains("may not be used here"), "{error}");
        assert!(desk.attempts().is_empty());
    }
}

fn lines(file: &Path) -> usize {
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::read_to_string(file).unwrap().lines().count()
}
