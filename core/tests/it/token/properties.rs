//! Properties of reading, scanning and redacting arbitrary text.

use std::sync::LazyLock;

use keyreeve_core::token::{TOKEN_PATTERN, contains_token, scan};
use proptest::prelude::*;
use regex::Regex;

use super::*;

static PATTERN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(TOKEN_PATTERN).expect("TOKEN_PATTERN is a regex"));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn reading_never_panics_and_is_idempotent(
        pasted in prop_oneof![any::<String>(), "\\PC{0,40}", "[\"'$%{}<>:=,; \n\r\tsk\\-antpi03_A]{0,60}"],
    ) {
        for grammar in [Grammar::Anthropic, Grammar::Printable] {
            let report = read(&pasted, grammar);
            if let Some(token) = accepted_token(&report) {
                let again = read(token, grammar);
                prop_assert!(again.repairs.is_empty() && again.verdict != TokenVerdict::Reject);
                prop_assert_eq!(accepted_token(&again), Some(token));
            }
        }
        prop_assert!(redact(&pasted).chars().count() <= 20);
        prop_assert_eq!(contains_token(&pasted), scan(&pasted).count() > 0);
    }

    #[test]
    fn repairs_recover_the_token(
        body in "[A-Za-z0-9_-]{93}",
        before in prop_oneof![
            Just(""), Just(" \t"), Just("\u{feff}"), Just("Bearer "), Just("x-api-key: "),
            Just("export ANTHROPIC_API_KEY="), Just("'"), Just("\""), Just("“"), Just("$env:KEY = '"),
        ],
        after in prop_oneof![Just(""), Just("\r\n"), Just(","), Just("'"), Just("\""), Just("”"), Just("';\n")],
    ) {
        let whole = token("api03-", &[body.as_str(), "AA"].concat());
        let report = read(&[before, &whole, after].concat(), Grammar::Anthropic);
        if let Some(clean) = accepted_token(&report) {
            prop_assert_eq!(clean, &whole);
            prop_assert_eq!(read(clean, Grammar::Anthropic).verdict, TokenVerdict::Accept);
        }
    }

    #[test]
    fn no_message_repeats_eight_characters_of_a_body(
        body in "[A-Za-z0-9_-]{40,120}", prefix in 0..PREFIXES.len(), at in 0..40_usize,
        junk in prop_oneof![Just(String::new()), Just("\n".into()), Just("://".into()), any::<char>().prop_map(String::from)],
    ) {
        let mut broken = body.clone();
        broken.insert_str(at, &junk);
        let pasted = token(PREFIXES[prefix].0, &broken);
        for grammar in [Grammar::Anthropic, Grammar::Printable] {
            let shown = messages(&read(&pasted, grammar)) + &redact(&pasted);
            for start in 0..=body.len() - 8 {
                prop_assert!(!shown.contains(&body[start..start + 8]));
            }
        }
    }

    #[test]
    fn published_pattern_and_scan_agree(
        text in "((sk-ant-|SK-ant-|krv_|kra_|krx_)[A-Za-z0-9_-]{0,30}|[ .ä/=]|[a-z]{1,8}){0,6}",
    ) {
        let by_pattern: Vec<_> = PATTERN.find_iter(&text).map(|found| found.range()).collect();
        prop_assert_eq!(scan(&text).collect::<Vec<_>>(), by_pattern);
    }
}
