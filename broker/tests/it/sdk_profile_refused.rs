//! SDK profiles that give no token: each says why and what mends it, and shows nothing.
#![expect(clippy::disallowed_methods, reason = "a test's own files")]

use std::os::unix::fs::symlink;

use keyreeve_broker::LeaseError;
use serde_json::{Value, json};

use crate::login::{Login, chmod, federated, leased, token};

#[tokio::test]
async fn a_rule_that_does_not_match_is_told_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let identity = folder.path().join("token");
    let login = federated(&identity);
    for (text, expected) in [
        (None, "the identity token cannot be read from"),
        (Some(String::new()), "the identity token is empty"),
        (Some("x".repeat(20_000)), "longer than 16 KiB"),
        (
            Some("no jwt at all".to_owned()),
            "characters that no JWT has",
        ),
        (
            Some("no-jwt".to_owned()),
            "does not take this identity token",
        ),
    ] {
        if let Some(text) = &text {
            std::fs::write(&identity, text).unwrap();
        }
        let error = leased(&login.desk()).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn weak_files_are_refused_with_the_command_that_mends_them() {
    for (weaken, expected) in [
        (
            (|login| chmod(&login.credentials(), 0o644)) as fn(&Login),
            "mend it with `chmod 600 ",
        ),
        (
            |login| chmod(&login.path("configs/work.json"), 0o666),
            "mend it with `chmod go-w ",
        ),
        (
            |login| chmod(&login.path("credentials"), 0o777),
            "mend it with `chmod 700 ",
        ),
        (
            |login| {
                std::fs::rename(login.credentials(), login.path("elsewhere")).unwrap();
                symlink(login.path("elsewhere"), login.credentials()).unwrap();
            },
            "is a symbolic link",
        ),
        (
            |login| std::fs::remove_file(login.path("configs/work.json")).unwrap(),
            "does not exist",
        ),
    ] {
        let login = Login::ending_in(3_600);
        weaken(&login);
        let error = leased(&login.desk()).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_login_that_is_over_says_how_to_log_in_again() {
    let without = Login::ending_in(0);
    let mut credentials = without.kept();
    credentials.as_object_mut().unwrap().remove("refresh_token");
    without.put(&credentials);
    let over = Login::ending_in(0);
    let steps =
        json!([{"status": 400, "body": {"error": "invalid_grant", "error_description": "gone"}}]);
    over.script(&steps);
    let before = over.kept();
    for (login, expected) in [(&without, "has expired"), (&over, "invalid_grant: gone")] {
        let error = leased(&login.desk()).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains("`ant auth login --profile work`"), "{error}");
    }
    assert_eq!(over.kept(), before, "the file is left as it was");
}

#[tokio::test]
async fn a_profile_that_leads_elsewhere_sends_nothing() {
    let login = Login::ending_in(0);
    for base_url in [
        None,
        Some("https://gateway.example"),
        Some("http://192.0.2.1"),
    ] {
        login.configure(&json!({
            "authentication": {"type": "user_oauth", "client_id": "made-up"},
            "base_url": base_url,
        }));
        let error = leased(&login.desk()).await.unwrap_err();
        let told = error.contains("is bound to http://127.0.0.1") || error.contains("plain http");
        assert!(told, "{error}");
    }
    assert!(login.exchanges().is_empty());
}

#[tokio::test]
async fn answers_that_are_no_tokens_are_refused_and_not_shown() {
    let secret = token("ort01", "hush");
    let fine = |more: &Value| {
        let mut body = json!({"access_token": token("oat01", "hush"), "expires_in": 60, "token_type": "Bearer"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"status": 200, "body": body})
    };
    for (step, expected) in [
        (fine(&json!({"token_type": "mac"})), "is not Bearer"),
        (
            fine(&json!({"expires_in": "hush"})),
            "no JSON with an `access_token`",
        ),
        (
            fine(&json!({"access_token": ""})),
            "`access_token` is empty",
        ),
        (
            fine(&json!({"more": "x".repeat(1024 * 1024)})),
            "longer than 1 MiB",
        ),
        (
            json!({"status": 200, "body": "hush"}),
            "no JSON with an `access_token`",
        ),
        (
            json!({"status": 307, "headers": {"location": "http://127.0.0.1:1/"}}),
            "redirect",
        ),
        (
            json!({"status": 500, "body": {"error": "a\u{1b}[31m", "error_description": secret, "more": "hush"}}),
            r"status 500 (a\u{1b}[31m: a text with a key in it, which is not shown)",
        ),
        (
            json!({"status": 502, "body": "<html>hush</html>"}),
            "status 502 (without a reason)",
        ),
    ] {
        let login = Login::ending_in(0);
        login.script(&json!([step]));
        let before = login.kept();
        let error = leased(&login.desk()).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("hush"), "{error}");
        assert_eq!(login.kept(), before);
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_told_from_what_somebody_must_mend() {
    for (step, passes) in [
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
        let login = Login::ending_in(0);
        login.script(&json!([step]));
        let Err(LeaseError::Source { source, .. }) = login.desk().lease().await else {
            panic!("{step}: a lease was given");
        };
        assert_eq!(source.may_pass(), passes, "{step}");
    }
}
