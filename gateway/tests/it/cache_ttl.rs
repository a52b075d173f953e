//! The lifetime of prompt caches: what arrives upstream where one is asked for, and that nothing is touched where not.

use keyreeve_core::cache_ttl::{PerModel, Ttl};
use keyreeve_core::profile::{Auth, Provenance};
use keyreeve_core::token::Family;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::reply;

use crate::envelope::check_envelope;
use crate::passing::organization;
use crate::stage::{JSON, Setup, Stage};

/// A request as clients write it, but for its white space; markers stand for `@`.
const REQUEST: &str = r#"{"model":"claude-haiku-5-5", "max_tokens":16, "temperature":1.0e+0,
 "system":[{"type":"text","text":"\u00fc \"cache_control\":{\"type\":\"ephemeral\"}",@}],
 "tools":[{"name":"a","input_schema":{"properties":{"cache_control":{"type":"ephemeral"}}}}],
 "messages":[{"role":"user","content":[{"type":"text","text":"hi", @ }]}]}"#;

fn written(marker: &str) -> Vec<u8> {
    REQUEST
        .replace('@', &format!(r#""cache_control":{marker}"#))
        .into_bytes()
}

fn plain() -> Vec<u8> {
    written(r#"{"type":"ephemeral"}"#)
}

fn of_one_hour() -> Vec<u8> {
    written(r#"{"type":"ephemeral","ttl":"1h"}"#)
}

fn key(ttl: Ttl) -> Setup {
    Setup {
        cache_ttl: Some(ttl),
        ..Setup::default()
    }
}

fn configured(globs: &[(&str, Ttl)]) -> Setup {
    let mut setup = Setup::default();
    let globs = globs.iter().map(|(glob, ttl)| ((*glob).to_owned(), *ttl));
    setup.config.cache_ttl = PerModel::new(globs);
    setup
}

/// Posts a body and compares what arrived, with which length, and what the ledger says was done. The hash in the ledger
/// is that of the body as the client sent it, whatever was.
#[track_caller]
fn check(setup: Setup, body: &[u8], arrived: &[u8], noted: Option<&str>) {
    let stage = setup.start(|_| reply::json(200, "{}"));
    assert_eq!(stage.post(body).status(), 200);
    check_arrived(&stage, arrived);
    let (row, ended) = stage.row();
    assert_eq!(ended.cache_edit.as_deref(), noted);
    assert_eq!(row.intent.request_hash, *blake3::hash(body).as_bytes());
    assert_eq!(row.intent.request_bytes, body.len() as u64);
}

#[track_caller]
fn check_arrived(stage: &Stage, arrived: &[u8]) {
    let received = stage.upstream.requests();
    assert_eq!(received.len(), 1);
    assert_eq!(
        String::from_utf8_lossy(&received[0].body),
        String::from_utf8_lossy(arrived)
    );
    let length = arrived.len().to_string();
    let lengths: Vec<_> = received[0].head.all("content-length").collect();
    assert_eq!(lengths, [length]);
}

#[test]
fn nothing_is_touched_unless_it_was_asked_for() {
    check(Setup::default(), &plain(), &plain(), None);
    let other_model = configured(&[("claude-opus-*", Ttl::OneHour)]);
    check(other_model, &plain(), &plain(), None);
}

#[test]
fn markers_get_the_lifetime_of_the_model_or_of_the_key() {
    let hour = || configured(&[("claude-haiku-*", Ttl::OneHour)]);
    check(hour(), &plain(), &of_one_hour(), Some("1h:2"));
    check(hour(), &of_one_hour(), &of_one_hour(), Some("1h:0"));
    check(key(Ttl::OneHour), &plain(), &of_one_hour(), Some("1h:2"));
    let explicit = written(r#"{"type":"ephemeral","ttl":"5m"}"#);
    check(
        key(Ttl::FiveMinutes),
        &of_one_hour(),
        &explicit,
        Some("5m:2"),
    );
    let key_first = Setup {
        cache_ttl: Some(Ttl::FiveMinutes),
        ..hour()
    };
    check(key_first, &plain(), &plain(), Some("5m:0"));
    let exact = configured(&[
        ("claude-haiku-5-5", Ttl::FiveMinutes),
        ("claude-haiku-5-5*", Ttl::OneHour),
    ]);
    check(exact, &plain(), &plain(), Some("5m:0"));
}

#[test]
fn what_is_not_understood_passes_as_it_came() {
    let body = written(r#"{"type":"ephemeral","ttl":"1d"}"#);
    check(key(Ttl::OneHour), &body, &body, Some("left: ttl"));
    let bare = br#"{"model":"claude-haiku-5-5","messages":[]}"#;
    check(key(Ttl::OneHour), bare, bare, Some("1h:0"));
}

#[test]
fn an_oauth_tokens_request_is_never_edited() {
    let federated = Setup {
        cache_ttl: Some(Ttl::OneHour),
        ..organization()
    };
    check(federated, &plain(), &plain(), Some("left: oauth"));
    let of_ant = Setup {
        cache_ttl: Some(Ttl::OneHour),
        provenance: Provenance::AntLogin,
        ..organization()
    };
    check(of_ant, &plain(), &plain(), Some("left: oauth"));
    // A gateway's own token is none, however it is sent.
    let bearer = Setup {
        secret: Canary::made("profile", "a-made-up-token-of-another-gateway"),
        family: Family::Opaque,
        auth: Auth::Bearer,
        ..key(Ttl::OneHour)
    };
    check(bearer, &plain(), &of_one_hour(), Some("1h:2"));
}

#[test]
fn counting_tokens_is_not_edited() {
    let stage = key(Ttl::OneHour).start(|_| reply::json(200, "{}"));
    let answer = stage.ask("POST /v1/messages/count_tokens", &[JSON], &plain());
    assert_eq!(answer.status(), 200);
    check_arrived(&stage, &plain());
    assert_eq!(stage.row().1.cache_edit, None);
}

#[test]
fn an_edited_body_counts_twice_in_the_budget() {
    let long = "x".repeat(3 << 10);
    let body = written(&format!(r#"{{"type":"ephemeral","x":"{long}"}}"#));
    for (asked_for, status) in [(None, 200), (Some(Ttl::OneHour), 529)] {
        let mut setup = Setup {
            cache_ttl: asked_for,
            ..Setup::default()
        };
        setup.config.body_budget = 10 << 10;
        let stage = setup.start(|_| reply::json(200, "{}"));
        let answer = stage.post(&body);
        assert_eq!(answer.status(), status, "{asked_for:?}");
        if status != 200 {
            check_envelope(&answer, 529, "overloaded_error");
            stage.assert_nothing_happened();
        }
    }
}
