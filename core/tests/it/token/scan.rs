//! Tokens found inside other text.

use keyreeve_core::token::{contains_token, scan};

use super::*;

#[test]
fn tokens_are_found_inside_text() {
    let key = token("api03-", &"k".repeat(20));
    let virtual_key = token("krv_", &"k".repeat(20));
    for (before, after) in [
        ("", ""),
        ("--key=", ""),
        ("ä", "ä"),
        ("\\n", "\\n"),
        ("x", "."),
        ("https://", "@host"),
    ] {
        for key in [&key, &virtual_key, &key.to_uppercase()] {
            let text = format!("{before}{key}{after} and {key}");
            let parts: Vec<_> = scan(&text).map(|range| &text[range]).collect();
            assert_eq!(parts, [key, key], "{text}");
            assert!(contains_token(&text));
        }
    }
}

#[test]
fn text_about_keys_is_not_a_token() {
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
        assert!(!contains_token(text), "{text}");
    }
}
