//! Verdicts: every recorded response, reset times, properties that always apply, and a page for each code.

use std::collections::BTreeSet;

use jiff::Timestamp;
use keyreeve_core::limits::MAX_RESET_DISTANCE;
use keyreeve_core::verdict::{
    DecidedBy, ErrorResponse, Failover, Verdict, VerdictEffect, VerdictScope,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: &str = "2026-11-20T12:00:00Z";
type Headers = Vec<(String, String)>;

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn classify(status: u16, headers: &Headers, body: &[u8]) -> Verdict {
    classify_at(status, headers, body, now())
}

fn classify_at(status: u16, headers: &Headers, body: &[u8], now: Timestamp) -> Verdict {
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let response = ErrorResponse {
        status,
        headers: &headers,
        body,
    };
    Verdict::from_response(&response, now)
}

pub(crate) fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("../fixtures/errors.json")).unwrap()
}

fn headers(case: &Value) -> Headers {
    let headers = case["headers"].as_object().into_iter().flatten();
    headers
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}

fn body(case: &Value) -> Vec<u8> {
    let text = case["body"].as_str().map(str::to_owned);
    text.unwrap_or_else(|| case["body"].to_string())
        .into_bytes()
}

pub(crate) fn verdict_of(case: &Value) -> Verdict {
    let error = &case["body"]["error"];
    match case["status"].as_str() {
        Some("sse") => {
            Verdict::from_stream_end(false, error["type"].as_str(), error["message"].as_str())
        }
        Some("text") => {
            let received = "2025-11-12T12:00:00Z".parse().unwrap();
            Verdict::from_client_text(case["body"].as_str().unwrap(), received).unwrap()
        }
        _ => {
            let headers = headers(case);
            let date = headers.iter().find(|(name, _)| name == "date");
            let received = date.map_or_else(now, |(_, date)| {
                jiff::fmt::rfc2822::DateTimeParser::new()
                    .parse_timestamp(date)
                    .unwrap()
            });
            let status = case["status"].as_u64().unwrap().try_into().unwrap();
            classify_at(status, &headers, &body(case), received)
        }
    }
}

fn effect(effect: VerdictEffect) -> &'static str {
    match effect {
        VerdictEffect::None => "none",
        VerdictEffect::Dead => "dead",
        VerdictEffect::Refresh => "refresh",
        VerdictEffect::Blocked => "blocked",
        VerdictEffect::OutOfCredit => "out_of_credit",
        VerdictEffect::SpentUntil => "spent_until",
        VerdictEffect::CoolUntil => "cool_until",
        VerdictEffect::CoolModelUntil => "cool_model_until",
        VerdictEffect::Transient => "transient",
        VerdictEffect::Feature => "feature",
        VerdictEffect::Request => "request",
        VerdictEffect::Config => "config",
    }
}

fn scope(scope: VerdictScope) -> &'static str {
    match scope {
        VerdictScope::None => "none",
        VerdictScope::Request => "request",
        VerdictScope::Credential => "credential",
        VerdictScope::CredentialModel => "credential+model",
        VerdictScope::Organization => "organization",
        VerdictScope::OrganizationModelClass => "organization+model class",
        VerdictScope::Workspace => "workspace",
        VerdictScope::AccountRegionModel => "account+region+model",
        VerdictScope::ProjectRegionModel => "project+region+model",
        VerdictScope::Upstream => "upstream",
        VerdictScope::UpstreamModel => "upstream+model",
        VerdictScope::Network => "network",
        VerdictScope::Gateway => "gateway",
    }
}

