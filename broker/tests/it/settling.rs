//! What an attempt costs, whatever becomes of it.

use keyreeve_broker::{Answered, Report};
use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::Basis;
use keyreeve_core::profile::Source;
use keyreeve_core::snapshot::Environment;
use keyreeve_core::usage::{Metered, of_body};
use keyreeve_core::verdict::Verdict;
use keyreeve_store::Ending;

use crate::desk::Desk;

fn desk() -> Desk {
    Desk::open(
        Source::Sealed,
        "https://gateway.example",
        Environment::default(),
    )
}

fn answered(status: u16, body: &str) -> Report {
    let metered = if body.is_empty() {
        Metered::default()
    } else {
        of_body(body.as_bytes())
    };
    Report {
        ending: Ending::Done,
        verdict: Verdict::of_status(status),
        answer: Some(Answered {
            status,
            upstream_request_id: None,
            organization: None,
            metered,
            first_byte: None,
            body_hash: [0; 32],
            body_bytes: body.len() as u64,
        }),
    }
}

/// What one attempt with this report costs, and how sure that is; `None` as cost stands for what was reserved.
async fn check(report: Report, cost: Option<u64>, basis: Basis) {
    let desk = desk();
    let (lease, _credential) = desk.lease().await.unwrap();
    lease.report(report);
    let row = desk.attempts().remove(0);
    let expected = cost.map_or(row.intent.reserved, NanoDollars::new);
    let ended = row.ended.unwrap();
    assert_eq!((ended.cost, ended.basis), (expected, Some(basis)));
}

const MESSAGE: &str = r#"{"type":"message","model":"claude-haiku-5-5","usage":{"input_tokens":10,"output_tokens":2}}"#;
const UNKNOWN_MODEL: &str = r#"{"type":"message","model":"claude-of-tomorrow","usage":{"input_tokens":10,"output_tokens":2}}"#;
const ERROR: &str =
    r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;

#[tokio::test]
async fn figures_are_priced() {
    check(answered(200, MESSAGE), Some(2_000), Basis::Known).await;
}

#[tokio::test]
async fn an_unknown_model_is_never_free() {
    let desk = desk();
    let (lease, _credential) = desk.lease().await.unwrap();
    lease.report(answered(200, UNKNOWN_MODEL));
    let ended = desk.attempts().remove(0).ended.unwrap();
    assert_eq!(ended.basis, Some(Basis::AtMost));
    assert!(ended.cost > NanoDollars::ZERO);
}

#[tokio::test]
async fn an_answer_without_figures_keeps_its_reserve() {
    check(answered(200, ""), None, Basis::AtMost).await;
    check(answered(200, "<html>"), None, Basis::AtMost).await;
}

#[tokio::test]
async fn an_answer_that_was_cut_is_reckoned_by_what_came_of_it() {
    for (bytes, output) in [(0, 2), (160, 20), (1 << 40, 100)] {
        let desk = desk();
        let (lease, _credential) = desk.lease().await.unwrap();
        let mut report = answered(200, MESSAGE);
        report.ending = Ending::Incomplete;
        if let Some(answer) = &mut report.answer {
            answer.body_bytes = bytes;
        }
        lease.report(report);
        let row = desk.attempts().remove(0);
        let ended = row.ended.unwrap();
        // Ten tokens in at 100 nano-dollars, the output at 500; never more than was reserved.
        let reckoned = NanoDollars::new(1_000 + output * 500);
        let expected = if output == 100 {
            row.intent.reserved
        } else {
            reckoned
        };
        assert_eq!(
            (ended.cost, ended.basis),
            (expected, Some(Basis::AtMost)),
            "{bytes}"
        );
        assert_eq!(ended.tokens.output, 2, "the row says what was told");
    }
}

#[tokio::test]
async fn a_refusal_and_an_error_are_free() {
    check(answered(529, ERROR), Some(0), Basis::Known).await;
    check(answered(400, ""), Some(0), Basis::Known).await;
    check(answered(200, ERROR), Some(0), Basis::Known).await;
    check(Report::unanswered(Ending::Failed), Some(0), Basis::Known).await;
}

#[tokio::test]
async fn what_broke_off_unanswered_keeps_its_reserve() {
    check(Report::unanswered(Ending::Incomplete), None, Basis::AtMost).await;
}

#[tokio::test]
async fn a_dropped_lease_is_closed_at_its_reserve() {
    let desk = desk();
    let (lease, credential) = desk.lease().await.unwrap();
    drop((lease, credential));
    let row = desk.attempts().remove(0);
    let ended = row.ended.unwrap();
    assert_eq!(ended.ending, Ending::Incomplete);
    assert_eq!(ended.cost, row.intent.reserved);
    assert!(row.intent.reserved > NanoDollars::ZERO);
}
