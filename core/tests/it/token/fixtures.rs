//! The 57 cases of the published token table.

use keyreeve_core::profile::Auth;
use keyreeve_core::token::TOKEN_PATTERN;
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
    #[serde(rename = "fixes")]
    repairs: Vec<String>,
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

fn summarize(report: &TokenReport) -> Expect {
    let family = if report.family == Family::Opaque {
        "none"
    } else {
        report.family.code()
    };
    let header = report.header.map(|header| match header {
        Auth::ApiKey => "x-api-key",
        Auth::Bearer => "authorization",
    });
    Expect {
        verdict: report.verdict.code().to_owned(),
        family: family.to_owned(),
        repairs: report
            .repairs
            .iter()
            .map(|repair| repair.code().to_owned())
            .collect(),
        problems: report
            .problems
            .iter()
            .map(|problem| problem.kind.code().to_owned())
            .collect(),
        usable_for: report.usable_for.code().to_owned(),
        header: header.map(ToOwned::to_owned),
        clean_chars: report.clean_chars,
    }
}

#[test]
fn every_case_matches_the_table() {
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
        let report = read(&pasted, Grammar::Anthropic);
        assert_eq!(summarize(&report), case.expect, "{}", case.name);
        let length = accepted_token(&report).map(|token| token.chars().count());
        if report.verdict == TokenVerdict::Reject {
            assert_eq!(length, None, "{}: no token", case.name);
        } else {
            assert_eq!(length, case.expect.clean_chars, "{}: the token", case.name);
        }
    }
}

#[test]
fn published_pattern_matches_every_canonical_token() {
    let pattern = Regex::new(TOKEN_PATTERN).unwrap();
    let accepted = cases()
        .into_iter()
        .filter(|case| case.expect.verdict == "accept");
    let mut count = 0;
    for case in accepted {
        let text = input(&case);
        let token = text.trim_end_matches('\n');
        let range = pattern.find(&text).map(|found| found.range());
        assert_eq!(range, Some(0..token.len()), "{}", case.name);
        count += 1;
    }
    assert_eq!(count, 7);
}
