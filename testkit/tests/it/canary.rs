//! Canaries have shapes that the product accepts, and never print themselves.

use keyreeve_testkit::canary::Canary;

fn is_canonical(value: &str, family: &str) -> bool {
    let body = value
        .strip_prefix("sk-ant-")
        .and_then(|rest| rest.strip_prefix(family));
    body.is_some_and(|body| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        body.len() == 96
            && body.starts_with('-')
            && body.ends_with("AA")
            && body.chars().all(is_plain)
    })
}

#[test]
fn canaries_have_the_canonical_shape_of_their_family() {
    assert!(is_canonical(Canary::api_key("stdin").value(), "api03"));
    assert!(is_canonical(Canary::oauth("environment").value(), "oat01"));
    let wrong = Canary::wrong_virtual_key("header");
    let lengths: Vec<_> = wrong.value().split('_').map(str::len).collect();
    assert_eq!(lengths, [3, 8, 32, 6]);
}

#[test]
fn each_place_has_its_own_canary() {
    let planted = [
        Canary::api_key("stdin"),
        Canary::api_key("std"),
        Canary::oauth("stdin"),
        Canary::wrong_virtual_key("stdin"),
    ];
    for (at, one) in planted.iter().enumerate() {
        for other in &planted[at + 1..] {
            assert_ne!(one.fingerprint(), other.fingerprint(), "{one:?} {other:?}");
        }
    }
}

#[test]
fn canary_does_not_print_itself() {
    assert_eq!(
        format!("{:?}", Canary::api_key("stdin")),
        r#"Canary { label: "stdin", .. }"#
    );
}
