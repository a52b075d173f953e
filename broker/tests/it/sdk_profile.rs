//! SDK profiles: tokens are exchanged and renewed (refreshed) as the SDKs do it, in the files shared with them.
#![expect(clippy::disallowed_methods, reason = "a test's own files")]

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use keyreeve_broker::Report;
use keyreeve_core::inject::BetaEdit;
use keyreeve_core::profile::{Auth, Provenance};
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::verdict::{ErrorResponse, Verdict};
use keyreeve_os::system;
use keyreeve_store::Ending;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::sandbox::Sandbox;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::login::{
    TestLogin, expires_at, federated, fingerprint, from_now, harness, leased, token,
};

const DIRECTORY: &str = "KEYREEVE_BROKER_TEST_DIRECTORY";
const URL: &str = "KEYREEVE_BROKER_TEST_URL";
const DIES: &str = "KEYREEVE_BROKER_TEST_DIES";

fn old() -> Fingerprint {
    Fingerprint::of(&token("oat01", "old"))
}

fn script_for(sandbox: &Sandbox, value: &str, steps: &Value) {
    sandbox.script(&Canary::generated("identity", value), steps);
}

#[tokio::test]
async fn identity_token_is_read_again_for_each_exchange() {
    let folder = tempfile::tempdir().unwrap();
    let identity = folder.path().join("token");
    std::fs::write(
        folder.path().join("first"),
        "first-header.payload.signature\n",
    )
    .unwrap();
    // As a cluster mounts it: a symbolic link, which a rotation points to a new file.
    symlink("first", &identity).unwrap();
    let login = federated(&identity);
    let harness = login.harness();

    let (lease, credential) = harness.lease().await.unwrap();
    assert_eq!(credential.provenance(), Provenance::Federation);
    assert_eq!(lease.injection.auth, Auth::Bearer);
    assert_eq!(lease.injection.beta, BetaEdit::Add("oauth-2025-04-20"));
    let first = leased(&harness).await.unwrap();
    assert_eq!(credential.fingerprint(), first);
    let exchanges = login.exchanges();
    let beta = "oauth-2025-04-20,oidc-federation-2026-04-01";
    let agent = concat!("keyreeve/", env!("CARGO_PKG_VERSION"));
    assert_eq!(exchanges, [(200, beta.to_owned(), agent.to_owned())]);

    std::fs::write(&identity, "second-header.payload.signature").unwrap();
    let marked = json!([{"status": 418}]);
    script_for(&login.sandbox, "second-header.payload.signature", &marked);
    harness.broker.mark_rejected(lease.profile.id, first);
    let error = leased(&harness).await.unwrap_err();
    assert!(error.contains("418"), "the second token was sent: {error}");
}

#[tokio::test]
async fn valid_login_is_used_without_renewal() {
    let login = TestLogin::expiring_in(3_600);
    let harness = login.harness();
    let (lease, credential) = harness.lease().await.unwrap();
    assert_eq!(credential.fingerprint(), old());
    assert_eq!(credential.provenance(), Provenance::AntLogin);
    assert_eq!(lease.injection.auth, Auth::Bearer);
    assert!(login.exchanges().is_empty());
}

