//! Probes: what is recorded when nobody answers, and what is never sent.
#![expect(clippy::disallowed_methods, reason = "a test's own files")]

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use keyreeve_broker::upstream::{Patience, Upstream};
use keyreeve_broker::{DirectError, LeaseError, NoGenuine, Probe};
use keyreeve_core::inject::Refusal;
use keyreeve_core::profile::{BillingClass, Profile, Source};
use keyreeve_core::snapshot::Environment;
use keyreeve_core::verdict::Health;
use keyreeve_core::virtual_key::KeyId;
use keyreeve_store::Ending;
use keyreeve_testkit::upstream::{Scripted, reply};

use crate::desk::Desk;

fn probe() -> Probe {
    Probe {
        model: "claude-haiku-5-5".to_owned(),
        limit: Duration::from_millis(150),
    }
}

fn upstream() -> Upstream {
    Upstream::new(None, Patience::default()).unwrap()
}

fn desk_before(listener: &TcpListener) -> (Desk, Profile) {
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let desk = Desk::open(Source::Sealed, &origin, Environment::default());
    let profile = desk.broker.store().policy().unwrap().profiles()[0].clone();
    (desk, profile)
}

/// A desk whose profile is a plan login, as it is given to whoever asks for it.
fn desk_with_plan(environment: Environment) -> (Desk, Profile) {
    let desk = Desk::open(Source::Sealed, "https://api.anthropic.com", environment);
    let kept = desk.broker.store().policy().unwrap().profiles()[0].clone();
    let plan = Profile {
        billing: BillingClass::Plan,
        ..kept
    };
    (desk, plan)
}

#[tokio::test]
async fn pr_01_an_echo_is_not_recorded_as_a_model() {
    let echo = Scripted::start(|request| {
        let secret = request.credentials().remove(0).1;
        let body =
            format!(r#"{{"type":"message","model":"{secret}","usage":{{"input_tokens":1}}}}"#);
        let headers = [
            ("request-id", secret.as_str()),
            ("anthropic-organization-id", secret.as_str()),
        ];
        reply::with_headers(200, &headers, body.as_bytes())
    });
    let desk = Desk::open(Source::Sealed, &echo.base_url(), Environment::default());
    let store = desk.broker.store();
    let profile = store.policy().unwrap().profiles()[0].clone();
    let patient = Probe {
        limit: Duration::from_secs(10),
        ..probe()
    };
    let probed = desk
        .broker
        .probe(&upstream(), &profile, &patient)
        .await
        .unwrap();
    assert_eq!((probed.status, probed.organization), (Some(200), None));
    store.flush().unwrap();
    let ended = store.attempts(1).unwrap().remove(0).ended.unwrap();
    assert_eq!(
        (ended.model_served, ended.upstream_request_id),
        (None, None)
    );
}

#[tokio::test]
async fn a_silent_upstream_is_let_go_in_time_and_recorded() {
    // Nobody accepts: the system does, and then says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (desk, profile) = desk_before(&silent);
    let probed = desk
        .broker
        .probe(&upstream(), &profile, &probe())
        .await
        .unwrap();
    assert_eq!(probed.verdict.health(), Health::UpstreamTrouble);
    assert_eq!(
        probed.said.as_deref(),
        Some("the upstream did not answer within 0.15 s")
    );
    assert!(probed.took < Duration::from_secs(5), "{:?}", probed.took);
    let row = desk.attempts().remove(0);
    assert_eq!(row.intent.attempt, probed.attempt);
    assert_eq!(row.intent.key, KeyId::OWN);
    let ended = row.ended.unwrap();
    // It may have been read and answered to: what was reserved stands.
    assert_eq!(ended.ending, Ending::Incomplete);
    assert_eq!(ended.cost, row.intent.reserved);
    assert_eq!(probed.cost.amount, ended.cost);
}

#[tokio::test]
async fn a_plan_login_is_never_sent_by_us() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let (desk, profile) = desk_before(&listener);
    let plan = Profile {
        billing: BillingClass::Plan,
        ..profile
    };
    let refused = desk.broker.probe(&upstream(), &plan, &probe()).await;
    assert!(
        matches!(
            refused,
            Err(LeaseError::Refused {
                source: Refusal::PlanLogin,
                ..
            })
        ),
        "{refused:?}"
    );
    assert!(listener.accept().is_err(), "somebody connected");
    assert_eq!(desk.attempts(), []);
}

/// A program that stands for `claude`: it writes down its environment and arguments, and prints `answer`.
fn fake_claude(folder: &Path, answer: &str) {
    let script = format!(
        "#!/bin/sh\n/usr/bin/env > '{0}/env'\nprintf '%s\\n' \"$@\" > '{0}/arguments'\ncat <<'END'\n{answer}\nEND\nexit 1\n",
        folder.display()
    );
    let program = folder.join("claude");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test]
async fn a_plan_login_is_asked_by_claude_alone() {
    let folder = tempfile::TempDir::new().unwrap();
    fake_claude(
        folder.path(),
        r#"{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"You've hit your limit · resets 5:46am (UTC)"}"#,
    );
    let key = ["sk-ant-", "api03-", "somebody-elses"].concat();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let environment = Environment::from_pairs([
        ("PATH", path.as_str()),
        ("LANG", "C.UTF-8"),
        ("ANTHROPIC_API_KEY", &key),
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:9"),
        ("CLAUDE_CODE_USE_BEDROCK", "1"),
        ("CLAUDE_CONFIG_DIR", "/somewhere"),
        ("OTHER_TOOL_KEY", &key),
    ]);
    let (desk, profile) = desk_with_plan(environment);
    let genuine = desk
        .broker
        .ask_claude(&profile, Duration::from_secs(10))
        .await
        .unwrap();
    assert_eq!(genuine.verdict.health(), Health::PlanWindow);
    let read = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
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
    assert_eq!(desk.attempts(), [], "we sent nothing");

    let metered = Profile {
        billing: BillingClass::Metered,
        ..profile
    };
    let refused = desk
        .broker
        .ask_claude(&metered, Duration::from_secs(1))
        .await;
    let is_none = matches!(refused, Err(NoGenuine::Login(DirectError::Leased { .. })));
    assert!(is_none, "a key is handed to no program: {refused:?}");
}

#[tokio::test]
async fn without_claude_nobody_is_asked() {
    let environment = Environment::from_pairs([("PATH", "/nowhere")]);
    let (desk, profile) = desk_with_plan(environment);
    let refused = desk
        .broker
        .ask_claude(&profile, Duration::from_secs(1))
        .await;
    assert!(matches!(refused, Err(NoGenuine::NotFound)), "{refused:?}");
}
