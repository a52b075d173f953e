//! What does not pass through, and what a key still decides.

use keyreeve_core::secret::Sink;
use keyreeve_core::virtual_key::{KeyId, Kind, VirtualKey, mint};
use keyreeve_os::world;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::reply;
use uuid::Uuid;

use super::{WAYS, ask, raw, stage};
use crate::envelope::check_refusal;
use crate::stage::{ASK, JSON, Stage};

#[test]
fn su_01_it_is_off_unless_it_was_asked_for() {
    let stage = Stage::start(|_| Vec::new());
    for (line, _) in WAYS {
        let answer = ask(&stage, line, &[JSON], b"");
        let text = check_refusal(&answer, 404, "not_found_error");
        assert!(text.contains("keyreeve serve --pass-through"), "{text}");
    }
    stage.assert_nothing_happened();
}

#[test]
fn nothing_else_passes_through() {
    let stage = stage(|_| Vec::new());
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
        check_refusal(&ask(&stage, line, &[], b""), 404, "not_found_error");
    }
    for line in [
        "GET /passthrough/v1/messages",
        "POST /passthrough/api/oauth/usage",
    ] {
        check_refusal(&ask(&stage, line, &[], b""), 405, "invalid_request_error");
    }
    stage.assert_nothing_happened();
}

#[track_caller]
fn check_refused(stage: &Stage, headers: &[(&str, &str)], status: u16, says: &str) {
    let headers = [headers, &[JSON]].concat();
    let answer = raw(stage, "POST /passthrough/v1/messages", &headers, ASK);
    let kind = match status {
        401 => "authentication_error",
        _ => "permission_error",
    };
    let text = check_refusal(&answer, status, kind);
    assert!(text.contains(says), "{says}: {text}");
}

#[test]
fn who_asks_is_said_by_one_virtual_key_in_a_header_of_its_own() {
    let stage = stage(|_| Vec::new());
    let bearer = format!("Bearer {}", stage.own.value());
    let own = ("authorization", bearer.as_str());
    let key = stage.key.value();
    let cut = &key[..key.len() - 1];
    let wrong = mint(Kind::User, world::random().unwrap());
    let wrong = wrong.key.expose_for(Sink::Shown);
    let vendor = Canary::api_key("misplaced");
    let named = |value| ("x-keyreeve-key", value);
    for (headers, says) in [
        (vec![own], "x-keyreeve-key"),
        (vec![own, named("")], "x-keyreeve-key"),
        (vec![own, named(key), named(key)], "once"),
        (vec![own, named(vendor.value())], "krv_"),
        (vec![own, named(cut)], "cut or mistyped"),
        (vec![own, named(wrong)], "unknown keyreeve key"),
    ] {
        check_refused(&stage, &headers, 401, says);
    }
    stage
        .store
        .revoke_key(stage.key_row.id, world::now())
        .unwrap();
    check_refused(&stage, &[own, named(key)], 401, "revoked");
    stage.assert_nothing_happened();
}

#[test]
fn su_03_what_is_no_credential_of_the_clients_own_goes_no_further() {
    let stage = stage(|_| Vec::new());
    let key = stage.key.value();
    let bearer = format!("Bearer {key}");
    let family = |family: &str| ["sk-", "ant-", family, "-made-up-made-up-made-up"].concat();
    let (refresh, admin, session) = (family("ort01"), family("admin01"), family("sid01"));
    let named = ("x-keyreeve-key", key);
    check_refused(&stage, &[named], 401, "your own credential");
    check_refused(&stage, &[named, ("x-api-key", "")], 401, "your own");
    for (header, says) in [
        (("authorization", bearer.as_str()), "sent to the vendor"),
        (("x-api-key", key), "sent to the vendor"),
        (("x-api-key", refresh.as_str()), "refresh token"),
        (("x-api-key", admin.as_str()), "Admin API key"),
        (("x-api-key", session.as_str()), "session cookie"),
    ] {
        check_refused(&stage, &[named, header], 403, says);
    }
    stage.assert_nothing_happened();
}

