//! Peeking into request bodies: the fields that are read, and the bodies that are refused as ambiguous.

use keyreeve_core::peek::{MAX_DEPTH, Peek, peek};
use proptest::prelude::*;

/// Returns the fields in one line, or the text of the error.
fn summary(body: &[u8]) -> String {
    match peek(body) {
        Ok(Peek {
            model,
            stream,
            max_tokens,
            user_id,
        }) => {
            let model = model.unwrap_or_else(|| "-".to_owned());
            let max_tokens = max_tokens.map_or_else(|| "-".to_owned(), |count| count.to_string());
            let user_id = user_id.unwrap_or_else(|| "-".to_owned());
            format!("{model} {stream} {max_tokens} {user_id}")
        }
        Err(error) => error.to_string(),
    }
}

fn check(table: &[(&str, &str)]) {
    for (body, expected) in table {
        assert_eq!(summary(body.as_bytes()), *expected, "{body}");
    }
}

#[test]
fn relevant_fields_are_read() {
    check(&[
        ("{}", "- false - -"),
        (r#"{"model":"m"}"#, "m false - -"),
        (
            r#" {"stream": true, "messages": [{"model": "other"}], "model": "m"} "#,
            "m true - -",
        ),
        (r#"{"\u006dodel":"m","max_tokens":1024}"#, "m false 1024 -"),
        (r#"{"model":"a\u00fc\n","max_tokens":0}"#, "aü\n false 0 -"),
        (r#"{"metadata":{"user_id":"u","other":{}}}"#, "- false - u"),
        (r#"{"metadata":{"user_id":null}}"#, "- false - -"),
        // No decision depends on these: they are left to the API.
        (r#"{"metadata":"x"}"#, "- false - -"),
        (r#"{"metadata":{"user_id":7}}"#, "- false - -"),
        (
            r#"{"model":null,"stream":null,"max_tokens":null,"metadata":null}"#,
            "- false - -",
        ),
        (
            r#"{"max_tokens":18446744073709551615}"#,
            "- false 18446744073709551615 -",
        ),
        (
            r#"{"temperature":1e309,"x":-0,"Model":"n","y":"\ud800"}"#,
            "- false - -",
        ),
        (r#"{"x":1,"x":2}"#, "- false - -"),
    ]);
}

#[test]
fn duplicate_key_is_refused_in_any_spelling() {
    check(&[
        (r#"{"model":"a","model":"a"}"#, "model appears twice"),
        (r#"{"model":"a","\u006dodel":"b"}"#, "model appears twice"),
        (
            r#"{"\u006d\u006f\u0064\u0065\u006c":"a","model":null}"#,
            "model appears twice",
        ),
        (
            r#"{"stream":true,"x":1,"stream":false}"#,
            "stream appears twice",
        ),
        (
            r#"{"max_tokens":1,"max\u005ftokens":2}"#,
            "max_tokens appears twice",
        ),
        (r#"{"metadata":{},"metadata":{}}"#, "metadata appears twice"),
    ]);
}

#[test]
fn field_of_the_wrong_type_is_refused_by_name() {
    for value in ["1", "true", "[]", "{}", r#"["m"]"#] {
        assert_eq!(
            summary(format!(r#"{{"model":{value}}}"#).as_bytes()),
            "model must be a string"
        );
    }
    for value in ["1", "0", "\"true\"", "[]"] {
        let body = format!(r#"{{"stream":{value}}}"#);
        assert_eq!(summary(body.as_bytes()), "stream must be true or false");
    }
    for value in [
        "1e309",
        "1e3",
        "-1",
        "1.0",
        "\"1\"",
        "18446744073709551616",
        "true",
        "[1]",
    ] {
        let body = format!(r#"{{"max_tokens":{value}}}"#);
        assert_eq!(
            summary(body.as_bytes()),
            "max_tokens must be a whole number",
            "{value}"
        );
    }
    check(&[(r#"{"model":"\ud800"}"#, "model must be a string")]);
}

#[test]
fn anything_but_one_object_is_refused() {
    for body in [
        "",
        " ",
        "null",
        "[]",
        "\"model\"",
        "7",
        "{",
        "{}{}",
        "{} x",
        r#"{"model":"m"}}"#,
        r#"{"model"}"#,
        r#"{model:"m"}"#,
        r#"{"model":"m",}"#,
        "{'model':'m'}",
        "\u{feff}{}",
        r#"{"x":[}"#,
        r#"{"x":01}"#,
    ] {
        assert_eq!(
            summary(body.as_bytes()),
            "the body is not one JSON object",
            "{body}"
        );
    }
    assert_eq!(summary(b"{\"model\":\"\xff\"}"), "the body is not UTF-8");
    assert_eq!(summary(b"\x1f\x8b\x08"), "the body is not UTF-8");
}

/// Returns an object with a member nested to `depth`; brackets in strings do not count.
fn nested(depth: usize) -> String {
    let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
    format!(r#"{{"a":"[[\"[[\\","x":{open}{close}}}"#)
}

#[test]
fn nesting_is_bounded() {
    assert_eq!(summary(nested(MAX_DEPTH).as_bytes()), "- false - -");
    for depth in [MAX_DEPTH + 1, 10_000] {
        let text = summary(nested(depth).as_bytes());
        assert_eq!(text, "the body is nested deeper than 128 levels");
    }
    assert_eq!(
        summary("[".repeat(100_000).as_bytes()),
        "the body is nested deeper than 128 levels"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(peek(&bytes));
    }

    #[test]
    fn almost_json_never_panics(text in r#"\{("model"|"stream"|:|,|"|\\|\[|\]|\{|\}|1|true|null| ){0,30}"#) {
        drop(peek(text.as_bytes()));
    }

    #[test]
    fn result_equals_that_of_a_tree_parser(model in any::<String>(), stream: bool, max in any::<u64>(), text in any::<String>()) {
        let body = serde_json::json!({
            "model": model, "stream": stream, "max_tokens": max, "metadata": {"user_id": text},
            "messages": [{"role": "user", "content": text}],
        });
        let expected = Peek { model: Some(model), stream, max_tokens: Some(max), user_id: Some(text) };
        prop_assert_eq!(peek(body.to_string().as_bytes()).unwrap(), expected);
    }
}
