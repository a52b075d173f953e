//! Probes: the record of a missing response, and credentials that are never sent.
#![expect(clippy::disallowed_methods, reason = "a test's own files")]

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use http::Request;
use keyreeve_broker::upstream::{RequestBody, Timeouts, Upstream};
use keyreeve_broker::{ClaudeCliError, LeaseError, Probe, RawKeyError};
use keyreeve_core::inject::InjectError;
use keyreeve_core::profile::{BillingClass, Profile, ProfileId, Source};
use keyreeve_core::secret::Secret;
use keyreeve_core::verdict::CredentialStatus;
use keyreeve_core::virtual_key::KeyId;
use keyreeve_os::environment::Environment;
use keyreeve_store::Ending;
use keyreeve_testkit::upstream::{Handshake, Identity, Scripted, Step, TlsUpstream, responses};

use uuid::Uuid;

use crate::harness::Harness;

fn probe() -> Probe {
    Probe {
        model: "claude-haiku-5-5".to_owned(),
        timeout: Duration::from_millis(150),
    }
}

fn upstream() -> Upstream {
    Upstream::new(None, Timeouts::default()).unwrap()
}

/// Returns the causes of an error, the root cause last.
fn causes(error: &dyn std::error::Error) -> Vec<String> {
    std::iter::successors(error.source(), |cause| cause.source())
        .map(ToString::to_string)
        .collect()
}

fn harness_for(listener: &TcpListener) -> (Harness, Profile) {
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let harness = Harness::open(Source::Sealed, &origin, Environment::default());
    let policy = harness.broker.store().policy().unwrap();
    let profile = Profile::clone(&policy.profiles()[0]);
    (harness, profile)
}

/// Creates a harness whose profile is a plan login.
fn harness_with_plan(environment: Environment) -> (Harness, Profile) {
    let harness = Harness::open(Source::Sealed, "https://api.anthropic.com", environment);
    let store = harness.broker.store();
    let stored = Profile::clone(&store.policy().unwrap().profiles()[0]);
    let plan = Profile {
        id: ProfileId(Uuid::from_u128(9)),
        name: "plan".parse().unwrap(),
        billing: BillingClass::Plan,
        ..stored
    };
    let login = Secret::new("login-of-nobody".to_owned());
    store.add_profile(&plan, Some(&login)).unwrap();
    (harness, plan)
}

/// PR-01: an echoed secret is not recorded as a model.
#[tokio::test]
async fn echoed_secret_is_not_recorded_as_a_model() {
    let echo = Scripted::start(|request| {
        let secret = request.credentials().remove(0).1;
        let body =
            format!(r#"{{"type":"message","model":"{secret}","usage":{{"input_tokens":1}}}}"#);
        let headers = [
            ("request-id", secret.as_str()),
            ("anthropic-organization-id", secret.as_str()),
        ];
        responses::with_headers(200, &headers, body.as_bytes())
    });
    let harness = Harness::open(Source::Sealed, &echo.base_url(), Environment::default());
    let store = harness.broker.store();
    let profile = store.policy().unwrap().profiles()[0].clone();
    let slow_probe = Probe {
        timeout: Duration::from_secs(10),
        ..probe()
    };
    let result = harness
        .broker
        .probe(&upstream(), &profile, &slow_probe)
        .await
        .unwrap();
    assert_eq!((result.status, result.organization), (Some(200), None));
    store.flush().unwrap();
    let ended = store.ledger_entries(1).unwrap().remove(0).outcome.unwrap();
    assert_eq!(
        (ended.model_served, ended.upstream_request_id),
        (None, None)
    );
}

#[tokio::test]
async fn connection_error_has_one_cause() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing_url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let identity = Identity::self_signed("localhost");
    let untrusted = TlsUpstream::start(identity, Handshake::Complete, |_| Vec::new());
    let resetting = Scripted::start(|_| vec![Step::Reset]);
    for (url, expected) in [
        (refusing_url, "Connection refused"),
        (untrusted.base_url(), "invalid peer certificate"),
        (resetting.base_url(), "Connection reset"),
    ] {
        let request = Request::get(format!("{url}/"))
            .body(RequestBody::default())
            .unwrap();
        let error = upstream().send(request).await.err().unwrap();
        let causes = causes(&error);
        assert_eq!(causes.len(), 1, "{url}: {causes:?}");
        assert!(causes[0].contains(expected), "{url}: {causes:?}");
    }
}

