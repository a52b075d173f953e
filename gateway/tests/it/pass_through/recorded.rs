//! The record of pass-through requests: a ledger entry and the reported windows, and no profile's health.

use std::sync::{Mutex, mpsc};

use keyreeve_core::limits::{LimitOwner, LimitUsage};
use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::CostBasis;
use keyreeve_core::profile::ProfileId;
use keyreeve_os::system;
use keyreeve_store::{Ending, EntryOutcome, LedgerEntry, Operation};
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::fixtures;
use keyreeve_testkit::upstream::{Step, responses};

use super::{CLAUDE_CODE_HEADERS, ODD_BODY, send, send_with, start_gateway};
use crate::harness::{JSON, REQUEST_BODY, TestGateway, eventually};

/// A complete response of the API.
const MESSAGE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-haiku-5-5","content":[],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":20}}"#;

#[track_caller]
fn check_recorded(gateway: &TestGateway, operation: Operation) -> (LedgerEntry, EntryOutcome) {
    let (entry, outcome) = gateway.entry();
    assert_eq!(entry.intent.operation, operation);
    assert_eq!(entry.intent.profile, ProfileId::PASS_THROUGH);
    assert_eq!(entry.profile_name.as_deref(), Some("(pass-through)"));
    assert_eq!(entry.key_name.as_deref(), Some("laptop"));
    assert!(entry.intent.simulated);
    (entry, outcome)
}

#[test]
fn plan_usage_is_recorded_as_an_estimate() {
    let stream = fixtures::bytes("success-stream.sse");
    let whole = stream.clone();
    let gateway = start_gateway(move |_| responses::stream([stream.as_slice()]));
    let body = String::from_utf8(ODD_BODY.into()).unwrap();
    let body = body.replace("\"max_tokens\" :16", "\"max_tokens\" :16,\"stream\":true");
    let response = send(
        &gateway,
        "POST /passthrough/v1/messages",
        &CLAUDE_CODE_HEADERS,
        body.as_bytes(),
    );
    assert_eq!(response.body, whole);
    let (entry, outcome) = check_recorded(&gateway, Operation::Messages);
    assert_eq!(entry.intent.reserved, NanoDollars::ZERO);
    assert_eq!(entry.intent.session.as_deref(), Some("0000-1111"));
    assert_eq!(
        entry.intent.request_hash,
        *blake3::hash(body.as_bytes()).as_bytes()
    );
    assert_eq!(
        outcome.response_hash,
        Some(*blake3::hash(&whole).as_bytes())
    );
    assert_eq!((outcome.ending, outcome.status), (Ending::Done, Some(200)));
    assert_eq!(outcome.basis, Some(CostBasis::Equivalent));
    assert!(outcome.cost > NanoDollars::ZERO && outcome.tokens.output > 0);
    let id = format!("req_kr_{}", entry.intent.request.0.simple());
    assert_eq!(response.head.header("x-keyreeve-request-id"), Some(&*id));
}

#[test]
fn client_api_key_usage_is_recorded_as_cost() {
    let gateway = start_gateway(|_| responses::json(200, MESSAGE));
    let api_key = Canary::api_key("own");
    let key = ("x-keyreeve-key", gateway.key.value());
    for (number, bearer) in [
        api_key.value().to_owned(),
        format!("Bearer {}", api_key.value()),
    ]
    .iter()
    .enumerate()
    {
        let name = ["x-api-key", "authorization"][number];
        send_with(
            &gateway,
            "POST /passthrough/v1/messages",
            &[key, (name, bearer), JSON],
            REQUEST_BODY,
        );
    }
    for entry in gateway.entries() {
        let outcome = entry.outcome.unwrap();
        assert!(entry.intent.reserved > NanoDollars::ZERO);
        assert_eq!(outcome.basis, Some(CostBasis::Known));
        assert!(outcome.cost > NanoDollars::ZERO);
    }
}

#[test]
fn intent_is_durable_before_the_request_is_sent() {
    let (report, reported) = mpsc::channel();
    let (allow, allowed) = mpsc::channel();
    let both = Mutex::new((report, allowed));
    let gateway = start_gateway(move |_| {
        let (report, allowed) = &*both.lock().unwrap();
        report.send(()).unwrap();
        allowed.recv().unwrap();
        vec![Step::Close]
    });
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            send(
                &gateway,
                "POST /passthrough/v1/messages",
                &[JSON],
                REQUEST_BODY,
            )
        });
        reported.recv().unwrap();
        let entries = gateway.open_second_store().ledger_entries(10).unwrap();
        allow.send(()).unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].intent.profile, ProfileId::PASS_THROUGH);
        assert_eq!(entries[0].outcome, None);
        assert_eq!(client.join().unwrap().status(), 502);
    });
    let (_, outcome) = gateway.entry();
    assert_eq!(outcome.ending, Ending::Incomplete);
    assert_eq!(outcome.basis, Some(CostBasis::Equivalent));
}

