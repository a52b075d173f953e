//! SDK profiles: tokens exchanged and renewed as the SDKs do it, in the files they share with us.
#![expect(clippy::disallowed_methods, reason = "a test's own files")]

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use keyreeve_broker::Report;
use keyreeve_core::inject::BetaEdit;
use keyreeve_core::profile::{Auth, Provenance};
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::verdict::{ErrorAnswer, Verdict};
use keyreeve_os::world;
use keyreeve_store::Ending;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::sandbox::Sandbox;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::login::{Login, desk, ends, federated, fingerprint, from_now, leased, token};

const DIRECTORY: &str = "KEYREEVE_BROKER_TEST_DIRECTORY";
const URL: &str = "KEYREEVE_BROKER_TEST_URL";
const DIES: &str = "KEYREEVE_BROKER_TEST_DIES";

fn old() -> Fingerprint {
    Fingerprint::of(&token("oat01", "old"))
}

fn script_for(sandbox: &Sandbox, value: &str, steps: &Value) {
    sandbox.script(&Canary::made("identity", value), steps);
}

#[tokio::test]
async fn an_identity_token_is_exchanged_once_and_read_again_for_each_exchange() {
    let folder = tempfile::tempdir().unwrap();
    let identity = folder.path().join("token");
    std::fs::write(
        folder.path().join("first"),
        "first-header.payload.signature\n",
    )
    .unwrap();
    // As a cluster mounts it: a link, which whoever rotates it leads elsewhere.
    symlink("first", &identity).unwrap();
    let login = federated(&identity);
    let desk = login.desk();

    let (lease, credential) = desk.lease().await.unwrap();
    assert_eq!(credential.provenance(), Provenance::Federation);
    assert_eq!(lease.injection.auth, Auth::Bearer);
    assert_eq!(lease.injection.beta, BetaEdit::Add("oauth-2025-04-20"));
    let first = leased(&desk).await.unwrap();
    assert_eq!(credential.fingerprint(), first);
    let exchanges = login.exchanges();
    let beta = "oauth-2025-04-20,oidc-federation-2026-04-01";
    let agent = concat!("keyreeve/", env!("CARGO_PKG_VERSION"));
    assert_eq!(exchanges, [(200, beta.to_owned(), agent.to_owned())]);

    std::fs::write(&identity, "second-header.payload.signature").unwrap();
    let marked = json!([{"status": 418}]);
    script_for(&login.sandbox, "second-header.payload.signature", &marked);
    desk.broker.reject(lease.profile.id, first);
    let error = leased(&desk).await.unwrap_err();
    assert!(error.contains("418"), "the second token was sent: {error}");
}

#[tokio::test]
async fn a_login_with_time_left_is_used_as_it_is() {
    let login = Login::ending_in(3_600);
    let desk = login.desk();
    let (lease, credential) = desk.lease().await.unwrap();
    assert_eq!(credential.fingerprint(), old());
    assert_eq!(credential.provenance(), Provenance::AntLogin);
    assert_eq!(lease.injection.auth, Auth::Bearer);
    assert!(login.exchanges().is_empty());
}

#[tokio::test]
async fn a_login_that_ends_is_renewed_in_its_file_before_it_is_used() {
    let login = Login::ending_in(29);
    let before = login.kept();
    let got = leased(&login.desk()).await.unwrap();
    let kept = login.kept();
    assert_eq!(got, fingerprint(&kept["access_token"]));
    assert_ne!(got, old());
    assert_ne!(kept["refresh_token"], before["refresh_token"]);
    assert!(ends(&kept).as_second() > from_now(28_000));
    for field in ["of next year", "organization_name"] {
        assert_eq!(kept[field], before[field]);
    }
    let mode = std::fs::metadata(login.credentials())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    let exchanges = login.exchanges();
    assert_eq!(exchanges.len(), 1);
    assert_eq!(exchanges[0].1, "oauth-2025-04-20");
}

#[tokio::test]
async fn many_leases_of_two_brokers_share_one_renewal() {
    let login = Login::ending_in(0);
    login.script(&json!([{"ok": true, "delay_ms": 200}]));
    let (one, two) = (login.desk(), login.desk());
    let got = tokio::join!(leased(&one), leased(&two), leased(&one), leased(&two));
    let new = fingerprint(&login.kept()["access_token"]);
    for got in [got.0, got.1, got.2, got.3] {
        assert_eq!(got.unwrap(), new);
    }
    assert_eq!(login.exchanges().len(), 1);
}

#[tokio::test]
async fn many_leases_share_one_exchange() {
    let folder = tempfile::tempdir().unwrap();
    let identity = folder.path().join("token");
    std::fs::write(&identity, "header.payload.signature").unwrap();
    let login = federated(&identity);
    let slow = json!([{"ok": true, "delay_ms": 100}]);
    script_for(&login.sandbox, "header.payload.signature", &slow);
    let desk = login.desk();
    let got = tokio::join!(leased(&desk), leased(&desk), leased(&desk));
    let first = got.0.unwrap();
    for got in [got.1, got.2] {
        assert_eq!(got.unwrap(), first);
    }
    assert_eq!(login.exchanges().len(), 1);
}

