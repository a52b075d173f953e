//! What is found inside other text.

use keyreeve_core::token::{looks_like_a_key, scan};

use super::*;

#[test]
fn a_key_is_found_wherever_it_stands() {
    let key = token("api03-", &"k".repeat(20));
    let own = token("krv_", &"k".repeat(20));
    for (before, after) in [
        ("", ""),
        ("--key=", ""),
        ("ä", "ä"),
        ("\\n", "\\n"),
        ("x", "."),
        ("https://", "@host"),
    ] {
        for key in [&key, &own, &key.to_uppercase()] {
            let text = format!("{before}{key}{after} and {key}");
            let parts: Vec<_> = scan(&text).map(|range| &text[range]).collect();
            assert_eq!(parts, [key, key], "{text}");
            assert!(looks_like_a_key(&text));
        }
    }
}

#[test]
fn words_about_keys_are_no_keys() {
    for text in [
        "",
        "sk-ant-",
        "sk-ant-api03-…",
        "krv_",
        "sk-ant-api03-...wxYZ",
        "KRV_",
        "--profile",
        "work",
        "krv_ab12CD34_…",
        "sk-ant-short",
    ] {
        assert!(!looks_like_a_key(text), "{text}");
    }
}
