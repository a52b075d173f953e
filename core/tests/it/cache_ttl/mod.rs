//! The lifetime of prompt caches: what an edit does to a body, and to how little of it.

mod corpus;
mod model;
mod properties;

use keyreeve_core::cache_ttl::{Applied, Edit, Left, PerModel, Ttl, concerns, edit};
use keyreeve_core::token::Family;

use Ttl::{FiveMinutes, OneHour};

/// What became of a body: the edited text, `nothing`, or why it was left.
fn seen(body: &str, ttl: Ttl) -> String {
    match edit(body.as_bytes(), ttl) {
        Edit::Nothing => "nothing".to_owned(),
        Edit::Edited { body, .. } => String::from_utf8(body).unwrap(),
        Edit::Left(left) => Applied::Left(left).to_string(),
    }
}

fn check(ttl: Ttl, table: &[(&str, &str)]) {
    for (body, expected) in table {
        assert_eq!(seen(body, ttl), *expected, "{body}");
    }
}

/// Puts a marker where `@` stands; an edited one where `#` stands.
fn check_place(place: &str) {
    let before = place.replace('@', r#""cache_control":{"type":"ephemeral"}"#);
    let after = place.replace('@', r#""cache_control":{"type":"ephemeral","ttl":"1h"}"#);
    check(OneHour, &[(&before, &after)]);
}

fn check_no_place(place: &str) {
    let body = place.replace('@', r#""cache_control":{"type":"ephemeral"}"#);
    check(OneHour, &[(&body, "nothing")]);
}

/// Such values pass as they came, and such names leave the whole body alone.
#[test]
fn bi_07_what_parsers_read_in_several_ways_is_not_rewritten() {
    for value in [
        "1e999",
        "-0.0",
        "123456789012345678901234567890",
        r#""\ud800""#,
        r#""\u0000""#,
    ] {
        check_place(&format!(
            r#"{{"x":{value},"system":[{{"type":"text","text":{value},@}}]}}"#
        ));
    }
    let marker = r#""cache_control":{"type":"ephemeral"}"#;
    for odd in [
        r#""\ud800":1,@"#,
        "@,@",
        r#"@,"cache\u005fcontrol":{"type":"ephemeral"}"#,
        r#""cache_control":{"type":"ephemeral","type":"ephemeral"}"#,
        r#""cache_control":{"type":"ephemeral","ttl":"5m","tt\u006c":"1h"}"#,
        r#"@,"tools":[],"tools":[]"#,
    ] {
        let body = format!("{{{}}}", odd.replace('@', marker));
        assert!(seen(&body, OneHour).starts_with("left: "), "{body}");
    }
}

/// A body of the largest size could hold half a million.
#[test]
fn ls_03_more_markers_than_any_request_has_are_left_alone() {
    let marker = r#"{"cache_control":{"type":"ephemeral"}}"#;
    for (markers, expected) in [(256, 256), (257, 0)] {
        let body = format!("{{\"tools\":[{}]}}", vec![marker; markers].join(","));
        let edited = match edit(body.as_bytes(), OneHour) {
            Edit::Edited { markers, .. } => markers,
            Edit::Left(Left::Shape) => 0,
            other => unreachable!("{other:?}"),
        };
        assert_eq!(edited, expected, "{markers}");
    }
}

#[test]
fn markers_are_edited_where_the_api_takes_them() {
    for place in [
        "{@}",
        r#"{"tools":[{"name":"a"},{"name":"b",@}]}"#,
        r#"{"tools":[{"type":"web_search_20260318",@,"name":"web_search"}]}"#,
        r#"{"system":[{"type":"text","text":"a",@}]}"#,
        r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a",@}]}]}"#,
        r#"{"messages":[{"role":"system","content":[{"type":"text","text":"a",@}]}]}"#,
        r#"{"messages":[{"role":"user","content":"a"},{"content":[{@,"type":"image"}]}]}"#,
        r#"{"messages":[{"content":[{"type":"of_next_year",@}]}]}"#,
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
        check_place(place);
    }
}

#[test]
fn a_key_of_that_name_elsewhere_is_nobodys_marker() {
    for place in [
        "{}",
        r#"{"metadata":{@}}"#,
        r#"{"container":{@},"thinking":{@},"output_config":{@}}"#,
        r#"{"tools":[{"input_schema":{@,"properties":{@}},"examples":[{@}]}]}"#,
        r#"{"tools":[{"type":"advisor_20260301","caching":{"type":"ephemeral"}}]}"#,
        r#"{"messages":[{@,"role":"user","content":"a"}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_use","input":{@,"content":[{"type":"text",@}]}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"of_next_year","content":[{"type":"text",@}],"source":{@}}]}]}"#,
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
        check_no_place(place);
    }
}

#[test]
fn what_is_passed_over_may_be_nested_deeper_than_a_stack() {
    let deep = ["[".repeat(200_000), "]".repeat(200_000)].concat();
    for place in [
        r#"{"metadata":DEEP,@}"#,
        r#"{"tools":[{"input_schema":{"enum":DEEP},@}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_use","input":DEEP,@}]}]}"#,
    ] {
        check_place(&place.replace("DEEP", &deep));
    }
    let system = format!(r#"{{"system":{deep}}}"#);
    check(OneHour, &[(&system, "left: shape")]);
}

#[test]
fn only_the_ttl_changes_however_it_is_written() {
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
                "nothing",
            ),
        ],
    );
    check(
        FiveMinutes,
        &[
            (r#"{"cache_control":{"type":"ephemeral"}}"#, "nothing"),
            (
                r#"{"cache_control":{"type":"ephemeral","ttl":"5m"}}"#,
                "nothing",
            ),
            (
                "{\"cache_control\":{\"type\":\"ephemeral\",\n\t\"ttl\":\t\"1h\"}}\n",
                "{\"cache_control\":{\"type\":\"ephemeral\",\n\t\"ttl\":\t\"5m\"}}\n",
            ),
        ],
    );
}

#[test]
fn a_mixture_becomes_one_lifetime() {
    let mixed = r#"{"tools":[{"cache_control":{"type":"ephemeral"}}],"system":[{"type":"text","cache_control":{"type":"ephemeral","ttl":"1h"}}]}"#;
    for (ttl, expected) in [(OneHour, 1), (FiveMinutes, 1)] {
        let Edit::Edited { markers, .. } = edit(mixed.as_bytes(), ttl) else {
            panic!("{mixed}")
        };
        assert_eq!(markers, expected, "{ttl}");
    }
}

#[test]
fn a_body_that_is_not_understood_is_left_alone() {
    for (marker, why) in [
        (r#""ephemeral""#, "left: marker"),
        (r#"[{"type":"ephemeral"}]"#, "left: marker"),
        ("true", "left: marker"),
        ("{}", "left: marker"),
        (r#"{"ttl":"5m"}"#, "left: marker"),
        (r#"{"type":"persistent"}"#, "left: marker"),
        (r#"{"type":null,"ttl":"5m"}"#, "left: marker"),
        (r#"{"type":"ephemeral","type":"ephemeral"}"#, "left: marker"),
        (
            r#"{"type":"ephemeral","ttl":"5m","\u0074tl":"5m"}"#,
            "left: marker",
        ),
        (r#"{"type":"ephemeral","ttl":"2h"}"#, "left: ttl"),
        (r#"{"type":"ephemeral","ttl":"5M"}"#, "left: ttl"),
        (r#"{"type":"ephemeral","ttl":300}"#, "left: ttl"),
        (r#"{"type":"ephemeral","ttl":null}"#, "left: ttl"),
    ] {
        // One that is understood beside it changes nothing.
        let body = format!(
            r#"{{"tools":[{{"cache_control":{{"type":"ephemeral"}}}}],"cache_control":{marker}}}"#
        );
        check(OneHour, &[(&body, why)]);
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
        check(OneHour, &[(body, "left: shape")]);
    }
    assert!(seen(&deep(2), OneHour).contains("1h"));
    let not_text = b"{\"cache_control\":{\"type\":\"ephemeral\"},\"x\":\"\xff\"}";
    assert_eq!(edit(not_text, OneHour), Edit::Left(Left::Shape));
}

#[test]
fn what_goes_back_as_it_was_sent_is_not_edited() {
    let body = |fast: &str, free: &str| {
        format!(
            r#"{{"messages":[{{"content":[{{"type":"compaction","tool_changes":[{{"type":"tool_removal","cache_control":{{"type":"ephemeral"{fast}}}}}]}},{{"type":"text","cache_control":{{"type":"ephemeral"{free}}}}}]}}]}}"#
        )
    };
    let hour = r#","ttl":"1h""#;
    check(
        OneHour,
        &[
            (&body("", ""), "left: order"),
            (&body(hour, ""), &body(hour, hour)),
            (&body("", hour), "nothing"),
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
    check(FiveMinutes, &[(&tool_first, "left: order")]);
}

#[test]
fn the_ledger_has_it_in_a_word() {
    for (applied, expected) in [
        (Applied::Set(OneHour, 3), "1h:3"),
        (Applied::Set(FiveMinutes, 0), "5m:0"),
        (Applied::Left(Left::Oauth), "left: oauth"),
    ] {
        assert_eq!(applied.to_string(), expected);
    }
}

#[test]
fn the_most_specific_glob_speaks() {
    let table = PerModel::new(
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
        assert_eq!(table.of(model), Some(expected), "{model}");
    }
    assert_eq!(PerModel::default().of("claude-opus-5-5"), None);
    let exact = PerModel::new([("claude-opus-5".to_owned(), OneHour)]);
    assert_eq!(exact.of("claude-opus-5-5"), None);
}

#[test]
fn oauth_tokens_are_never_concerned() {
    assert!(!concerns(Family::OauthAccess));
    for family in [Family::ApiKey, Family::Opaque, Family::VirtualKey] {
        assert!(concerns(family), "{family:?}");
    }
}
