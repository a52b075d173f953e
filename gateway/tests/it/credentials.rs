//! Who may in, and what happens to credentials that come along: BI-05; and profiles that cannot or may not serve.

use std::io::Write as _;

use keyreeve_core::profile::Source;
use keyreeve_core::secret::Sink;
use keyreeve_core::virtual_key::{Kind, mint};
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::leakscan::{self, LeakScan};
use keyreeve_testkit::upstream::reply;
use tempfile::NamedTempFile;

use crate::envelope::{check_envelope, check_refusal};
use crate::stage::{ASK, JSON, Setup, Stage};

/// One key beside anything else: the other is dropped, and the upstream sees the profile's credential alone.
#[track_caller]
fn check_dropped(stage: &Stage, credentials: &[(&str, &str)]) {
    let headers = [credentials, &[JSON]].concat();
    let answer = stage.ask("POST /v1/messages", &headers, ASK);
    assert_eq!(answer.status(), 200, "{credentials:?}: {}", answer.text());
    let requests = stage.upstream.requests();
    let expected = ("x-api-key".to_owned(), stage.secret.value().to_owned());
    assert_eq!(
        requests.last().unwrap().credentials(),
        [expected],
        "{credentials:?}"
    );
}

#[test]
fn bi_05_two_credentials_one_of_them_ours() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
    let key = stage.key.value().to_owned();
    let own = Canary::api_key("client");
    let login = Canary::oauth("client-login");
    let bearer = |value: &str| format!("Bearer {value}");
    let (tab, small) = (format!("BEARER\t{key}\t"), format!("bearer {key}"));
    let (key_bearer, login_bearer) = (bearer(&key), bearer(login.value()));
    let comma = format!("{},{}", own.value(), login.value());
    for credentials in [
        vec![("x-api-key", own.value()), ("authorization", &key_bearer)],
        vec![("authorization", &login_bearer), ("x-api-key", &key)],
        vec![("x-api-key", own.value()), ("x-api-key", &key)],
        vec![("x-api-key", &key), ("x-api-key", own.value())],
        vec![
            ("authorization", &key_bearer),
            ("authorization", &login_bearer),
        ],
        vec![("x-api-key", &key), ("authorization", &key_bearer)],
        vec![("x-api-key", &key), ("X-API-KEY", &key)],
        vec![("x-api-key", &key), ("authorization", &comma)],
        vec![("authorization", &tab)],
        vec![("authorization", &small)],
        vec![("authorization", &key)],
        vec![("x-api-key", &key), ("authorization", "Basic eDp5")],
        vec![("x-api-key", ""), ("authorization", &key_bearer)],
        vec![("x-api-key", &key), ("proxy-authorization", &login_bearer)],
        vec![("x-api-key", &key), ("cookie", login.value())],
    ] {
        check_dropped(&stage, &credentials);
    }
    let planted = LeakScan::of([&own, &login]);
    for sent in stage.upstream.bytes() {
        leakscan::assert_none(&planted.bytes("what went upstream", &sent));
    }
}

#[test]
fn bi_05_two_different_keys_of_ours_are_a_400() {
    let stage = Stage::start(|_| Vec::new());
    let key = stage.key.value().to_owned();
    let other = Canary::wrong_virtual_key("client");
    let bearer = format!("Bearer {}", other.value());
    for second in [
        ("x-api-key", other.value()),
        ("authorization", bearer.as_str()),
    ] {
        let headers = [JSON, ("x-api-key", key.as_str()), second];
        let answer = stage.ask("POST /v1/messages", &headers, ASK);
        let text = check_refusal(&answer, 400, "invalid_request_error");
        leakscan::assert_none(&LeakScan::of([&other]).bytes("the answer", text.as_bytes()));
    }
    stage.assert_nothing_happened();
}

#[test]
fn bi_05_anything_else_opens_nothing_and_is_not_repeated() {
    let stage = Stage::start(|_| Vec::new());
    let key = stage.key.value().to_owned();
    let vendor = Canary::api_key("client");
    let mistyped = Canary::wrong_virtual_key("client");
    let unknown = mint(Kind::User, [9; _]).key;
    let admin = mint(Kind::Admin, [9; _]).key;
    let joined = format!("{key},{key}");
    for credential in [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "null",
        vendor.value(),
        mistyped.value(),
        unknown.expose_for(Sink::Shown),
        admin.expose_for(Sink::Shown),
        &joined,
        &key[..key.len() - 1],
        &key.to_uppercase(),
        &format!("{key}0"),
        &format!("\"{key}\""),
        &format!("Bearer Bearer {key}"),
        "krv_",
        "krv_' OR 1=1 --",
        "\u{e9}",
    ] {
        for name in ["x-api-key", "authorization"] {
            let answer = stage.ask("POST /v1/messages", &[JSON, (name, credential)], ASK);
            let text = check_refusal(&answer, 401, "authentication_error");
            let planted = LeakScan::of([&vendor, &mistyped]);
            leakscan::assert_none(&planted.bytes("the answer", text.as_bytes()));
        }
    }
    stage.assert_nothing_happened();
}

