//! `inspect`: the report never contains the token.

use keyreeve_testkit::canary::Canary;

use crate::case::{Case, check};

#[test]
fn valid_key_is_described() {
    let (case, canary) = (Case::new(), Canary::api_key("inspect"));
    case.home.plant(&canary);
    check(
        "inspect_good",
        &case,
        &case.feed(&["inspect", "-"], canary.value()),
    );
}

#[test]
fn repairs_are_listed() {
    let (case, canary) = (Case::new(), Canary::api_key("repaired"));
    case.home.plant(&canary);
    let pasted = format!("  export ANTHROPIC_API_KEY=\"{}\"\r\n", canary.value());
    check("inspect_repaired", &case, &case.feed(&["inspect"], pasted));
}

#[test]
fn other_text_is_refused() {
    let case = Case::new();
    check("inspect_nothing", &case, &case.feed(&["inspect"], ""));
    check("inspect_junk", &case, &case.feed(&["inspect"], "not a key"));
    let refused = case
        .feed(&["inspect", "--json"], "not a key")
        .expect_code(4);
    assert_eq!(refused.json()["verdict"], "reject");
}

#[test]
fn inspect_needs_no_store_and_no_home() {
    let (case, canary) = (Case::new(), Canary::api_key("bare"));
    let mut command = case.command(&["inspect", "--json"]);
    command.env_remove("HOME").env_remove("KEYREEVE_HOME");
    let report = case
        .home
        .run_with_input(&mut command, canary.value().as_bytes())
        .expect_code(0)
        .json();
    assert_eq!(report["family"], "api_key");
    assert_eq!(report["header"], "x-api-key");
    assert!(
        !case.home.keyreeve_home().exists(),
        "inspect created a store"
    );
}