#[tokio::test]
async fn silent_upstream_times_out_and_is_recorded() {
    // The test never accepts: the system does, and then sends nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (harness, profile) = harness_for(&silent);
    let result = harness
        .broker
        .probe(&upstream(), &profile, &probe())
        .await
        .unwrap();
    assert_eq!(
        result.verdict.credential_status(),
        CredentialStatus::UpstreamTrouble
    );
    assert_eq!(
        result.message.as_deref(),
        Some("the upstream did not respond within 0.15 s")
    );
    assert!(
        result.duration < Duration::from_secs(5),
        "{:?}",
        result.duration
    );
    let entry = harness.ledger_entries().remove(0);
    assert_eq!(entry.intent.attempt, result.attempt);
    assert_eq!(entry.intent.key, KeyId::OWN);
    let ended = entry.outcome.unwrap();
    // The request may have been processed: the reserved cost is charged.
    assert_eq!(ended.ending, Ending::Incomplete);
    assert_eq!(ended.cost, entry.intent.reserved);
    assert_eq!(result.cost.amount, ended.cost);
}

#[tokio::test]
async fn plan_login_is_never_sent_by_keyreeve() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let (harness, profile) = harness_for(&listener);
    let plan = Profile {
        billing: BillingClass::Plan,
        ..profile
    };
    let refused = harness.broker.probe(&upstream(), &plan, &probe()).await;
    assert!(
        matches!(
            refused,
            Err(LeaseError::Inject {
                source: InjectError::PlanLogin,
                ..
            })
        ),
        "{refused:?}"
    );
    assert!(listener.accept().is_err(), "a connection was made");
    assert_eq!(harness.ledger_entries(), []);
}

/// Writes a fake `claude` that records its environment and arguments and prints `output`.
fn fake_claude(directory: &Path, output: &str) {
    let script = format!(
        "#!/bin/sh\n/usr/bin/env > '{0}/env'\nprintf '%s\\n' \"$@\" > '{0}/arguments'\ncat <<'END'\n{output}\nEND\nexit 1\n",
        directory.display()
    );
    let program = directory.join("claude");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test]
async fn plan_login_is_tested_by_claude_only() {
    let directory = tempfile::TempDir::new().unwrap();
    fake_claude(
        directory.path(),
        r#"{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"You've hit your limit · resets 5:46am (UTC)"}"#,
    );
    let key = ["sk-ant-", "api03-", "somebody-elses"].concat();
    let path = format!("{}:/usr/bin:/bin", directory.path().display());
    let environment = Environment::from_pairs([
        ("PATH", path.as_str()),
        ("LANG", "C.UTF-8"),
        ("ANTHROPIC_API_KEY", &key),
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:9"),
        ("CLAUDE_CODE_USE_BEDROCK", "1"),
        ("CLAUDE_CONFIG_DIR", "/somewhere"),
        ("OTHER_TOOL_KEY", &key),
    ]);
    let (harness, profile) = harness_with_plan(environment);
    let checked = harness
        .broker
        .run_claude(&profile, Duration::from_secs(10))
        .await
        .unwrap();
    assert_eq!(
        checked.verdict.credential_status(),
        CredentialStatus::PlanWindow
    );
    let read = |name| std::fs::read_to_string(directory.path().join(name)).unwrap();
    let mut names: Vec<String> = read("env")
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0.to_owned()))
        .filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(&name.as_str()))
        .collect();
    names.sort();
    let expected = [
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        "CLAUDE_CODE_MAX_RETRIES",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "LANG",
        "PATH",
    ];
    assert_eq!(names, expected);
    let arguments = "-p\nhi\n--output-format\njson\n--setting-sources\n\n";
    assert_eq!(read("arguments"), arguments);
    assert_eq!(harness.ledger_entries(), [], "keyreeve sent nothing");

    let metered = Profile {
        billing: BillingClass::Metered,
        ..profile
    };
    let refused = harness
        .broker
        .run_claude(&metered, Duration::from_secs(1))
        .await;
    let is_refused = matches!(
        refused,
        Err(ClaudeCliError::Login(RawKeyError::NotExposed { .. }))
    );
    assert!(is_refused, "an API key is given to no program: {refused:?}");
}

#[tokio::test]
async fn missing_claude_program_sends_no_request() {
    let environment = Environment::from_pairs([("PATH", "/nowhere")]);
    let (harness, profile) = harness_with_plan(environment);
    let refused = harness
        .broker
        .run_claude(&profile, Duration::from_secs(1))
        .await;
    assert!(
        matches!(refused, Err(ClaudeCliError::NotFound)),
        "{refused:?}"
    );
}
