//! Refusals that nobody explains, and what they come to.

use keyreeve_core::standing::{REFUSALS, Refusals, RequestClass, Standing, step};
use keyreeve_core::verdict::{Effect, ErrorAnswer, Verdict};
use proptest::prelude::*;

use super::{
    at, heard, limited, out_of_credit, overloaded, refused, upstream_failed, verdict, wrong_request,
};

fn unexplained() -> Verdict {
    verdict(403, "permission_error", "Not for you.", &[])
}

/// A 403 whose body is this and no envelope of the API's.
fn other(body: &str) -> Verdict {
    let answer = ErrorAnswer {
        status: 403,
        headers: &[],
        body: body.as_bytes(),
    };
    Verdict::of_error(&answer, at(0))
}

/// What says nothing of why a credential is refused, or says why.
fn never_counted() -> Vec<Verdict> {
    let worded = |message| verdict(403, "permission_error", message, &[]);
    vec![
        worded("Your API key does not have permission to use the specified resource."),
        worded("OAuth token does not meet scope requirement: user:profile"),
        worded("OAuth authentication is currently not allowed for this organization."),
        other("<html>403 Forbidden</html>"),
        other(r#"{"detail":"forbidden"}"#),
        other(r#"{"type":"error","error":{"type":"permission_err"#),
        other(""),
        Verdict::of_status(403),
        Verdict::of_stream_end(false, Some("permission_error"), Some("Not for you.")),
        Verdict::no_answer(),
        limited(),
        out_of_credit(),
        overloaded(),
        refused(),
        upstream_failed(),
        wrong_request(),
    ]
}

/// After these answers, where requests of two classes are refused by turns.
fn after(answers: &[Verdict]) -> Refusals {
    let classes = ["claude-opus-5-5", "claude-haiku-5-5"].map(class);
    let mut turns = classes.iter().cycle();
    let refused = |verdict: &Verdict| *verdict == unexplained();
    answers
        .iter()
        .fold(Refusals::default(), |refusals, verdict| {
            let class = if refused(verdict) { turns.next() } else { None };
            refusals.heard(*verdict, class)
        })
}

fn class(model: &str) -> RequestClass {
    RequestClass::of_model(model).unwrap()
}

#[test]
fn the_third_in_a_row_blocks_the_credential() {
    assert_eq!(after(&[unexplained(); 2]).verdict(), None);
    let third = after(&[unexplained(); 3]).verdict().unwrap();
    assert_eq!(
        (third.code(), third.effect()),
        ("always_refused", Effect::Blocked)
    );
    let standing = step(Standing::Ready, &heard(third, at(1)), at(1));
    assert!(matches!(standing, Standing::Blocked { .. }), "{standing:?}");
}

#[test]
fn who_asks_again_and_again_for_what_is_not_granted_blocks_nobody() {
    let opus = class("claude-opus-5-5");
    let asked = |refusals: Refusals, class| refusals.heard(unexplained(), class);
    let opus_alone = (0..10).fold(Refusals::default(), |it, _| asked(it, Some(&opus)));
    assert_eq!(opus_alone.verdict(), None);
    let no_model = (0..10).fold(Refusals::default(), |it, _| asked(it, None));
    assert_eq!(no_model.verdict(), None);
    assert!(asked(opus_alone, None).verdict().is_some());
}

#[test]
fn what_others_say_and_what_is_explained_is_not_counted_and_clears_nothing() {
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
fn a_code_that_nobody_knows_explains_nothing() {
    let body = r#"{"type":"error","error":{"type":"permission_error","message":"x","details":{"error_code":"new_one"}}}"#;
    assert!(after(&[other(body); 3]).verdict().is_some());
}

fn any_answer() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        3 => Just(unexplained()),
        1 => Just(Verdict::ok()),
        1 => prop::sample::select(never_counted()),
    ]
}

proptest! {
    #[test]
    fn only_an_unbroken_row_of_them_comes_to_anything(answers in prop::collection::vec(any_answer(), 0..30)) {
        let since_success = answers.iter().rev().take_while(|verdict| verdict.effect() != Effect::None);
        let row = since_success.filter(|verdict| **verdict == unexplained()).count();
        let refusals = after(&answers);
        prop_assert_eq!(refusals.verdict().is_some(), row >= REFUSALS as usize);
        prop_assert_eq!(refusals.is_clear(), row == 0);
    }
}
