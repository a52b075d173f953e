//! Errors of SDK profiles: each gives the reason and the fix, and shows no secret.
#![expect(clippy::disallowed_methods, reason = "a test's own files")]

use std::os::unix::fs::symlink;

use keyreeve_broker::LeaseError;
use serde_json::{Value, json};

use crate::login::{TestLogin, chmod, federated, leased, token};

#[tokio::test]
async fn rejected_identity_token_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let identity = folder.path().join("token");
    let login = federated(&identity);
    for (text, expected) in [
        (None, "the identity token cannot be read from"),
        (Some(String::new()), "the identity token is empty"),
        (Some("x".repeat(20_000)), "longer than 16 KiB"),
        (
            Some("no jwt at all".to_owned()),
            "characters that a JWT cannot have",
        ),
        (Some("no-jwt".to_owned()), "refused this identity token"),
    ] {
        if let Some(text) = &text {
            std::fs::write(&identity, text).unwrap();
        }
        let error = leased(&login.harness()).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn unsafe_files_are_refused_with_the_fix() {
    for (make_unsafe, expected) in [
        (
            (|login| chmod(&login.credentials(), 0o644)) as fn(&TestLogin),
            "fix: `chmod 600 ",
        ),
        (
            |login| chmod(&login.path("configs/work.json"), 0o666),
            "fix: `chmod go-w ",
        ),
        (
            |login| chmod(&login.path("credentials"), 0o777),
            "fix: `chmod 700 ",
        ),
        (
            |login| {
                std::fs::rename(login.credentials(), login.path("other")).unwrap();
                symlink(login.path("other"), login.credentials()).unwrap();
            },
            "is a symbolic link",
        ),
        (
            |login| std::fs::remove_file(login.path("configs/work.json")).unwrap(),
            "does not exist",
        ),
    ] {
        let login = TestLogin::expiring_in(3_600);
        make_unsafe(&login);
        let error = leased(&login.harness()).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn expired_login_error_has_the_command_to_log_in() {
    let without_refresh = TestLogin::expiring_in(0);
    let mut credentials = without_refresh.read();
    credentials.as_object_mut().unwrap().remove("refresh_token");
    without_refresh.write(&credentials);
    let revoked = TestLogin::expiring_in(0);
    let steps =
        json!([{"status": 400, "body": {"error": "invalid_grant", "error_description": "gone"}}]);
    revoked.script(&steps);
    let before = revoked.read();
    for (login, expected) in [
        (&without_refresh, "has expired"),
        (&revoked, "invalid_grant: gone"),
    ] {
        let error = leased(&login.harness()).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains("`ant auth login --profile work`"), "{error}");
    }
    assert_eq!(revoked.read(), before, "the file is unchanged");
}

#[tokio::test]
async fn profile_with_another_base_url_sends_nothing() {
    let login = TestLogin::expiring_in(0);
    for base_url in [
        None,
        Some("https://gateway.example"),
        Some("http://192.0.2.1"),
    ] {
        login.configure(&json!({
            "authentication": {"type": "user_oauth", "client_id": "made-up"},
            "base_url": base_url,
        }));
        let error = leased(&login.harness()).await.unwrap_err();
        let explained =
            error.contains("is bound to http://127.0.0.1") || error.contains("plain http");
        assert!(explained, "{error}");
    }
    assert!(login.exchanges().is_empty());
}

#[tokio::test]
async fn invalid_responses_are_refused_and_not_shown() {
    let secret = token("ort01", "hush");
    let valid = |more: &Value| {
        let mut body = json!({"access_token": token("oat01", "hush"), "expires_in": 60, "token_type": "Bearer"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"status": 200, "body": body})
    };
    for (step, expected) in [
        (valid(&json!({"token_type": "mac"})), "is not Bearer"),
        (
            valid(&json!({"expires_in": "hush"})),
            "not JSON with `access_token`",
        ),
        (
            valid(&json!({"access_token": ""})),
            "`access_token` is empty",
        ),
        (
            valid(&json!({"more": "x".repeat(1024 * 1024)})),
            "longer than 1 MiB",
        ),
        (
            json!({"status": 200, "body": "hush"}),
            "not JSON with `access_token`",
        ),
        (
            json!({"status": 307, "headers": {"location": "http://127.0.0.1:1/"}}),
            "redirect",
        ),
        (
            json!({"status": 500, "body": {"error": "a\u{1b}[31m", "error_description": secret, "more": "hush"}}),
            r"status 500 (a\u{1b}[31m: a text with a key, not shown)",
        ),
        (
            json!({"status": 502, "body": "<html>hush</html>"}),
            "status 502 (no error details)",
        ),
    ] {
        let login = TestLogin::expiring_in(0);
        login.script(&json!([step]));
        let before = login.read();
        let error = leased(&login.harness()).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("hush"), "{error}");
        assert_eq!(login.read(), before);
    }
}

#[tokio::test]
async fn transient_errors_are_distinguished() {
    for (step, transient) in [
        (
            json!({"status": 429, "body": {"error": "rate_limited"}}),
            true,
        ),
        (json!({"status": 503}), true),
        (json!({"no_answer": true}), true),
        (
            json!({"status": 400, "body": {"error": "invalid_client"}}),
            false,
        ),
        (
            json!({"status": 400, "body": {"error": "invalid_grant"}}),
            false,
        ),
    ] {
        let login = TestLogin::expiring_in(0);
        login.script(&json!([step]));
        let Err(LeaseError::Source { source, .. }) = login.harness().lease().await else {
            panic!("{step}: a lease was made");
        };
        assert_eq!(source.is_transient(), transient, "{step}");
    }
}
