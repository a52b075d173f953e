//! Requests that are not passed through, and the limits of the key.

use keyreeve_core::secret::Sink;
use keyreeve_core::virtual_key::{KeyId, KeyKind, ModelPattern, VirtualKey, generate_key};
use keyreeve_os::system;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::responses;
use uuid::Uuid;

use super::{ROUTES, send, send_with, start_gateway};
use crate::error_envelope::check_final_error;
use crate::harness::{JSON, REQUEST_BODY, TestGateway};

/// SU-01: pass-through is off by default.
#[test]
fn pass_through_is_off_by_default() {
    let gateway = TestGateway::start(|_| Vec::new());
    for (line, _) in ROUTES {
        let response = send(&gateway, line, &[JSON], b"");
        let text = check_final_error(&response, 404, "not_found_error");
        assert!(text.contains("keyreeve serve --pass-through"), "{text}");
    }
    gateway.assert_nothing_sent();
}

#[test]
fn unknown_paths_are_not_passed_through() {
    let gateway = start_gateway(|_| Vec::new());
    for line in [
        "POST /passthrough/v1/oauth/token",
        "POST /passthrough/v1/messages/batches",
        "GET /passthrough/api/oauth/claude_cli/roles",
        "GET /passthrough/api/organizations",
        "GET /passthrough",
        "GET /passthrough/",
        "POST /passthrough/passthrough/v1/messages",
        "POST /v1/passthrough/v1/messages",
        "GET /passthrough/v1/models/..%2F..%2Fapi",
        "POST /passthrough//v1/messages",
        "POST /passthrough/v1//messages",
        "POST /passthrough/%2e/v1/messages",
        "POST /passthrough/v1/../v1/messages",
        "POST /passthrough/v1/messages/",
        "POST /%70assthrough/v1/messages",
        "POST /passthrough/v1/messages;x",
        "GET /passthrough/v1/models/..",
        "GET /passthrough/v1/models/%2e%2e",
        "GET /passthrough/v1/../api/oauth/usage",
        "GET /passthrough/api/oauth/usage/x",
        "GET /api/oauth/usage",
    ] {
        check_final_error(&send(&gateway, line, &[], b""), 404, "not_found_error");
    }
    for line in [
        "GET /passthrough/v1/messages",
        "POST /passthrough/api/oauth/usage",
    ] {
        check_final_error(
            &send(&gateway, line, &[], b""),
            405,
            "invalid_request_error",
        );
    }
    gateway.assert_nothing_sent();
}

#[track_caller]
fn check_refused(gateway: &TestGateway, headers: &[(&str, &str)], status: u16, message: &str) {
    let headers = [headers, &[JSON]].concat();
    let response = send_with(
        gateway,
        "POST /passthrough/v1/messages",
        &headers,
        REQUEST_BODY,
    );
    let kind = match status {
        401 => "authentication_error",
        _ => "permission_error",
    };
    let text = check_final_error(&response, status, kind);
    assert!(text.contains(message), "{message}: {text}");
}

#[test]
fn virtual_key_must_be_in_its_own_header() {
    let gateway = start_gateway(|_| Vec::new());
    let bearer = format!("Bearer {}", gateway.client_token.value());
    let own = ("authorization", bearer.as_str());
    let key = gateway.key.value();
    let incomplete = &key[..key.len() - 1];
    let wrong = generate_key(KeyKind::User, system::random().unwrap());
    let wrong = wrong.key.expose_for(Sink::Display);
    let anthropic_key = Canary::api_key("misplaced");
    let named = |value| ("x-keyreeve-key", value);
    for (headers, message) in [
        (vec![own], "x-keyreeve-key"),
        (vec![own, named("")], "x-keyreeve-key"),
        (vec![own, named(key), named(key)], "once"),
        (vec![own, named(anthropic_key.value())], "krv_"),
        (vec![own, named(incomplete)], "incomplete or mistyped"),
        (vec![own, named(wrong)], "Unknown keyreeve key"),
    ] {
        check_refused(&gateway, &headers, 401, message);
    }
    gateway
        .store
        .revoke_key(gateway.virtual_key.id, system::now())
        .unwrap();
    check_refused(&gateway, &[own, named(key)], 401, "revoked");
    gateway.assert_nothing_sent();
}