#[test]
fn bi_05_a_credential_of_64_kib_is_no_trouble() {
    let stage = Stage::start(|_| Vec::new());
    for size in [32 << 10, 60 << 10, 64 << 10, 1 << 20] {
        let huge = "x".repeat(size);
        for name in ["x-api-key", "authorization"] {
            let request = stage.request("POST /v1/messages", &[JSON, (name, &huge)], ASK);
            let answers = stage.raw(&request);
            let statuses: Vec<_> = answers
                .iter()
                .map(keyreeve_testkit::wire::Answer::status)
                .collect();
            assert!(
                matches!(statuses[..], [401 | 431] | []),
                "{size}: {statuses:?}"
            );
        }
    }
    assert_eq!(stage.ask("GET /healthz", &[], b"").status(), 200);
    stage.assert_nothing_happened();
}

#[track_caller]
fn check_no_secret(source: Source, environment: &[(&str, &str)]) {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let setup = Setup {
        source,
        environment: environment.iter().map(owned).collect(),
        simulated: true,
        ..Setup::default()
    };
    let stage = setup.start(|_| Vec::new());
    let text = check_refusal(&stage.post(ASK), 503, "api_error");
    assert!(text.contains("profile work"), "{text}");
    stage.assert_nothing_happened();
}

fn variable() -> Source {
    let variable = "WORK_KEY".to_owned();
    Source::Environment { variable }
}

fn command(argv: &[&str]) -> Source {
    let argv = argv.iter().map(ToString::to_string).collect();
    Source::Command { argv }
}

/// A file outside the stage: a command's arguments are no place for a secret.
fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

#[test]
fn a_profile_whose_secret_cannot_be_had_is_a_503_with_its_name() {
    let secret = Canary::api_key("profile");
    let two_lines = format!("{0}\n{0}", secret.value());
    let fails = file(&format!("echo {0}; echo {0} >&2; exit 3", secret.value()));
    let prints_two = file(&two_lines);
    check_no_secret(variable(), &[("WORK_KEY_2", secret.value())]);
    check_no_secret(variable(), &[("WORK_KEY", "")]);
    check_no_secret(variable(), &[("WORK_KEY", &two_lines)]);
    check_no_secret(
        variable(),
        &[("WORK_KEY", &format!("{} x", secret.value()))],
    );
    check_no_secret(command(&[]), &[]);
    check_no_secret(command(&["keyreeve-no-such-program"]), &[]);
    check_no_secret(command(&["false"]), &[]);
    check_no_secret(command(&["true"]), &[]);
    check_no_secret(command(&["sh", path(&fails)]), &[]);
    check_no_secret(command(&["cat", path(&prints_two)]), &[]);
    check_no_secret(command(&["printf", r"\377\376"]), &[]);
}

#[test]
fn a_secret_from_a_variable_or_a_command_is_used_like_a_sealed_one() {
    let secret = Canary::api_key("profile");
    let environment = vec![("WORK_KEY".to_owned(), secret.value().to_owned())];
    let kept = file(&format!("{}\n", secret.value()));
    for source in [variable(), command(&["cat", path(&kept)])] {
        let environment = environment.clone();
        let setup = Setup {
            source,
            environment,
            simulated: true,
            ..Setup::default()
        };
        let stage = setup.start(|_| reply::json(200, "{}"));
        check_dropped(&stage, &[("x-api-key", stage.key.value())]);
    }
}

#[test]
fn a_plan_login_never_stands_behind_a_virtual_key() {
    let secret = Canary::oauth("profile");
    let environment = vec![("WORK_KEY".to_owned(), secret.value().to_owned())];
    let setup = Setup {
        secret,
        source: variable(),
        environment,
        simulated: true,
        ..Setup::default()
    };
    let stage = setup.start(|_| Vec::new());
    let text = check_refusal(&stage.post(ASK), 403, "permission_error");
    assert!(
        text.contains("plan login") && text.contains("API key"),
        "{text}"
    );
    stage.assert_nothing_happened();
}

#[test]
fn a_key_whose_profile_is_gone_is_told_so() {
    let stage = Stage::start(|_| Vec::new());
    stage.store.remove_profile(stage.profile.id).unwrap();
    check_refusal(&stage.post(ASK), 403, "permission_error");
    stage.assert_nothing_happened();
}

#[test]
fn an_answer_names_the_refusal_but_not_the_store() {
    let stage = Stage::start(|_| Vec::new());
    let answer = stage.ask("POST /v1/messages", &[JSON, ("x-api-key", "none")], ASK);
    let text = check_envelope(&answer, 401, "authentication_error");
    assert!(text.contains("keyreeve key add"), "{text}");
}
