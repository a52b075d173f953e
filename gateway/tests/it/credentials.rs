//! Authentication and credential headers (BI-05), and profiles whose credential is unavailable or not allowed.

use std::io::Write as _;

use keyreeve_core::profile::Source;
use keyreeve_core::secret::Sink;
use keyreeve_core::virtual_key::{KeyKind, generate_key};
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::leakscan::{self, LeakScan};
use keyreeve_testkit::upstream::responses;
use tempfile::NamedTempFile;

use crate::error_envelope::{check_error, check_final_error};
use crate::harness::{JSON, REQUEST_BODY, Setup, TestGateway};

/// Checks that one virtual key is accepted, other credentials are dropped, and the upstream gets the profile's only.
#[track_caller]
fn check_dropped(gateway: &TestGateway, credentials: &[(&str, &str)]) {
    let headers = [credentials, &[JSON]].concat();
    let response = gateway.send("POST /v1/messages", &headers, REQUEST_BODY);
    assert_eq!(
        response.status(),
        200,
        "{credentials:?}: {}",
        response.text()
    );
    let requests = gateway.upstream.requests();
    let expected = ("x-api-key".to_owned(), gateway.secret.value().to_owned());
    assert_eq!(
        requests.last().unwrap().credentials(),
        [expected],
        "{credentials:?}"
    );
}

/// BI-05: credentials sent in addition to one virtual key are dropped.
#[test]
fn other_credentials_are_dropped() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    let key = gateway.key.value().to_owned();
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
        check_dropped(&gateway, &credentials);
    }
    let planted = LeakScan::new([&own, &login]);
    for sent in gateway.upstream.bytes() {
        leakscan::assert_no_leaks(&planted.bytes("requests to the upstream", &sent));
    }
}

/// BI-05: two different virtual keys in one request are refused.
#[test]
fn two_different_virtual_keys_are_a_400() {
    let gateway = TestGateway::start(|_| Vec::new());
    let key = gateway.key.value().to_owned();
    let other = Canary::wrong_virtual_key("client");
    let bearer = format!("Bearer {}", other.value());
    for second in [
        ("x-api-key", other.value()),
        ("authorization", bearer.as_str()),
    ] {
        let headers = [JSON, ("x-api-key", key.as_str()), second];
        let response = gateway.send("POST /v1/messages", &headers, REQUEST_BODY);
        let text = check_final_error(&response, 400, "invalid_request_error");
        leakscan::assert_no_leaks(&LeakScan::new([&other]).bytes("the response", text.as_bytes()));
    }
    gateway.assert_nothing_sent();
}

/// BI-05: other credentials are refused, and the response does not contain them.
#[test]
fn other_credentials_are_refused_and_not_echoed() {
    let gateway = TestGateway::start(|_| Vec::new());
    let key = gateway.key.value().to_owned();
    let anthropic_key = Canary::api_key("client");
    let mistyped = Canary::wrong_virtual_key("client");
    let unknown = generate_key(KeyKind::User, [9; _]).key;
    let admin = generate_key(KeyKind::Admin, [9; _]).key;
    let joined = format!("{key},{key}");
    for credential in [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "null",
        anthropic_key.value(),
        mistyped.value(),
        unknown.expose_for(Sink::Display),
        admin.expose_for(Sink::Display),
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
            let response = gateway.send(
                "POST /v1/messages",
                &[JSON, (name, credential)],
                REQUEST_BODY,
            );
            let text = check_final_error(&response, 401, "authentication_error");
            let planted = LeakScan::new([&anthropic_key, &mistyped]);
            leakscan::assert_no_leaks(&planted.bytes("the response", text.as_bytes()));
        }
    }
    gateway.assert_nothing_sent();
}

/// BI-05: a credential of up to 1 MiB is refused without harm.
#[test]
fn very_long_credential_is_refused() {
    let gateway = TestGateway::start(|_| Vec::new());
    for size in [32 << 10, 60 << 10, 64 << 10, 1 << 20] {
        let huge = "x".repeat(size);
        for name in ["x-api-key", "authorization"] {
            let request =
                gateway.request("POST /v1/messages", &[JSON, (name, &huge)], REQUEST_BODY);
            let responses = gateway.send_raw(&request);
            let statuses: Vec<_> = responses
                .iter()
                .map(keyreeve_testkit::wire::WireResponse::status)
                .collect();
            assert!(
                matches!(statuses[..], [401 | 431] | []),
                "{size}: {statuses:?}"
            );
        }
    }
    assert_eq!(gateway.send("GET /healthz", &[], b"").status(), 200);
    gateway.assert_nothing_sent();
}

