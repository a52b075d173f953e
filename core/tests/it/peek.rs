//! Looking into request bodies: what is read, and the bodies that two parsers could read in two ways.

use keyreeve_core::peek::{DEEPEST, Peek, peek};
use proptest::prelude::*;

/// The fields as one line, or the refusal's text.
fn seen(body: &[u8]) -> String {
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
        Err(refused) => refused.to_string(),
    }
}

fn check(table: &[(&str, &str)]) {
    for (body, expected) in table {
        assert_eq!(seen(body.as_bytes()), *expected, "{body}");
    }
}

#[test]
fn the_deciding_fields_are_read() {
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
        // Nothing is decided by these: they are the API's to judge.
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
fn a_key_given_twice_is_refused_however_it_is_spelled() {
    check(&[
        (r#"{"model":"a","model":"a"}"#, "model is given twice"),
        (r#"{"model":"a","\u006dodel":"b"}"#, "model is given twice"),
        (
            r#"{"\u006d\u006f\u0064\u0065\u006c":"a","model":null}"#,
            "model is given twice",
        ),
        (
            r#"{"stream":true,"x":1,"stream":false}"#,
            "stream is given twice",
        ),
        (
            r#"{"max_tokens":1,"max\u005ftokens":2}"#,
            "max_tokens is given twice",
        ),
        (
            r#"{"metadata":{},"metadata":{}}"#,
            "metadata is given twice",
        ),
    ]);
}

#[test]
fn a_field_of_another_type_is_refused_by_name() {
    for odd in ["1", "true", "[]", "{}", r#"["m"]"#] {
        assert_eq!(
            seen(format!(r#"{{"model":{odd}}}"#).as_bytes()),
            "model is not a string"
        );
    }
    for odd in ["1", "0", "\"true\"", "[]"] {
        let body = format!(r#"{{"stream":{odd}}}"#);
        assert_eq!(seen(body.as_bytes()), "stream is not true or false");
    }
    for odd in [
        "1e309",
        "1e3",
        "-1",
        "1.0",
        "\"1\"",
        "18446744073709551616",
        "true",
        "[1]",
    ] {
        let body = format!(r#"{{"max_tokens":{odd}}}"#);
        assert_eq!(
            seen(body.as_bytes()),
            "max_tokens is not a whole number",
            "{odd}"
        );
    }
    check(&[(r#"{"model":"\ud800"}"#, "model is not a string")]);
}

#[test]
fn what_is_no_single_object_is_refused() {
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
            seen(body.as_bytes()),
            "the body is not one JSON object",
            "{body}"
        );
    }
    assert_eq!(seen(b"{\"model\":\"\xff\"}"), "the body is not UTF-8");
    assert_eq!(seen(b"\x1f\x8b\x08"), "the body is not UTF-8");
}

/// An object whose one member is nested so deep, brackets in strings not counting.
fn nested(depth: usize) -> String {
    let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
    format!(r#"{{"a":"[[\"[[\\","x":{open}{close}}}"#)
}

#[test]
fn nesting_is_bounded() {
    assert_eq!(seen(nested(DEEPEST).as_bytes()), "- false - -");
    for depth in [DEEPEST + 1, 10_000] {
        let said = seen(nested(depth).as_bytes());
        assert_eq!(said, "the body is nested deeper than 128 levels");
    }
    assert_eq!(
        seen("[".repeat(100_000).as_bytes()),
        "the body is nested deeper than 128 levels"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(peek(&bytes));
    }

    #[test]
    fn almost_json_makes_it_no_panic(text in r#"\{("model"|"stream"|:|,|"|\\|\[|\]|\{|\}|1|true|null| ){0,30}"#) {
        drop(peek(text.as_bytes()));
    }

    #[test]
    fn it_reads_what_a_tree_would(model in any::<String>(), stream: bool, max in any::<u64>(), text in any::<String>()) {
        let body = serde_json::json!({
            "model": model, "stream": stream, "max_tokens": max, "metadata": {"user_id": text},
            "messages": [{"role": "user", "content": text}],
        });
        let expected = Peek { model: Some(model), stream, max_tokens: Some(max), user_id: Some(text) };
        prop_assert_eq!(peek(body.to_string().as_bytes()).unwrap(), expected);
    }
}
