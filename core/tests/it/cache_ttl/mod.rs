//! The lifetime of prompt caches: edits of request bodies, and bodies that are not edited.

mod corpus;
mod model;
mod properties;

use keyreeve_core::cache_ttl::{
    Ttl, TtlByModel, TtlEdit, TtlOutcome, TtlSkipReason, apply_ttl, can_edit,
};
use keyreeve_core::token::Family;

use Ttl::{FiveMinutes, OneHour};

/// Returns the edited text, `unchanged`, or the reason that the body was not edited.
fn result(body: &str, ttl: Ttl) -> String {
    match apply_ttl(body.as_bytes(), ttl) {
        TtlEdit::Unchanged => "unchanged".to_owned(),
        TtlEdit::Edited { body, .. } => String::from_utf8(body).unwrap(),
        TtlEdit::Skipped(reason) => TtlOutcome::Skipped(reason).to_string(),
    }
}

fn check(ttl: Ttl, table: &[(&str, &str)]) {
    for (body, expected) in table {
        assert_eq!(result(body, ttl), *expected, "{body}");
    }
}

/// Checks that a marker in place of `@` is edited.
fn check_edited(template: &str) {
    let before = template.replace('@', r#""cache_control":{"type":"ephemeral"}"#);
    let after = template.replace('@', r#""cache_control":{"type":"ephemeral","ttl":"1h"}"#);
    check(OneHour, &[(&before, &after)]);
}

/// Checks that a key like a marker's in place of `@` is not edited.
fn check_not_edited(template: &str) {
    let body = template.replace('@', r#""cache_control":{"type":"ephemeral"}"#);
    check(OneHour, &[(&body, "unchanged")]);
}

/// BI-07: values that parsers read differently stay unchanged, and ambiguous names prevent any edit.
#[test]
fn ambiguous_json_is_not_rewritten() {
    for value in [
        "1e999",
        "-0.0",
        "123456789012345678901234567890",
        r#""\ud800""#,
        r#""\u0000""#,
    ] {
        check_edited(&format!(
            r#"{{"x":{value},"system":[{{"type":"text","text":{value},@}}]}}"#
        ));
    }
    let marker = r#""cache_control":{"type":"ephemeral"}"#;
    for members in [
        r#""\ud800":1,@"#,
        "@,@",
        r#"@,"cache\u005fcontrol":{"type":"ephemeral"}"#,
        r#""cache_control":{"type":"ephemeral","type":"ephemeral"}"#,
        r#""cache_control":{"type":"ephemeral","ttl":"5m","tt\u006c":"1h"}"#,
        r#"@,"tools":[],"tools":[]"#,
    ] {
        let body = format!("{{{}}}", members.replace('@', marker));
        assert!(result(&body, OneHour).starts_with("skipped: "), "{body}");
    }
}

/// LS-03: a body with more markers than the maximum is not edited; the largest body could contain half a million.
#[test]
fn too_many_markers_are_not_edited() {
    let marker = r#"{"cache_control":{"type":"ephemeral"}}"#;
    for (markers, expected) in [(256, 256), (257, 0)] {
        let body = format!("{{\"tools\":[{}]}}", vec![marker; markers].join(","));
        let edited = match apply_ttl(body.as_bytes(), OneHour) {
            TtlEdit::Edited { markers, .. } => markers,
            TtlEdit::Skipped(TtlSkipReason::Shape) => 0,
            other => unreachable!("{other:?}"),
        };
        assert_eq!(edited, expected, "{markers}");
    }
}

#[test]
fn markers_are_edited_where_the_api_accepts_them() {
    for template in [
        "{@}",
        r#"{"tools":[{"name":"a"},{"name":"b",@}]}"#,
        r#"{"tools":[{"type":"web_search_20260318",@,"name":"web_search"}]}"#,
        r#"{"system":[{"type":"text","text":"a",@}]}"#,
        r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a",@}]}]}"#,
        r#"{"messages":[{"role":"system","content":[{"type":"text","text":"a",@}]}]}"#,
        r#"{"messages":[{"role":"user","content":"a"},{"content":[{@,"type":"image"}]}]}"#,
        r#"{"messages":[{"content":[{"type":"future_type",@}]}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_use","input":{},@}]}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_result","content":"a",@}]}]}"#,
        r#"{"messages":[{"content":[{"content":[{"type":"text",@}],"type":"tool_result"}]}]}"#,
        r#"{"messages":[{"content":[{"type":"search_result","source":"a","content":[{"type":"text",@}]}]}]}"#,
        r#"{"messages":[{"content":[{"type":"document","source":{"type":"content","content":[{"type":"text",@}]}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_result","content":[{"type":"document","source":{"content":[{"type":"text",@}]}}]}]}]}"#,
        r#"{"messages":[{"content":[{"type":"web_fetch_tool_result","content":{"type":"web_fetch_result","content":{"type":"document",@}}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_search_tool_result","content":{"tool_references":[{"type":"tool_reference",@}]}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_addition","tool":{"type":"tool_definition","definition":{"name":"a",@}}}]}]}"#,
    ] {
        check_edited(template);
    }
}

#[test]
fn same_key_in_other_positions_is_not_a_marker() {
    for template in [
        "{}",
        r#"{"metadata":{@}}"#,
        r#"{"container":{@},"thinking":{@},"output_config":{@}}"#,
        r#"{"tools":[{"input_schema":{@,"properties":{@}},"examples":[{@}]}]}"#,
        r#"{"tools":[{"type":"advisor_20260301","caching":{"type":"ephemeral"}}]}"#,
        r#"{"messages":[{@,"role":"user","content":"a"}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_use","input":{@,"content":[{"type":"text",@}]}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"future_type","content":[{"type":"text",@}],"source":{@}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"text","content":[{"type":"text",@}],"citations":[{@}]}]}]}"#,
        r#"{"messages":[{"content":[{"type":"document","source":{@}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"document","source":"text","context":"a"}]}]}"#,
        r#"{"system":"\"cache_control\":{\"type\":\"ephemeral\"}"}"#,
        r#"{"system":"}],\\\"@"}"#.replace('@', "cache_control").as_str(),
        r#"{"cache_control":null,"tools":null,"system":null,"messages":null}"#,
        r#"{"system":[{"type":"text","cache_control":null}],"messages":[{"content":null}]}"#,
        r#"{"system":[],"tools":[],"messages":[]}"#,
        r#"{"Cache_Control":{"type":"ephemeral"},"cache_control ":{"type":"ephemeral"}}"#,
    ] {
        check_not_edited(template);
    }
}

#[test]
fn skipped_values_may_be_nested_deeper_than_the_stack() {
    let deep = ["[".repeat(200_000), "]".repeat(200_000)].concat();
    for template in [
        r#"{"metadata":DEEP,@}"#,
        r#"{"tools":[{"input_schema":{"enum":DEEP},@}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_use","input":DEEP,@}]}]}"#,
    ] {
        check_edited(&template.replace("DEEP", &deep));
    }
    let system = format!(r#"{{"system":{deep}}}"#);
    check(OneHour, &[(&system, "skipped: shape")]);
}

#[test]
fn only_the_ttl_changes_in_any_spelling() {
    check(
        OneHour,
        &[
            (
                r#"{ "cache_control" : { "type" : "ephemeral" } , "x":1.0e+0 }"#,
                r#"{ "cache_control" : { "type" : "ephemeral","ttl":"1h" } , "x":1.0e+0 }"#,
            ),
            (
                r#"{"cache_control":{"type":"ephemeral","scope":"global"}}"#,
                r#"{"cache_control":{"type":"ephemeral","ttl":"1h","scope":"global"}}"#,
            ),
            (
                r#"{"cache_control":{"ttl":"5m","type":"ephemeral"}}"#,
                r#"{"cache_control":{"ttl":"1h","type":"ephemeral"}}"#,
            ),
            (
                r#"{"cache\u005fcontrol":{"t\u0079pe":"\u0065phemeral","tt\u006c": "\u0035m"}}"#,
                r#"{"cache\u005fcontrol":{"t\u0079pe":"\u0065phemeral","tt\u006c": "1h"}}"#,
            ),
            (
                r#"{"cache_control":{"type":"ephemeral"},"system":[{"type":"text","cache_control":{"type":"ephemeral"}}]}"#,
                r#"{"cache_control":{"type":"ephemeral","ttl":"1h"},"system":[{"type":"text","cache_control":{"type":"ephemeral","ttl":"1h"}}]}"#,
            ),
            (
                r#"{"cache_control":{"type":"ephemeral","ttl":"\u0031h"}}"#,
                "unchanged",
            ),
        ],
    );
    check(
        FiveMinutes,
        &[
            (r#"{"cache_control":{"type":"ephemeral"}}"#, "unchanged"),
            (
                r#"{"cache_control":{"type":"ephemeral","ttl":"5m"}}"#,
                "unchanged",
            ),
            (
                "{\"cache_control\":{\"type\":\"ephemeral\",\n\t\"ttl\":\t\"1h\"}}\n",
                "{\"cache_control\":{\"type\":\"ephemeral\",\n\t\"ttl\":\t\"5m\"}}\n",
            ),
        ],
    );
}

#[test]
fn mixed_lifetimes_become_one() {
    let mixed = r#"{"tools":[{"cache_control":{"type":"ephemeral"}}],"system":[{"type":"text","cache_control":{"type":"ephemeral","ttl":"1h"}}]}"#;
    for (ttl, expected) in [(OneHour, 1), (FiveMinutes, 1)] {
        let TtlEdit::Edited { markers, .. } = apply_ttl(mixed.as_bytes(), ttl) else {
            panic!("{mixed}")
        };
        assert_eq!(markers, expected, "{ttl}");
    }
}

#[test]
fn malformed_body_is_not_edited() {
    for (marker, reason) in [
        (r#""ephemeral""#, "skipped: marker"),
        (r#"[{"type":"ephemeral"}]"#, "skipped: marker"),
        ("true", "skipped: marker"),
        ("{}", "skipped: marker"),
        (r#"{"ttl":"5m"}"#, "skipped: marker"),
        (r#"{"type":"persistent"}"#, "skipped: marker"),
        (r#"{"type":null,"ttl":"5m"}"#, "skipped: marker"),
        (
            r#"{"type":"ephemeral","type":"ephemeral"}"#,
            "skipped: marker",
        ),
        (
            r#"{"type":"ephemeral","ttl":"5m","\u0074tl":"5m"}"#,
            "skipped: marker",
        ),
        (r#"{"type":"ephemeral","ttl":"2h"}"#, "skipped: ttl"),
        (r#"{"type":"ephemeral","ttl":"5M"}"#, "skipped: ttl"),
        (r#"{"type":"ephemeral","ttl":300}"#, "skipped: ttl"),
        (r#"{"type":"ephemeral","ttl":null}"#, "skipped: ttl"),
    ] {
        // A valid marker next to it makes no difference.
        let body = format!(
            r#"{{"tools":[{{"cache_control":{{"type":"ephemeral"}}}}],"cache_control":{marker}}}"#
        );
        check(OneHour, &[(&body, reason)]);
    }
    let marked = r#"{"type":"text","cache_control":{"type":"ephemeral"}}"#;
    let deep = |levels: usize| {
        let result = r#"{"type":"tool_result","content":["#;
        format!(
            r#"{{"system":[{}{marked}{}]}}"#,
            result.repeat(levels),
            "]}".repeat(levels)
        )
    };
    for body in [
        "",
        "null",
        "[]",
        r#"{"cache_control":{"type":"ephemeral"}"#,
        r#"{"cache_control":{"type":"ephemeral"}} {}"#,
        r#"{"cache_control":{"type":"ephemeral"},"cache_control":null}"#,
        r#"{"messages":[],"m\u0065ssages":[]}"#,
        r#"{"system":[{"type":"text","cache_control":null,"cache_control":{"type":"ephemeral"}}]}"#,
        r#"{"system":[{"text":"a","cache_control":{"type":"ephemeral"}}]}"#,
        r#"{"system":{"type":"text","cache_control":{"type":"ephemeral"}}}"#,
        r#"{"messages":[{"content":{"type":"text","cache_control":{"type":"ephemeral"}}}]}"#,
        r#"{"messages":[["user",[{"type":"text","cache_control":{"type":"ephemeral"}}]]]}"#,
        r#"{"messages":[{"content":["text"]}]}"#,
        r#"{"tools":{"cache_control":{"type":"ephemeral"}}}"#,
        &deep(9),
    ] {
        check(OneHour, &[(body, "skipped: shape")]);
    }
    assert!(result(&deep(2), OneHour).contains("1h"));
    let not_text = b"{\"cache_control\":{\"type\":\"ephemeral\"},\"x\":\"\xff\"}";
    assert_eq!(
        apply_ttl(not_text, OneHour),
        TtlEdit::Skipped(TtlSkipReason::Shape)
    );
}

#[test]
fn content_to_be_returned_unchanged_is_not_edited() {
    let body = |fixed: &str, editable: &str| {
        format!(
            r#"{{"messages":[{{"content":[{{"type":"compaction","tool_changes":[{{"type":"tool_removal","cache_control":{{"type":"ephemeral"{fixed}}}}}]}},{{"type":"text","cache_control":{{"type":"ephemeral"{editable}}}}}]}}]}}"#
        )
    };
    let hour = r#","ttl":"1h""#;
    check(
        OneHour,
        &[
            (&body("", ""), "skipped: order"),
            (&body(hour, ""), &body(hour, hour)),
            (&body("", hour), "unchanged"),
        ],
    );
    check(
        FiveMinutes,
        &[
            (&body("", hour), &body("", r#","ttl":"5m""#)),
            (&body(hour, hour), &body(hour, r#","ttl":"5m""#)),
        ],
    );
    let tool_first = body(hour, "").replacen(
        '{',
        r#"{"tools":[{"cache_control":{"type":"ephemeral","ttl":"1h"}}],"#,
        1,
    );
    check(FiveMinutes, &[(&tool_first, "skipped: order")]);
}

#[test]
fn outcome_is_formatted_for_the_ledger() {
    for (outcome, expected) in [
        (TtlOutcome::Set(OneHour, 3), "1h:3"),
        (TtlOutcome::Set(FiveMinutes, 0), "5m:0"),
        (TtlOutcome::Skipped(TtlSkipReason::Oauth), "skipped: oauth"),
    ] {
        assert_eq!(outcome.to_string(), expected);
    }
}

#[test]
fn most_specific_glob_applies() {
    let table = TtlByModel::new(
        [
            ("*", FiveMinutes),
            ("claude-*", OneHour),
            ("claude-opus-?-5", FiveMinutes),
            ("claude-opus-*-5", OneHour),
            ("claude-opus-5-5", OneHour),
            ("claude-haiku-*-with-a-long-name", OneHour),
            ("claude-haiku-4-5", FiveMinutes),
        ]
        .map(|(glob, ttl)| (glob.to_owned(), ttl)),
    );
    for (model, expected) in [
        ("claude-opus-5-5", OneHour),
        // `*` comes before `?` in the alphabet.
        ("claude-opus-4-5", OneHour),
        ("claude-haiku-4-5", FiveMinutes),
        ("claude-haiku-4-5-20251001", OneHour),
        ("gpt", FiveMinutes),
        ("", FiveMinutes),
    ] {
        assert_eq!(table.for_model(model), Some(expected), "{model}");
    }
    assert_eq!(TtlByModel::default().for_model("claude-opus-5-5"), None);
    let exact = TtlByModel::new([("claude-opus-5".to_owned(), OneHour)]);
    assert_eq!(exact.for_model("claude-opus-5-5"), None);
}

#[test]
fn requests_with_oauth_tokens_are_never_edited() {
    assert!(!can_edit(Family::OauthAccess));
    for family in [Family::ApiKey, Family::Opaque, Family::VirtualKey] {
        assert!(can_edit(family), "{family:?}");
    }
}
