//! The lifetime of prompt caches: edited in the request if one is configured, and left unchanged otherwise.

use keyreeve_core::cache_ttl::{Ttl, TtlByModel};
use keyreeve_core::profile::{Auth, Provenance};
use keyreeve_core::token::Family;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::responses;

use crate::error_envelope::check_error;
use crate::forwarding::organization;
use crate::harness::{JSON, Setup, TestGateway};

/// A request as clients write it, apart from its white space; `@` is a placeholder for cache markers.
const REQUEST: &str = r#"{"model":"claude-haiku-5-5", "max_tokens":16, "temperature":1.0e+0,
 "system":[{"type":"text","text":"\u00fc \"cache_control\":{\"type\":\"ephemeral\"}",@}],
 "tools":[{"name":"a","input_schema":{"properties":{"cache_control":{"type":"ephemeral"}}}}],
 "messages":[{"role":"user","content":[{"type":"text","text":"hi", @ }]}]}"#;

fn with_marker(marker: &str) -> Vec<u8> {
    REQUEST
        .replace('@', &format!(r#""cache_control":{marker}"#))
        .into_bytes()
}

fn default_ttl() -> Vec<u8> {
    with_marker(r#"{"type":"ephemeral"}"#)
}

fn one_hour_ttl() -> Vec<u8> {
    with_marker(r#"{"type":"ephemeral","ttl":"1h"}"#)
}

fn key_with_ttl(ttl: Ttl) -> Setup {
    Setup {
        cache_ttl: Some(ttl),
        ..Setup::default()
    }
}

fn configured(globs: &[(&str, Ttl)]) -> Setup {
    let mut setup = Setup::default();
    let globs = globs.iter().map(|(glob, ttl)| ((*glob).to_owned(), *ttl));
    setup.config.cache_ttl = TtlByModel::new(globs);
    setup
}

/// Posts a body and compares the body and length received upstream, and the edit in the ledger. The hash in the ledger
/// is always that of the client's body.
#[track_caller]
fn check(setup: Setup, body: &[u8], arrived: &[u8], recorded_edit: Option<&str>) {
    let gateway = setup.start(|_| responses::json(200, "{}"));
    assert_eq!(gateway.post(body).status(), 200);
    check_arrived(&gateway, arrived);
    let (entry, outcome) = gateway.entry();
    assert_eq!(outcome.cache_edit.as_deref(), recorded_edit);
    assert_eq!(entry.intent.request_hash, *blake3::hash(body).as_bytes());
    assert_eq!(entry.intent.request_bytes, body.len() as u64);
}

#[track_caller]
fn check_arrived(gateway: &TestGateway, arrived: &[u8]) {
    let received = gateway.upstream.requests();
    assert_eq!(received.len(), 1);
    assert_eq!(
        String::from_utf8_lossy(&received[0].body),
        String::from_utf8_lossy(arrived)
    );
    let length = arrived.len().to_string();
    let lengths: Vec<_> = received[0].head.header_values("content-length").collect();
    assert_eq!(lengths, [length]);
}

#[test]
fn nothing_is_edited_without_a_setting() {
    check(Setup::default(), &default_ttl(), &default_ttl(), None);
    let other_model = configured(&[("claude-opus-*", Ttl::OneHour)]);
    check(other_model, &default_ttl(), &default_ttl(), None);
}

#[test]
fn markers_get_the_ttl_of_the_model_or_key() {
    let hour = || configured(&[("claude-haiku-*", Ttl::OneHour)]);
    check(hour(), &default_ttl(), &one_hour_ttl(), Some("1h:2"));
    check(hour(), &one_hour_ttl(), &one_hour_ttl(), Some("1h:0"));
    check(
        key_with_ttl(Ttl::OneHour),
        &default_ttl(),
        &one_hour_ttl(),
        Some("1h:2"),
    );
    let explicit = with_marker(r#"{"type":"ephemeral","ttl":"5m"}"#);
    check(
        key_with_ttl(Ttl::FiveMinutes),
        &one_hour_ttl(),
        &explicit,
        Some("5m:2"),
    );
    let key_first = Setup {
        cache_ttl: Some(Ttl::FiveMinutes),
        ..hour()
    };
    check(key_first, &default_ttl(), &default_ttl(), Some("5m:0"));
    let exact = configured(&[
        ("claude-haiku-5-5", Ttl::FiveMinutes),
        ("claude-haiku-5-5*", Ttl::OneHour),
    ]);
    check(exact, &default_ttl(), &default_ttl(), Some("5m:0"));
}

#[test]
fn unknown_ttl_is_forwarded_unchanged() {
    let body = with_marker(r#"{"type":"ephemeral","ttl":"1d"}"#);
    check(
        key_with_ttl(Ttl::OneHour),
        &body,
        &body,
        Some("skipped: ttl"),
    );
    let bare = br#"{"model":"claude-haiku-5-5","messages":[]}"#;
    check(key_with_ttl(Ttl::OneHour), bare, bare, Some("1h:0"));
}

#[test]
fn request_with_an_oauth_token_is_never_edited() {
    let federated = Setup {
        cache_ttl: Some(Ttl::OneHour),
        ..organization()
    };
    check(
        federated,
        &default_ttl(),
        &default_ttl(),
        Some("skipped: oauth"),
    );
    let ant_login = Setup {
        cache_ttl: Some(Ttl::OneHour),
        provenance: Provenance::AntLogin,
        ..organization()
    };
    check(
        ant_login,
        &default_ttl(),
        &default_ttl(),
        Some("skipped: oauth"),
    );
    // Another gateway's token is not an OAuth token, whichever header it is sent in.
    let bearer = Setup {
        secret: Canary::generated("profile", "a-made-up-token-of-another-gateway"),
        family: Family::Opaque,
        auth: Auth::Bearer,
        ..key_with_ttl(Ttl::OneHour)
    };
    check(bearer, &default_ttl(), &one_hour_ttl(), Some("1h:2"));
}

#[test]
fn count_tokens_is_not_edited() {
    let gateway = key_with_ttl(Ttl::OneHour).start(|_| responses::json(200, "{}"));
    let response = gateway.send("POST /v1/messages/count_tokens", &[JSON], &default_ttl());
    assert_eq!(response.status(), 200);
    check_arrived(&gateway, &default_ttl());
    assert_eq!(gateway.entry().1.cache_edit, None);
}

#[test]
fn edited_body_counts_twice_in_the_budget() {
    let long = "x".repeat(3 << 10);
    let body = with_marker(&format!(r#"{{"type":"ephemeral","x":"{long}"}}"#));
    for (ttl, status) in [(None, 200), (Some(Ttl::OneHour), 529)] {
        let mut setup = Setup {
            cache_ttl: ttl,
            ..Setup::default()
        };
        setup.config.body_budget = 10 << 10;
        let gateway = setup.start(|_| responses::json(200, "{}"));
        let response = gateway.post(&body);
        assert_eq!(response.status(), status, "{ttl:?}");
        if status != 200 {
            check_error(&response, 529, "overloaded_error");
            gateway.assert_nothing_sent();
        }
    }
}