#[tokio::test]
async fn two_processes_share_one_renewal() {
    let login = Login::ending_in(0);
    login.script(&json!([{"ok": true, "delay_ms": 500}]));
    let children = [child(&login, None), child(&login, None)];
    let printed = children.map(|child| child.wait_with_output().unwrap());
    let new = fingerprint(&login.kept()["access_token"]);
    for Output { status, stdout, .. } in printed {
        let stdout = String::from_utf8_lossy(&stdout).into_owned();
        assert!(status.success(), "{stdout}");
        assert!(stdout.contains(&format!("leased {new}")), "{stdout}");
    }
    assert_eq!(login.exchanges().len(), 1);
}

#[tokio::test]
async fn a_process_that_dies_between_keeping_and_using_loses_nothing() {
    let login = Login::ending_in(0);
    let died = child(&login, Some("1")).wait_with_output().unwrap();
    assert!(!died.status.success());
    let got = leased(&login.desk()).await.unwrap();
    assert_eq!(got, fingerprint(&login.kept()["access_token"]));
    assert_ne!(got, old());
    assert_eq!(login.exchanges().len(), 1);
}

/// Starts a process of its own that leases once; with `dies` it is gone before it uses what it leased.
fn child(login: &Login, dies: Option<&str>) -> std::process::Child {
    let mut command = Command::new(Path::new("/proc/self/exe").canonicalize().unwrap());
    command
        .args([
            "--exact",
            "sdk_profile::in_child_lease",
            "--ignored",
            "--nocapture",
        ])
        .env(DIRECTORY, login.folder.path())
        .env(URL, login.sandbox.base_url())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(dies) = dies {
        command.env(DIES, dies);
    }
    command.spawn().unwrap()
}

#[tokio::test]
#[ignore = "a process that other tests start"]
async fn in_child_lease() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else {
        return;
    };
    let desk = desk(&directory, &std::env::var(URL).unwrap());
    let (_lease, credential) = desk.lease().await.unwrap();
    if std::env::var_os(DIES).is_some() {
        std::process::abort();
    }
    println!("leased {}", credential.fingerprint());
}

#[tokio::test]
async fn a_renewal_goes_on_when_nobody_waits_for_it_any_more() {
    let login = Login::ending_in(0);
    login.script(&json!([{"ok": true, "delay_ms": 300}]));
    let desk = login.desk();
    let gone = timeout(Duration::from_millis(100), desk.lease()).await;
    assert!(gone.is_err(), "the client went away");
    desk.broker.settled().await;
    let kept = login.kept();
    assert_ne!(fingerprint(&kept["access_token"]), old());
    assert_eq!(
        leased(&desk).await.unwrap(),
        fingerprint(&kept["access_token"])
    );
}

#[tokio::test]
async fn a_login_near_its_end_is_used_and_renewed_beside_that() {
    let login = Login::ending_in(100);
    login.script(&json!([{"status": 503, "body": {}}]));
    let desk = login.desk();
    assert_eq!(leased(&desk).await.unwrap(), old());
    desk.broker.settled().await;
    assert_eq!(login.exchanges().len(), 1);
    assert_eq!(
        leased(&desk).await.unwrap(),
        old(),
        "it failed a moment ago"
    );
    desk.broker.settled().await;
    assert_eq!(login.exchanges().len(), 1);
    let another = login.desk();
    assert_eq!(leased(&another).await.unwrap(), old());
    another.broker.settled().await;
    assert_ne!(leased(&another).await.unwrap(), old());
    assert_eq!(login.exchanges().len(), 2);
}

#[tokio::test]
async fn what_is_left_of_a_login_is_used_while_it_cannot_be_renewed() {
    let login = Login::ending_in(20);
    login.script(&json!([{"status": 429, "body": {"error": "rate_limited"}}]));
    assert_eq!(leased(&login.desk()).await.unwrap(), old());
    assert_eq!(login.exchanges().len(), 1);
}

#[tokio::test]
async fn a_token_that_was_refused_is_renewed_for_the_next_lease() {
    let login = Login::ending_in(3_600);
    let desk = login.desk();
    let (lease, _) = desk.lease().await.unwrap();
    let body = json!({"type": "error", "error": {
        "type": "authentication_error",
        "message": "OAuth token has expired. Please obtain a new token or refresh your existing token.",
    }});
    lease.report(report_of(401, &body));
    let renewed = leased(&desk).await.unwrap();
    assert_ne!(renewed, old());
    assert_eq!(leased(&desk).await.unwrap(), renewed, "once");
    assert_eq!(login.exchanges().len(), 1);
}

fn report_of(status: u16, body: &Value) -> Report {
    let body = body.to_string();
    let headers = [("content-type", "application/json")];
    let answer = ErrorAnswer {
        status,
        headers: &headers,
        body: body.as_bytes(),
    };
    Report {
        ending: Ending::Done,
        verdict: Verdict::of_error(&answer, world::now()),
        answer: None,
    }
}

#[tokio::test]
async fn a_file_that_another_program_keeps_fresh_is_read_each_time_and_never_renewed() {
    let login = Login::new(&json!({"type": "user_oauth"}));
    let desk = login.desk();
    for word in ["one", "two"] {
        let access = token("oat01", word);
        login.put(&json!({"access_token": access, "refresh_token": token("ort01", "x"), "expires_at": from_now(10)}));
        assert_eq!(leased(&desk).await.unwrap(), Fingerprint::of(&access));
    }
    login.put(&json!({"access_token": token("oat01", "late"), "expires_at": from_now(-1)}));
    let error = leased(&desk).await.unwrap_err();
    assert!(error.contains("has expired"), "{error}");
    assert!(login.exchanges().is_empty());
}
