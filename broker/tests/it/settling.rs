//! Cost of an attempt, for every kind of ending.

use keyreeve_broker::{CompletedResponse, Report};
use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::CostBasis;
use keyreeve_core::usage::{MeterReport, meter_body};
use keyreeve_core::verdict::Verdict;
use keyreeve_store::Ending;

use crate::harness::Harness;

fn report_with(status: u16, body: &str) -> Report {
    let metered = if body.is_empty() {
        MeterReport::default()
    } else {
        meter_body(body.as_bytes())
    };
    Report {
        ending: Ending::Done,
        verdict: Verdict::from_status(status),
        response: Some(CompletedResponse {
            status,
            upstream_request_id: None,
            organization: None,
            meter_report: metered,
            first_byte: None,
            body_hash: [0; 32],
            body_bytes: body.len() as u64,
        }),
    }
}

/// Checks the cost of an attempt with this report and its basis; a cost of `None` means the reserved cost.
async fn check(report: Report, cost: Option<u64>, basis: CostBasis) {
    let harness = Harness::sealed();
    let (lease, _credential) = harness.lease().await.unwrap();
    lease.report(report);
    let entry = harness.ledger_entries().remove(0);
    let expected = cost.map_or(entry.intent.reserved, NanoDollars::new);
    let ended = entry.outcome.unwrap();
    assert_eq!((ended.cost, ended.basis), (expected, Some(basis)));
}

const MESSAGE: &str = r#"{"type":"message","model":"claude-haiku-5-5","usage":{"input_tokens":10,"output_tokens":2}}"#;
const UNKNOWN_MODEL: &str = r#"{"type":"message","model":"claude-of-tomorrow","usage":{"input_tokens":10,"output_tokens":2}}"#;
const ERROR: &str =
    r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;

#[tokio::test]
async fn reported_usage_is_priced() {
    check(report_with(200, MESSAGE), Some(2_000), CostBasis::Known).await;
}

#[tokio::test]
async fn unknown_model_is_never_free() {
    let harness = Harness::sealed();
    let (lease, _credential) = harness.lease().await.unwrap();
    lease.report(report_with(200, UNKNOWN_MODEL));
    let ended = harness.ledger_entries().remove(0).outcome.unwrap();
    assert_eq!(ended.basis, Some(CostBasis::AtMost));
    assert!(ended.cost > NanoDollars::ZERO);
}

#[tokio::test]
async fn response_without_usage_costs_the_reserved_amount() {
    check(report_with(200, ""), None, CostBasis::AtMost).await;
    check(report_with(200, "<html>"), None, CostBasis::AtMost).await;
}

#[tokio::test]
async fn cut_response_is_estimated_by_its_length() {
    for (bytes, output) in [(0, 2), (160, 20), (1 << 40, 100)] {
        let harness = Harness::sealed();
        let (lease, _credential) = harness.lease().await.unwrap();
        let mut report = report_with(200, MESSAGE);
        report.ending = Ending::Incomplete;
        if let Some(response) = &mut report.response {
            response.body_bytes = bytes;
        }
        lease.report(report);
        let entry = harness.ledger_entries().remove(0);
        let ended = entry.outcome.unwrap();
        // Ten input tokens at 100 nano-dollars, output at 500; at most the reserved cost.
        let estimated = NanoDollars::new(1_000 + output * 500);
        let expected = if output == 100 {
            entry.intent.reserved
        } else {
            estimated
        };
        assert_eq!(
            (ended.cost, ended.basis),
            (expected, Some(CostBasis::AtMost)),
            "{bytes}"
        );
        assert_eq!(ended.tokens.output, 2, "the entry has the reported usage");
    }
}

#[tokio::test]
async fn refused_and_failed_requests_are_free() {
    check(report_with(529, ERROR), Some(0), CostBasis::Known).await;
    check(report_with(400, ""), Some(0), CostBasis::Known).await;
    check(report_with(200, ERROR), Some(0), CostBasis::Known).await;
    check(
        Report::no_response(Ending::Failed),
        Some(0),
        CostBasis::Known,
    )
    .await;
}

#[tokio::test]
async fn aborted_request_costs_the_reserved_amount() {
    check(
        Report::no_response(Ending::Incomplete),
        None,
        CostBasis::AtMost,
    )
    .await;
}

#[tokio::test]
async fn dropped_lease_costs_the_reserved_amount() {
    let harness = Harness::sealed();
    let (lease, credential) = harness.lease().await.unwrap();
    drop((lease, credential));
    let entry = harness.ledger_entries().remove(0);
    let ended = entry.outcome.unwrap();
    assert_eq!(ended.ending, Ending::Incomplete);
    assert_eq!(ended.cost, entry.intent.reserved);
    assert!(entry.intent.reserved > NanoDollars::ZERO);
}