#[track_caller]
fn check_unavailable_credential(source: Source, environment: &[(&str, &str)]) {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let setup = Setup {
        source,
        environment: environment.iter().map(owned).collect(),
        simulated: true,
        ..Setup::default()
    };
    let gateway = setup.start(|_| Vec::new());
    let text = check_final_error(&gateway.post(REQUEST_BODY), 503, "api_error");
    assert!(text.contains("profile work"), "{text}");
    gateway.assert_nothing_sent();
}

fn variable() -> Source {
    let variable = "WORK_KEY".to_owned();
    Source::Environment { variable }
}

fn command(argv: &[&str]) -> Source {
    let argv = argv.iter().map(ToString::to_string).collect();
    Source::Command { argv }
}

/// A file outside the gateway's directory, because arguments of a command must not contain a secret.
fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

#[test]
fn unavailable_credential_is_a_503_with_the_profile() {
    let secret = Canary::api_key("profile");
    let two_lines = format!("{0}\n{0}", secret.value());
    let fails = file(&format!("echo {0}; echo {0} >&2; exit 3", secret.value()));
    let prints_two = file(&two_lines);
    check_unavailable_credential(variable(), &[("WORK_KEY_2", secret.value())]);
    check_unavailable_credential(variable(), &[("WORK_KEY", "")]);
    check_unavailable_credential(variable(), &[("WORK_KEY", &two_lines)]);
    check_unavailable_credential(
        variable(),
        &[("WORK_KEY", &format!("{} x", secret.value()))],
    );
    check_unavailable_credential(command(&[]), &[]);
    check_unavailable_credential(command(&["keyreeve-no-such-program"]), &[]);
    check_unavailable_credential(command(&["false"]), &[]);
    check_unavailable_credential(command(&["true"]), &[]);
    check_unavailable_credential(command(&["sh", path(&fails)]), &[]);
    check_unavailable_credential(command(&["cat", path(&prints_two)]), &[]);
    check_unavailable_credential(command(&["printf", r"\377\376"]), &[]);
}

#[test]
fn variable_and_command_sources_work_like_sealed_ones() {
    let secret = Canary::api_key("profile");
    let environment = vec![("WORK_KEY".to_owned(), secret.value().to_owned())];
    let secret_file = file(&format!("{}\n", secret.value()));
    for source in [variable(), command(&["cat", path(&secret_file)])] {
        let environment = environment.clone();
        let setup = Setup {
            source,
            environment,
            simulated: true,
            ..Setup::default()
        };
        let gateway = setup.start(|_| responses::json(200, "{}"));
        check_dropped(&gateway, &[("x-api-key", gateway.key.value())]);
    }
}

#[test]
fn plan_login_is_never_used_behind_a_virtual_key() {
    let secret = Canary::oauth("profile");
    let environment = vec![("WORK_KEY".to_owned(), secret.value().to_owned())];
    let setup = Setup {
        secret,
        source: variable(),
        environment,
        simulated: true,
        ..Setup::default()
    };
    let gateway = setup.start(|_| Vec::new());
    let text = check_final_error(&gateway.post(REQUEST_BODY), 403, "permission_error");
    assert!(
        text.contains("plan login") && text.contains("API key"),
        "{text}"
    );
    gateway.assert_nothing_sent();
}

#[test]
fn key_without_its_profile_is_a_403() {
    let gateway = TestGateway::start(|_| Vec::new());
    gateway.store.remove_profile(gateway.profile.id).unwrap();
    check_final_error(&gateway.post(REQUEST_BODY), 403, "permission_error");
    gateway.assert_nothing_sent();
}

#[test]
fn error_message_names_the_command() {
    let gateway = TestGateway::start(|_| Vec::new());
    let response = gateway.send(
        "POST /v1/messages",
        &[JSON, ("x-api-key", "none")],
        REQUEST_BODY,
    );
    let text = check_error(&response, 401, "authentication_error");
    assert!(text.contains("keyreeve key add"), "{text}");
}