#[test]
fn su_03_a_virtual_key_is_sent_to_the_vendor_from_no_place() {
    let stage = stage(|_| Vec::new());
    let key = stage.key.value();
    let session = ["Token sk-", "ant-sid01-made-up-made-up-made-up"].concat();
    for header in [
        ("authorization", format!("Basic {key}")),
        (
            "authorization",
            format!("Bearer {}, {key}", stage.own.value()),
        ),
        ("x-api-key", format!(" \u{e9}{key}")),
        ("x_keyreeve_key", key.to_owned()),
        ("user-agent", format!("claude-cli/1 ({key})")),
        ("anthropic-beta", format!("one,{key}")),
    ] {
        let header = (header.0, header.1.as_str());
        let got = ask(
            &stage,
            "POST /passthrough/v1/messages",
            &[header, JSON],
            ASK,
        );
        let text = check_refusal(&got, 403, "permission_error");
        assert!(text.contains("would be sent to the vendor"), "{text}");
    }
    let line = format!("GET /passthrough/v1/models?key={key}");
    check_refusal(&ask(&stage, &line, &[], b""), 403, "permission_error");
    let header = ("authorization", session.as_str());
    check_refused(
        &stage,
        &[("x-keyreeve-key", key), header],
        403,
        "session cookie",
    );
    stage.assert_nothing_happened();
}

#[test]
fn the_door_and_the_limits_of_bodies_are_those_of_every_route() {
    let stage = stage(|_| Vec::new());
    for (header, status) in [
        (("host", "evil.test"), 421),
        (("origin", "http://evil.test"), 403),
        (("content-encoding", "gzip"), 415),
    ] {
        let answer = ask(&stage, "POST /passthrough/v1/messages", &[header], ASK);
        assert_eq!(answer.status(), status, "{header:?}");
    }
    stage.assert_nothing_happened();
}

#[test]
fn a_key_needs_no_profile_and_keeps_to_its_models() {
    let stage = stage(|_| reply::json(200, "{\"data\":[{\"id\":\"claude-opus-5-5\"}]}"));
    let minted = mint(Kind::User, world::random().unwrap());
    let key = VirtualKey {
        id: KeyId(Uuid::from_u128(7)),
        name: "bare".parse().unwrap(),
        profiles: Vec::new(),
        models: vec!["claude-haiku-*".to_owned()],
        ..stage.key_row.clone()
    };
    stage
        .store
        .add_key(&key, minted.public_id, minted.hash)
        .unwrap();
    let bearer = format!("Bearer {}", stage.own.value());
    let headers = [
        ("x-keyreeve-key", minted.key.expose_for(Sink::Shown)),
        ("authorization", bearer.as_str()),
        JSON,
    ];
    let other = br#"{"model":"claude-opus-5-5","max_tokens":1,"messages":[]}"#;
    let unnamed = br#"{"max_tokens":1,"messages":[]}"#;
    for (line, body, status) in [
        ("POST /passthrough/v1/messages", ASK, 200),
        ("POST /passthrough/v1/messages", other, 403),
        ("POST /passthrough/v1/messages/count_tokens", other, 403),
        ("POST /passthrough/v1/messages", unnamed, 400),
        ("GET /passthrough/v1/models/claude-opus-5-5", b"", 403),
        ("GET /passthrough/v1/models?limit=5", b"", 200),
        ("GET /passthrough/api/oauth/usage", b"", 200),
    ] {
        let answer = raw(&stage, line, &headers, body);
        assert_eq!(answer.status(), status, "{line}: {}", answer.text());
    }
    // The list of models is the client's own: neither the question nor the answer is cut to the key.
    let asked = stage.upstream.requests();
    assert_eq!(asked[1].head.line, "GET /v1/models?limit=5 HTTP/1.1");
    assert_eq!(asked.len(), 3);
}