#[test]
fn upstream_error_is_unchanged_and_changes_no_health() {
    let errors = fixtures::json("errors.json");
    let all = errors["cases"]
        .as_array()
        .or(errors.as_array())
        .unwrap()
        .clone();
    for status in [400, 401, 403, 429, 529] {
        let case = all.iter().find(|case| case["status"] == status).unwrap();
        let body = format!("{:#}\n ", case["body"]);
        let sent = body.clone();
        let gateway = start_gateway(move |_| {
            let headers = [
                ("content-type", "application/json"),
                ("retry-after", "7"),
                ("x-should-retry", "true"),
                ("request-id", "req_made_up"),
            ];
            responses::with_headers(status, &headers, sent.as_bytes())
        });
        let response = send(
            &gateway,
            "POST /passthrough/v1/messages",
            &[JSON],
            REQUEST_BODY,
        );
        assert_eq!((response.status(), response.text()), (status, body));
        for (name, value) in [
            ("retry-after", "7"),
            ("x-should-retry", "true"),
            ("request-id", "req_made_up"),
        ] {
            assert_eq!(response.head.header(name), Some(value), "{name}");
        }
        assert_eq!(gateway.upstream.requests().len(), 1);
        let (_, outcome) = check_recorded(&gateway, Operation::Messages);
        assert_eq!(outcome.cost, NanoDollars::ZERO);
        assert_ne!(outcome.verdict.as_deref(), Some("ok"));
        let snapshot = gateway.store.lease_snapshot().unwrap();
        assert!(snapshot.health.all_ready(), "{status}");
        // The key's own profile still serves.
        let before = gateway.upstream.requests().len();
        gateway.post(REQUEST_BODY);
        assert_eq!(gateway.upstream.requests().len(), before + 1);
    }
}

#[test]
fn echo_of_the_client_credential_is_not_redacted() {
    let gateway = start_gateway(|received| responses::echo_credentials(401, received));
    let response = send(
        &gateway,
        "POST /passthrough/v1/messages",
        &[JSON],
        REQUEST_BODY,
    );
    assert!(response.text().contains(gateway.client_token.value()));
}

/// The stored windows of the passed-through login: names and millionths used.
fn windows(gateway: &TestGateway) -> Vec<(String, u32)> {
    let seen = gateway.store.limits().unwrap();
    let ours = LimitOwner::PassThrough(gateway.virtual_key.id);
    seen.into_iter()
        .filter(|seen| seen.owner == ours)
        .filter_map(|seen| match seen.limit.usage {
            Some(LimitUsage::Used(used)) => {
                Some((seen.limit.kind.name().to_owned(), used.millionths()))
            }
            Some(LimitUsage::Remaining { .. }) | None => None,
        })
        .collect()
}

#[track_caller]
fn check_windows(gateway: &TestGateway, expected: &[(&str, u32)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, used)| ((*name).to_owned(), *used))
        .collect();
    eventually(|| windows(gateway) == expected);
    assert_eq!(windows(gateway), expected);
}

#[test]
fn reported_windows_are_stored_under_the_key() {
    let gateway = start_gateway(|received| {
        let used = if received.number == 0 { "0.25" } else { "0.5" };
        let reset = (system::now() + jiff::SignedDuration::from_hours(3)).as_second();
        let reset = reset.to_string();
        let headers = [
            ("content-type", "application/json"),
            ("anthropic-ratelimit-unified-status", "allowed"),
            ("anthropic-ratelimit-unified-5h-status", "allowed"),
            ("anthropic-ratelimit-unified-5h-utilization", used),
            ("anthropic-ratelimit-unified-5h-reset", reset.as_str()),
        ];
        let status = if received.number == 0 { 200 } else { 429 };
        responses::with_headers(status, &headers, b"{}")
    });
    for used in [250_000, 500_000] {
        send(
            &gateway,
            "POST /passthrough/v1/messages",
            &[JSON],
            REQUEST_BODY,
        );
        check_windows(&gateway, &[("five_hour", used)]);
    }
    // Plan headers block profiles, but no profile is involved here.
    assert!(gateway.store.lease_snapshot().unwrap().health.all_ready());
}

#[test]
fn account_usage_is_unchanged_and_stored() {
    let reset = (system::now() + jiff::SignedDuration::from_hours(3)).to_string();
    let usage = format!(
        "{{ \"five_hour\" : {{\"utilization\":37.0,\"resets_at\":\"{reset}\"}},\n\"seven_day\":null ,\"new\":[1] }} "
    );
    let sent = usage.clone();
    let gateway = start_gateway(move |received| {
        let line = received.head.line.as_str();
        match received.number {
            0 => responses::json(200, &sent),
            1 => responses::with_headers(
                429,
                &[("retry-after", "2895")],
                b"{\"five_hour\":{\"utilization\":1}}",
            ),
            _ => responses::json(200, &format!("{{\"line\":\"{line}\"}}")),
        }
    });
    let response = send(&gateway, "GET /passthrough/api/oauth/usage", &[], b"");
    assert_eq!((response.status(), response.text()), (200, usage));
    let (_, outcome) = check_recorded(&gateway, Operation::Account);
    assert_eq!(
        (outcome.cost, outcome.ending),
        (NanoDollars::ZERO, Ending::Done)
    );
    check_windows(&gateway, &[("five_hour", 370_000)]);

    // A throttled response is passed on, and changes nothing else.
    let response = send(&gateway, "GET /passthrough/api/oauth/usage", &[], b"");
    assert_eq!(response.status(), 429);
    assert_eq!(response.head.header("retry-after"), Some("2895"));
    let response = send(&gateway, "GET /passthrough/api/oauth/profile", &[], b"");
    assert!(response.text().contains("GET /api/oauth/profile HTTP/1.1"));
    check_windows(&gateway, &[("five_hour", 370_000)]);
    assert!(gateway.store.lease_snapshot().unwrap().health.all_ready());
}
