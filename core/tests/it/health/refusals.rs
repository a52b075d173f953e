//! Consecutive unexplained 403s and the block after them.

use keyreeve_core::health::{
    ConsecutiveRefusals, Health, MAX_CONSECUTIVE_REFUSALS, RequestClass, transition,
};
use keyreeve_core::verdict::{ErrorResponse, Verdict, VerdictEffect};
use proptest::prelude::*;

use super::{
    at, health_input, invalid_request, limited, out_of_credit, overloaded, rejected,
    upstream_failed, verdict,
};

fn unexplained() -> Verdict {
    verdict(403, "permission_error", "Not for you.", &[])
}

/// A 403 with this body, which is not the API's envelope.
fn other(body: &str) -> Verdict {
    let response = ErrorResponse {
        status: 403,
        headers: &[],
        body: body.as_bytes(),
    };
    Verdict::from_response(&response, at(0))
}

/// Verdicts that are not unexplained refusals: foreign, explained, or not a 403.
fn never_counted() -> Vec<Verdict> {
    let explained = |message| verdict(403, "permission_error", message, &[]);
    vec![
        explained("Your API key does not have permission to use the specified resource."),
        explained("OAuth token does not meet scope requirement: user:profile"),
        explained("OAuth authentication is currently not allowed for this organization."),
        other("<html>403 Forbidden</html>"),
        other(r#"{"detail":"forbidden"}"#),
        other(r#"{"type":"error","error":{"type":"permission_err"#),
        other(""),
        Verdict::from_status(403),
        Verdict::from_stream_end(false, Some("permission_error"), Some("Not for you.")),
        Verdict::no_response(),
        limited(),
        out_of_credit(),
        overloaded(),
        rejected(),
        upstream_failed(),
        invalid_request(),
    ]
}

/// The count after these verdicts, with requests of two classes refused in turn.
fn after(verdicts: &[Verdict]) -> ConsecutiveRefusals {
    let classes = ["claude-opus-5-5", "claude-haiku-5-5"].map(class);
    let mut turns = classes.iter().cycle();
    let is_refusal = |verdict: &Verdict| *verdict == unexplained();
    verdicts
        .iter()
        .fold(ConsecutiveRefusals::default(), |refusals, verdict| {
            let class = if is_refusal(verdict) {
                turns.next()
            } else {
                None
            };
            refusals.observe(*verdict, class)
        })
}

fn class(model: &str) -> RequestClass {
    RequestClass::from_model(model).unwrap()
}

#[test]
fn third_consecutive_refusal_blocks_the_credential() {
    assert_eq!(after(&[unexplained(); 2]).verdict(), None);
    let third = after(&[unexplained(); 3]).verdict().unwrap();
    assert_eq!(
        (third.code(), third.effect()),
        ("always_refused", VerdictEffect::Blocked)
    );
    let health = transition(Health::Ready, &health_input(third, at(1)), at(1));
    assert!(matches!(health, Health::Blocked { .. }), "{health:?}");
}

#[test]
fn refusals_of_one_request_class_never_block() {
    let opus = class("claude-opus-5-5");
    let refuse = |refusals: ConsecutiveRefusals, class| refusals.observe(unexplained(), class);
    let opus_alone = (0..10).fold(ConsecutiveRefusals::default(), |count, _| {
        refuse(count, Some(&opus))
    });
    assert_eq!(opus_alone.verdict(), None);
    let no_model = (0..10).fold(ConsecutiveRefusals::default(), |count, _| {
        refuse(count, None)
    });
    assert_eq!(no_model.verdict(), None);
    assert!(refuse(opus_alone, None).verdict().is_some());
}

#[test]
fn foreign_and_explained_refusals_are_not_counted() {
    for verdict in never_counted() {
        let alone = vec![verdict; 10];
        assert_eq!(after(&alone).verdict(), None, "{verdict:?}");
        let between = [
            unexplained(),
            verdict,
            unexplained(),
            verdict,
            unexplained(),
        ];
        assert!(after(&between).verdict().is_some(), "{verdict:?}");
    }
}

#[test]
fn unknown_code_is_not_an_explanation() {
    let body = r#"{"type":"error","error":{"type":"permission_error","message":"x","details":{"error_code":"new_one"}}}"#;
    assert!(after(&[other(body); 3]).verdict().is_some());
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        3 => Just(unexplained()),
        1 => Just(Verdict::ok()),
        1 => prop::sample::select(never_counted()),
    ]
}

proptest! {
    #[test]
    fn only_consecutive_refusals_of_two_classes_block(verdicts in prop::collection::vec(any_verdict(), 0..30)) {
        let since_success = verdicts.iter().rev().take_while(|verdict| verdict.effect() != VerdictEffect::None);
        let consecutive = since_success.filter(|verdict| **verdict == unexplained()).count();
        let refusals = after(&verdicts);
        prop_assert_eq!(refusals.verdict().is_some(), consecutive >= MAX_CONSECUTIVE_REFUSALS as usize);
        prop_assert_eq!(refusals.is_clear(), consecutive == 0);
    }
}
