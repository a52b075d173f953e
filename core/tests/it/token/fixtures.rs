//! The 57 cases of the published table.

use keyreeve_core::profile::Auth;
use keyreeve_core::token::SHAPE;
use regex::Regex;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Table {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    input_parts: Vec<Part>,
    input_chars: usize,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Part {
    Text(String),
    Repeated { repeat: (String, usize) },
}

#[derive(Deserialize, PartialEq, Debug)]
struct Expect {
    verdict: String,
    family: String,
    fixes: Vec<String>,
    problems: Vec<String>,
    usable_for: String,
    header: Option<String>,
    clean_chars: Option<usize>,
}

fn cases() -> Vec<Case> {
    let table: Table =
        serde_json::from_str(include_str!("../../fixtures/tokens.json")).expect("the table parses");
    table.cases
}

fn input(case: &Case) -> String {
    let parts = case.input_parts.iter().map(|part| match part {
        Part::Text(text) => text.clone(),
        Part::Repeated {
            repeat: (text, times),
        } => text.repeat(*times),
    });
    parts.collect()
}

fn understood(reading: &Reading) -> Expect {
    let family = if reading.family == Family::Opaque {
        "none"
    } else {
        reading.family.code()
    };
    let header = reading.header.map(|header| match header {
        Auth::ApiKey => "x-api-key",
        Auth::Bearer => "authorization",
    });
    Expect {
        verdict: reading.verdict.code().to_owned(),
        family: family.to_owned(),
        fixes: reading
            .fixes
            .iter()
            .map(|fix| fix.code().to_owned())
            .collect(),
        problems: reading
            .problems
            .iter()
            .map(|found| found.kind.code().to_owned())
            .collect(),
        usable_for: reading.usable_for.code().to_owned(),
        header: header.map(ToOwned::to_owned),
        clean_chars: reading.clean_chars,
    }
}

#[test]
fn every_case_is_understood_as_the_table_says() {
    let cases = cases();
    assert_eq!(cases.len(), 57);
    for case in cases {
        let pasted = input(&case);
        assert_eq!(
            pasted.chars().count(),
            case.input_chars,
            "{}: the input",
            case.name
        );
        let reading = read(&pasted, Grammar::Anthropic);
        assert_eq!(understood(&reading), case.expect, "{}", case.name);
        let length = kept(&reading).map(|token| token.chars().count());
        if reading.verdict == Verdict::Reject {
            assert_eq!(length, None, "{}: nothing is kept", case.name);
        } else {
            assert_eq!(
                length, case.expect.clean_chars,
                "{}: what is kept",
                case.name
            );
        }
    }
}

#[test]
fn the_published_shape_finds_every_canonical_token_of_the_table() {
    let shape = Regex::new(SHAPE).unwrap();
    let accepted = cases()
        .into_iter()
        .filter(|case| case.expect.verdict == "accept");
    let mut found = 0;
    for case in accepted {
        let text = input(&case);
        let whole = shape.find(&text).map(|found| found.range());
        assert_eq!(whole, Some(0..text.len()), "{}", case.name);
        found += 1;
    }
    assert_eq!(found, 6);
}