#[test]
fn every_recorded_response_has_its_verdict() {
    let cases = cases();
    assert_eq!(cases.len(), 67);
    let mut wrong = Vec::new();
    for case in &cases {
        let verdict = verdict_of(case);
        let found = json!({
            "effect": effect(verdict.effect()),
            "scope": scope(verdict.scope()),
            "until": verdict.until().map(|until| until.to_string()),
            "retry_other_credential": verdict.failover() == Failover::MayHelp,
        });
        let mut expected = case["expected"].clone();
        expected.as_object_mut().unwrap().remove("ideal_effect");
        if found != expected {
            wrong.push(format!(
                "{}: {found} for {expected} ({})",
                case["name"],
                verdict.code()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn envelope(kind: &str, message: &str) -> Vec<u8> {
    let error = json!({"type": kind, "message": message});
    json!({"type": "error", "error": error}).to_string().into()
}

#[test]
fn retry_after_is_parsed_in_every_form() {
    for (name, value, until) in [
        ("retry-after", "90", Some("2026-11-20T12:01:30Z")),
        ("Retry-After", " 1.5 ", Some("2026-11-20T12:00:01.5Z")),
        (
            "retry-after",
            "Fri, 20 Nov 2026 12:02:00 GMT",
            Some("2026-11-20T12:02:00Z"),
        ),
        ("retry-after", "Fri, 20 Nov 2020 12:02:00 GMT", Some(NOW)),
        ("retry-after", "1e300", Some("2026-12-22T12:00:00Z")),
        ("retry-after", "-5", None),
        ("retry-after", "NaN", None),
        ("retry-after", "soon", None),
    ] {
        let headers = vec![(name.to_owned(), value.to_owned())];
        let body = envelope("rate_limit_error", "rate limit of 5 requests per minute");
        let verdict = classify(429, &headers, &body);
        assert_eq!(verdict.code(), "minute_limit");
        let until = until.map(|until| until.parse().unwrap());
        assert_eq!(verdict.until(), until, "{value}");
    }
}

#[test]
fn tier_cap_without_a_date_ends_with_the_month() {
    let body = envelope(
        "rate_limit_error",
        "You have reached your API usage limits: your organization has crossed it.",
    );
    let verdict = classify(429, &Headers::new(), &body);
    assert_eq!(
        verdict.until(),
        Some("2026-12-01T00:00:00Z".parse().unwrap())
    );
}

#[test]
fn minute_limit_is_recognized_by_its_headers() {
    let headers: Headers = [
        ("anthropic-ratelimit-requests-remaining", "0"),
        ("anthropic-ratelimit-requests-reset", "2026-11-20T12:00:42Z"),
        ("anthropic-ratelimit-tokens-remaining", "7"),
        ("anthropic-ratelimit-tokens-reset", "2026-11-20T12:00:59Z"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for body in [
        envelope("rate_limit_error", "新しい文言"),
        b"{\"type\":\"err".to_vec(),
    ] {
        let verdict = classify(429, &headers, &body);
        assert_eq!(
            (verdict.code(), verdict.decided_by()),
            ("minute_limit", DecidedBy::Header)
        );
        assert_eq!(
            verdict.until(),
            Some("2026-11-20T12:00:42Z".parse().unwrap())
        );
    }
}

#[test]
fn status_alone_keeps_its_codes() {
    for (status, name) in [
        (200, "ok"),
        (299, "ok"),
        (302, "upstream"),
        (400, "request"),
        (401, "authentication"),
        (402, "billing"),
        (403, "permission"),
        (404, "not_found"),
        (413, "request"),
        (429, "rate_limited"),
        (500, "upstream"),
        (529, "overloaded"),
        (0, "upstream"),
    ] {
        let verdict = Verdict::from_status(status);
        assert_eq!(verdict.code(), name, "{status}");
        assert_ne!(verdict.effect(), VerdictEffect::Dead, "{status}");
        if status > 299 {
            assert_eq!(
                classify(status, &Headers::new(), b"").code(),
                name,
                "{status}"
            );
        }
    }
    assert_eq!(Verdict::no_response().code(), "no_answer");
}

/// BI-07: an unknown field's name, chosen by the client and repeated in the message, never affects the credential.
#[test]
fn name_of_a_field_never_affects_the_credential() {
    let mut by_wording = 0;
    for case in cases() {
        let message = case.pointer("/body/error/message").and_then(Value::as_str);
        let (Some(message), Some(status @ (400 | 403))) = (message, case["status"].as_u64()) else {
            continue;
        };
        by_wording += usize::from(verdict_of(&case).decided_by() == DecidedBy::Wording);
        let mut named = json!({"type": "error", "error": {
            "type": "invalid_request_error",
            "message": format!("{message}: Extra inputs are not permitted"),
        }});
        for kind in ["invalid_request_error", "permission_error"] {
            named["error"]["type"] = kind.into();
            let status = u16::try_from(status).unwrap();
            let verdict = classify(status, &Headers::new(), named.to_string().as_bytes());
            let plain = classify(status, &Headers::new(), &envelope(kind, "x"));
            assert_eq!(verdict, plain, "{message}");
        }
    }
    assert!(by_wording >= 5, "{by_wording}");
}

#[test]
fn end_of_a_stream_is_classified() {
    for (complete, error, name) in [
        (true, None, "ok"),
        (false, None, "cut"),
        (false, Some("overloaded_error"), "overloaded"),
        (true, Some("overloaded_error"), "overloaded"),
        (false, Some("api_error"), "upstream"),
        (false, Some("rate_limit_error"), "rate_limited"),
        (false, Some("request_too_large"), "request"),
    ] {
        let verdict = Verdict::from_stream_end(complete, error, None);
        assert_eq!(verdict.code(), name, "{complete} {error:?}");
    }
}

#[test]
fn each_code_has_a_page_and_each_page_a_code() {
    let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/responses");
    #[expect(clippy::disallowed_methods, reason = "the test reads the documents")]
    let read = |name: &str| std::fs::read_to_string(format!("{pages}/{name}")).unwrap();
    let index = read("README.md");
    let codes: BTreeSet<String> = Verdict::codes().map(str::to_owned).collect();
    assert_eq!(codes.len(), Verdict::codes().count(), "a code occurs twice");
    let found: BTreeSet<String> = std::path::Path::new(pages)
        .read_dir()
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
        .filter(|name| name != "README")
        .collect();
    assert_eq!(codes, found);
    for code in codes {
        let page = read(&format!("{code}.md"));
        assert!(page.starts_with(&format!("# `{code}`\n")), "{code}");
        assert!((8..=20).contains(&page.lines().count()), "{code}");
        assert!(index.contains(&format!("[`{code}`]({code}.md)")), "{code}");
    }
}

fn any_case() -> impl Strategy<Value = Value> {
    let with_status: Vec<Value> = cases()
        .into_iter()
        .filter(|case| case["status"].is_u64())
        .collect();
    proptest::sample::select(with_status)
}

fn coded_case() -> impl Strategy<Value = Value> {
    let coded = |case: &Value| case.pointer("/body/error/details/error_code").is_some();
    let coded: Vec<Value> = cases().into_iter().filter(coded).collect();
    proptest::sample::select(coded)
}

fn status(case: &Value) -> u16 {
    case["status"].as_u64().unwrap().try_into().unwrap()
}

fn in_bounds(verdict: Verdict) -> bool {
    let latest = now().checked_add(MAX_RESET_DISTANCE).unwrap();
    verdict
        .until()
        .is_none_or(|until| (now()..=latest).contains(&until))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn foreign_body_never_means_dead(status in 100_u16..1000, text in ".{0,40}", kind in "[a-z_]{1,20}") {
        let like = json!({"error": {"type": kind, "message": text}}).to_string();
        let foreign = json!({"detail": text}).to_string();
        let whole = envelope("authentication_error", "invalid x-api-key");
        let cut = &whole[..whole.len() - 1];
        for body in [text.as_bytes(), like.as_bytes(), foreign.as_bytes(), cut] {
            prop_assert_ne!(classify(status, &Headers::new(), body).effect(), VerdictEffect::Dead);
        }
    }

    #[test]
    fn unknown_headers_change_nothing(case in any_case(), name in "x-[a-z]{1,12}", value in "[ -~]{0,20}") {
        let known = headers(&case);
        let mut more = vec![(name, value)];
        more.extend(known.clone());
        let body = body(&case);
        prop_assert_eq!(classify(status(&case), &more, &body), classify(status(&case), &known, &body));
    }

    #[test]
    fn missing_and_invalid_headers_are_accepted(case in any_case(), at in any::<prop::sample::Index>(), garbage in ".{0,20}") {
        let mut headers = headers(&case);
        if !headers.is_empty() {
            let at = at.index(headers.len());
            headers[at].1 = garbage;
            prop_assert!(in_bounds(classify(status(&case), &headers, &body(&case))));
            headers.remove(at);
        }
        prop_assert!(in_bounds(classify(status(&case), &headers, &body(&case))));
    }

    #[test]
    fn case_of_a_message_changes_nothing(case in any_case(), upper in any::<bool>()) {
        let mut recased = case.clone();
        if let Some(Value::String(message)) = recased.pointer_mut("/body/error/message") {
            *message = if upper { message.to_ascii_uppercase() } else { message.to_ascii_lowercase() };
        }
        prop_assert_eq!(verdict_of(&recased), verdict_of(&case));
    }

    #[test]
    fn message_next_to_a_code_changes_nothing(case in coded_case(), words in "\\PC{0,40}") {
        let mut translated = case.clone();
        translated["body"]["error"]["message"] = words.into();
        prop_assert_eq!(verdict_of(&translated).code(), verdict_of(&case).code());
        prop_assert_eq!(verdict_of(&translated).until(), verdict_of(&case).until());
    }

    #[test]
    fn no_time_is_in_the_past_or_beyond_a_month(seconds in any::<i64>(), wait in any::<f64>(), year in 0_u16..10000) {
        let headers: Headers = vec![
            ("anthropic-ratelimit-unified-status".into(), "rejected".into()),
            ("anthropic-ratelimit-unified-5h-status".into(), "rejected".into()),
            ("anthropic-ratelimit-unified-5h-reset".into(), seconds.to_string()),
            ("retry-after".into(), wait.to_string()),
        ];
        prop_assert!(in_bounds(classify(429, &headers, &envelope("rate_limit_error", "x"))));
        let text = format!("You have reached your specified API usage limits. You will regain access on {year:04}-12-01 at 00:00 UTC.");
        prop_assert!(in_bounds(classify(400, &headers, &envelope("invalid_request_error", &text))));
    }
}
