//! What holds of any text at all.

use std::sync::LazyLock;

use keyreeve_core::token::{SHAPE, looks_like_a_key, scan};
use proptest::prelude::*;
use regex::Regex;

use super::*;

static PUBLISHED: LazyLock<Regex> = LazyLock::new(|| Regex::new(SHAPE).expect("SHAPE is a regex"));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn reading_anything_never_panics_and_what_is_kept_stays(
        pasted in prop_oneof![any::<String>(), "\\PC{0,40}", "[\"'$%{}<>:=,; \n\r\tsk\\-antpi03_A]{0,60}"],
    ) {
        for grammar in [Grammar::Anthropic, Grammar::Printable] {
            let reading = read(&pasted, grammar);
            if let Some(token) = kept(&reading) {
                let again = read(token, grammar);
                prop_assert!(again.fixes.is_empty() && again.verdict != Verdict::Reject);
                prop_assert_eq!(kept(&again), Some(token));
            }
        }
        prop_assert!(redact(&pasted).chars().count() <= 20);
        prop_assert_eq!(looks_like_a_key(&pasted), scan(&pasted).count() > 0);
    }

    #[test]
    fn repairs_give_back_the_token_and_repeating_them_changes_nothing(
        body in "[A-Za-z0-9_-]{93}",
        before in prop_oneof![
            Just(""), Just(" \t"), Just("\u{feff}"), Just("Bearer "), Just("x-api-key: "),
            Just("export ANTHROPIC_API_KEY="), Just("'"), Just("\""), Just("“"), Just("$env:KEY = '"),
        ],
        after in prop_oneof![Just(""), Just("\r\n"), Just(","), Just("'"), Just("\""), Just("”"), Just("';\n")],
    ) {
        let whole = token("api03-", &[body.as_str(), "AA"].concat());
        let reading = read(&[before, &whole, after].concat(), Grammar::Anthropic);
        if let Some(clean) = kept(&reading) {
            prop_assert_eq!(clean, &whole);
            prop_assert_eq!(read(clean, Grammar::Anthropic).verdict, Verdict::Accept);
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
            let told = messages(&read(&pasted, grammar)) + &redact(&pasted);
            for start in 0..=body.len() - 8 {
                prop_assert!(!told.contains(&body[start..start + 8]));
            }
        }
    }

    #[test]
    fn the_published_shape_and_the_scan_agree(
        text in "((sk-ant-|SK-ant-|krv_|kra_|krx_)[A-Za-z0-9_-]{0,30}|[ .ä/=]|[a-z]{1,8}){0,6}",
    ) {
        let by_shape: Vec<_> = PUBLISHED.find_iter(&text).map(|found| found.range()).collect();
        prop_assert_eq!(scan(&text).collect::<Vec<_>>(), by_shape);
    }
}
