//! Peeking into request bodies: the fields that are read, and the bodies that are refused as ambiguous.

mod other_models;
mod pieces;
mod properties;
mod reference;

use keyreeve_core::peek::{BodyError, MAX_DEPTH, Peek, SyntaxError, peek};

/// Returns the fields in one line, or the text of the error.
fn summary(body: &[u8]) -> String {
    match peek(body) {
        Ok(Peek {
            model,
            stream,
            max_tokens,
            user_id,
            other_models: _,
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
            r#"{"temperature":1e309,"x":-0,"mode":"n","y":"\ud800"}"#,
            "- false - -",
        ),
        (r#"{"metadata":["u"]}"#, "- false - -"),
        (r#"{"metadata":{"x":{"user_id":"u"}}}"#, "- false - -"),
        (r#"{"metadata":{"user_id":"\ud800"}}"#, "- false - -"),
        // Parsers differ about these two: neither is taken.
        (
            r#"{"metadata":{"user_id":"u","\u0075ser_id":"v"}}"#,
            "- false - -",
        ),
        (
            r#"{"metadata":{"user_id":"u","USER_ID":"v"}}"#,
            "- false - -",
        ),
        (
            r#"{"x":{"model":1,"stream":7,"max_tokens":"x"}}"#,
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

/// F-27: a key that differs only in case is read as the relevant one by some parsers.
#[test]
fn case_variant_is_refused_by_name() {
    check(&[
        (
            r#"{"model":"allowed","MODEL":"other"}"#,
            "MODEL may be read as model: rename or remove it",
        ),
        (
            r#"{"Model":"other"}"#,
            "Model may be read as model: rename or remove it",
        ),
        (
            r#"{"\u004dodel":null}"#,
            "Model may be read as model: rename or remove it",
        ),
        (
            r#"{"Stream":true}"#,
            "Stream may be read as stream: rename or remove it",
        ),
        // The two letters outside ASCII that lower to one of it.
        (
            r#"{"\u017ftream":true}"#,
            "ſtream may be read as stream: rename or remove it",
        ),
        (
            "{\"max_to\u{212A}ens\":1}",
            "max_to\u{212A}ens may be read as max_tokens: rename or remove it",
        ),
        (
            r#"{"METADATA":{}}"#,
            "METADATA may be read as metadata: rename or remove it",
        ),
        (
            r#"{"model ":"a","modell":"a","mödel":"a","odel":"a"}"#,
            "- false - -",
        ),
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

/// Bodies that are not one JSON object.
const NOT_AN_OBJECT: &[&str] = &[
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
    r#"{"x":]}"#,
    r#"{"x":[1}"#,
    r#"{"x":[1,]}"#,
    r#"{"x":[,1]}"#,
    r#"{"x":{]}"#,
    r#"{"x":{"y":1]}"#,
    r#"{,"x":1}"#,
    r#"{"x":1 "y":2}"#,
    r#"{"x"::1}"#,
    r#"{"x":}"#,
    r#"{"x":01}"#,
    r#"{"x":1.}"#,
    r#"{"x":.5}"#,
    r#"{"x":-}"#,
    r#"{"x":+1}"#,
    r#"{"x":1e}"#,
    r#"{"x":1e+}"#,
    r#"{"x":1a}"#,
    r#"{"x":nul}"#,
    r#"{"x":nulL}"#,
    r#"{"x":nulll}"#,
    r#"{"x":truefalse}"#,
    r#"{"x":NaN}"#,
    r#"{"x":"\x41"}"#,
    r#"{"x":"\u12g4"}"#,
    r#"{"x":"\u12"}"#,
    "{\"x\":\"a\nb\"}",
    "{\"x\":\"\u{0}\"}",
    "{\"x\":1}\u{0}",
    "{\u{c}}",
    "{\u{a0}}",
    r#"{"\ud800":1}"#,
    "// comment\n{}",
    "\u{1f}\u{8b}",
];

#[test]
fn anything_but_one_object_is_refused() {
    for body in NOT_AN_OBJECT {
        let text = summary(body.as_bytes());
        assert_eq!(text, "the body is not one JSON object", "{body}");
    }
}

#[test]
fn anything_but_utf8_is_refused() {
    for body in [
        &b"{\"model\":\"\xff\"}"[..],
        b"{\"x\":\"\xc0\x80\"}",
        b"{\"x\":\"\xed\xa0\x80\"}",
        b"{\"x\":\"\xf5\x80\x80\x80\"}",
        b"{\"x\":\"\xe2\x82\"}",
        b"{\"x\":\"\xe2\x82",
        b"{\"x\":1}\xff",
    ] {
        assert_eq!(summary(body), "the body is not UTF-8", "{body:?}");
    }
}

#[test]
fn first_error_is_reported_with_its_offset() {
    for (body, offset) in [
        ("[]", 0),
        ("{}{", 2),
        (r#"{"x":[1,2}"#, 9),
        (r#"{"x":"\u00é0","model":1}"#, 10),
        ("{\"x\":\"0123456789abcdef0123456789abcdef\\q\"}", 39),
        (r#"{"x":tru}"#, 8),
        (r#"{"x":1.}"#, 7),
    ] {
        let error = peek(body.as_bytes()).unwrap_err();
        let expected = BodyError::NotAnObject(SyntaxError::Byte(offset));
        assert_eq!(error, expected, "{body}");
    }
    for body in [
        "",
        " ",
        "{",
        r#"{"x"#,
        r#"{"x":1"#,
        r#"{"x":"a\"#,
        r#"{"x":1} "#,
    ] {
        let is_whole = body.ends_with("} ");
        let expected = (!is_whole).then_some(BodyError::NotAnObject(SyntaxError::End));
        assert_eq!(peek(body.as_bytes()).err(), expected, "{body}");
    }
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
    for open in ["[", r#"{"a":"#] {
        let body = format!(r#"{{"messages":{}"#, open.repeat(100_000));
        assert_eq!(
            summary(body.as_bytes()),
            "the body is nested deeper than 128 levels"
        );
    }
}