#[tokio::test]
async fn expiring_login_is_renewed_in_its_file_before_use() {
    let login = TestLogin::expiring_in(29);
    let before = login.read();
    let leased_token = leased(&login.harness()).await.unwrap();
    let credentials = login.read();
    assert_eq!(leased_token, fingerprint(&credentials["access_token"]));
    assert_ne!(leased_token, old());
    assert_ne!(credentials["refresh_token"], before["refresh_token"]);
    assert!(expires_at(&credentials).as_second() > from_now(28_000));
    for field in ["future field", "organization_name"] {
        assert_eq!(credentials[field], before[field]);
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
async fn leases_of_two_brokers_share_one_renewal() {
    let login = TestLogin::expiring_in(0);
    login.script(&json!([{"ok": true, "delay_ms": 200}]));
    let (one, two) = (login.harness(), login.harness());
    let leased_token = tokio::join!(leased(&one), leased(&two), leased(&one), leased(&two));
    let new = fingerprint(&login.read()["access_token"]);
    for leased_token in [
        leased_token.0,
        leased_token.1,
        leased_token.2,
        leased_token.3,
    ] {
        assert_eq!(leased_token.unwrap(), new);
    }
    assert_eq!(login.exchanges().len(), 1);
}

#[tokio::test]
async fn concurrent_leases_share_one_exchange() {
    let folder = tempfile::tempdir().unwrap();
    let identity = folder.path().join("token");
    std::fs::write(&identity, "header.payload.signature").unwrap();
    let login = federated(&identity);
    let slow = json!([{"ok": true, "delay_ms": 100}]);
    script_for(&login.sandbox, "header.payload.signature", &slow);
    let harness = login.harness();
    let leased_token = tokio::join!(leased(&harness), leased(&harness), leased(&harness));
    let first = leased_token.0.unwrap();
    for leased_token in [leased_token.1, leased_token.2] {
        assert_eq!(leased_token.unwrap(), first);
    }
    assert_eq!(login.exchanges().len(), 1);
}

#[tokio::test]
async fn two_processes_share_one_renewal() {
    let login = TestLogin::expiring_in(0);
    login.script(&json!([{"ok": true, "delay_ms": 500}]));
    let children = [child(&login, None), child(&login, None)];
    let outputs = children.map(|child| child.wait_with_output().unwrap());
    let new = fingerprint(&login.read()["access_token"]);
    for Output { status, stdout, .. } in outputs {
        let stdout = String::from_utf8_lossy(&stdout).into_owned();
        assert!(status.success(), "{stdout}");
        assert!(stdout.contains(&format!("leased {new}")), "{stdout}");
    }
    assert_eq!(login.exchanges().len(), 1);
}

#[tokio::test]
async fn crash_after_saving_a_renewed_login_loses_nothing() {
    let login = TestLogin::expiring_in(0);
    let output = child(&login, Some("1")).wait_with_output().unwrap();
    assert!(!output.status.success());
    let leased_token = leased(&login.harness()).await.unwrap();
    assert_eq!(leased_token, fingerprint(&login.read()["access_token"]));
    assert_ne!(leased_token, old());
    assert_eq!(login.exchanges().len(), 1);
}

/// Starts a child process that leases once; with `dies` it aborts before using the lease.
fn child(login: &TestLogin, dies: Option<&str>) -> std::process::Child {
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
#[ignore = "a child process of other tests"]
async fn in_child_lease() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else {
        return;
    };
    let harness = harness(&directory, &std::env::var(URL).unwrap());
    let (_lease, credential) = harness.lease().await.unwrap();
    if std::env::var_os(DIES).is_some() {
        std::process::abort();
    }
    println!("leased {}", credential.fingerprint());
}

#[tokio::test]
async fn renewal_continues_after_its_caller_is_canceled() {
    let login = TestLogin::expiring_in(0);
    login.script(&json!([{"ok": true, "delay_ms": 300}]));
    let harness = login.harness();
    let canceled = timeout(Duration::from_millis(100), harness.lease()).await;
    assert!(canceled.is_err(), "the lease was canceled");
    harness.broker.finish_pending().await;
    let credentials = login.read();
    assert_ne!(fingerprint(&credentials["access_token"]), old());
    assert_eq!(
        leased(&harness).await.unwrap(),
        fingerprint(&credentials["access_token"])
    );
}

#[tokio::test]
async fn login_near_expiry_is_renewed_in_the_background() {
    let login = TestLogin::expiring_in(100);
    login.script(&json!([{"status": 503, "body": {}}]));
    let harness = login.harness();
    assert_eq!(leased(&harness).await.unwrap(), old());
    harness.broker.finish_pending().await;
    assert_eq!(login.exchanges().len(), 1);
    assert_eq!(
        leased(&harness).await.unwrap(),
        old(),
        "the renewal failed a moment ago"
    );
    harness.broker.finish_pending().await;
    assert_eq!(login.exchanges().len(), 1);
    let another = login.harness();
    assert_eq!(leased(&another).await.unwrap(), old());
    another.broker.finish_pending().await;
    assert_ne!(leased(&another).await.unwrap(), old());
    assert_eq!(login.exchanges().len(), 2);
}

#[tokio::test]
async fn valid_login_is_used_if_its_renewal_fails() {
    let login = TestLogin::expiring_in(20);
    login.script(&json!([{"status": 429, "body": {"error": "rate_limited"}}]));
    assert_eq!(leased(&login.harness()).await.unwrap(), old());
    assert_eq!(login.exchanges().len(), 1);
}

#[tokio::test]
async fn refused_token_is_renewed_for_the_next_lease() {
    let login = TestLogin::expiring_in(3_600);
    let harness = login.harness();
    let (lease, _) = harness.lease().await.unwrap();
    let body = json!({"type": "error", "error": {
        "type": "authentication_error",
        "message": "OAuth token has expired. Please obtain a new token or refresh your existing token.",
    }});
    lease.report(report_with(401, &body));
    let renewed = leased(&harness).await.unwrap();
    assert_ne!(renewed, old());
    assert_eq!(leased(&harness).await.unwrap(), renewed, "once");
    assert_eq!(login.exchanges().len(), 1);
}

fn report_with(status: u16, body: &Value) -> Report {
    let body = body.to_string();
    let headers = [("content-type", "application/json")];
    let response = ErrorResponse {
        status,
        headers: &headers,
        body: body.as_bytes(),
    };
    Report {
        ending: Ending::Done,
        verdict: Verdict::from_response(&response, system::now()),
        response: None,
    }
}

#[tokio::test]
async fn file_of_another_program_is_read_each_time_never_renewed() {
    let login = TestLogin::new(&json!({"type": "user_oauth"}));
    let harness = login.harness();
    for word in ["one", "two"] {
        let access = token("oat01", word);
        login.write(&json!({"access_token": access, "refresh_token": token("ort01", "x"), "expires_at": from_now(10)}));
        assert_eq!(leased(&harness).await.unwrap(), Fingerprint::of(&access));
    }
    login.write(&json!({"access_token": token("oat01", "late"), "expires_at": from_now(-1)}));
    let error = leased(&harness).await.unwrap_err();
    assert!(error.contains("has expired"), "{error}");
    assert!(login.exchanges().is_empty());
}