/// SU-03: credentials that are not for API requests are refused.
#[test]
fn other_credentials_are_not_passed_through() {
    let gateway = start_gateway(|_| Vec::new());
    let key = gateway.key.value();
    let bearer = format!("Bearer {key}");
    let family = |family: &str| ["sk-", "ant-", family, "-made-up-made-up-made-up"].concat();
    let (refresh, admin, session) = (family("ort01"), family("admin01"), family("sid01"));
    let named = ("x-keyreeve-key", key);
    check_refused(&gateway, &[named], 401, "your own credential");
    check_refused(&gateway, &[named, ("x-api-key", "")], 401, "your own");
    for (header, message) in [
        (("authorization", bearer.as_str()), "sent to Anthropic"),
        (("x-api-key", key), "sent to Anthropic"),
        (("x-api-key", refresh.as_str()), "refresh token"),
        (("x-api-key", admin.as_str()), "Admin API key"),
        (("x-api-key", session.as_str()), "session cookie"),
    ] {
        check_refused(&gateway, &[named, header], 403, message);
    }
    gateway.assert_nothing_sent();
}

/// SU-03: a virtual key in any header or query is refused.
#[test]
fn virtual_key_is_never_sent_to_anthropic() {
    let gateway = start_gateway(|_| Vec::new());
    let key = gateway.key.value();
    let session = ["Token sk-", "ant-sid01-made-up-made-up-made-up"].concat();
    for header in [
        ("authorization", format!("Basic {key}")),
        (
            "authorization",
            format!("Bearer {}, {key}", gateway.client_token.value()),
        ),
        ("x-api-key", format!(" \u{e9}{key}")),
        ("x_keyreeve_key", key.to_owned()),
        ("user-agent", format!("claude-cli/1 ({key})")),
        ("anthropic-beta", format!("one,{key}")),
    ] {
        let header = (header.0, header.1.as_str());
        let response = send(
            &gateway,
            "POST /passthrough/v1/messages",
            &[header, JSON],
            REQUEST_BODY,
        );
        let text = check_final_error(&response, 403, "permission_error");
        assert!(text.contains("would be sent to Anthropic"), "{text}");
    }
    let line = format!("GET /passthrough/v1/models?key={key}");
    check_final_error(&send(&gateway, &line, &[], b""), 403, "permission_error");
    let header = ("authorization", session.as_str());
    check_refused(
        &gateway,
        &[("x-keyreeve-key", key), header],
        403,
        "session cookie",
    );
    gateway.assert_nothing_sent();
}

#[test]
fn ingress_and_body_checks_apply() {
    let gateway = start_gateway(|_| Vec::new());
    for (header, status) in [
        (("host", "evil.test"), 421),
        (("origin", "http://evil.test"), 403),
        (("content-encoding", "gzip"), 415),
    ] {
        let response = send(
            &gateway,
            "POST /passthrough/v1/messages",
            &[header],
            REQUEST_BODY,
        );
        assert_eq!(response.status(), status, "{header:?}");
    }
    gateway.assert_nothing_sent();
}

#[test]
fn key_without_profiles_is_limited_to_its_models() {
    let gateway =
        start_gateway(|_| responses::json(200, "{\"data\":[{\"id\":\"claude-opus-5-5\"}]}"));
    let new_key = generate_key(KeyKind::User, system::random().unwrap());
    let key = VirtualKey {
        id: KeyId(Uuid::from_u128(7)),
        name: "bare".parse().unwrap(),
        profiles: Vec::new(),
        models: vec![ModelPattern::new("claude-haiku-*")],
        ..gateway.virtual_key.clone()
    };
    gateway
        .store
        .add_key(&key, new_key.public_id, new_key.hash)
        .unwrap();
    let bearer = format!("Bearer {}", gateway.client_token.value());
    let headers = [
        ("x-keyreeve-key", new_key.key.expose_for(Sink::Display)),
        ("authorization", bearer.as_str()),
        JSON,
    ];
    let other = br#"{"model":"claude-opus-5-5","max_tokens":1,"messages":[]}"#;
    let unnamed = br#"{"max_tokens":1,"messages":[]}"#;
    for (line, body, status) in [
        ("POST /passthrough/v1/messages", REQUEST_BODY, 200),
        ("POST /passthrough/v1/messages", other, 403),
        ("POST /passthrough/v1/messages/count_tokens", other, 403),
        ("POST /passthrough/v1/messages", unnamed, 400),
        ("GET /passthrough/v1/models/claude-opus-5-5", b"", 403),
        ("GET /passthrough/v1/models?limit=5", b"", 200),
        ("GET /passthrough/api/oauth/usage", b"", 200),
    ] {
        let response = send_with(&gateway, line, &headers, body);
        assert_eq!(response.status(), status, "{line}: {}", response.text());
    }
    // The list of models is the client's own: neither the request nor the response is filtered.
    let requests = gateway.upstream.requests();
    assert_eq!(requests[1].head.line, "GET /v1/models?limit=5 HTTP/1.1");
    assert_eq!(requests.len(), 3);
}
