//! Random request bodies with markers, decoys and unusual spellings; and a reference implementation of the edit on a
//! tree.

use keyreeve_core::cache_ttl::Ttl;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// JSON in textual form: members in any order and spelling.
#[derive(Clone, Debug)]
pub(super) enum Json {
    Raw(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    /// Formats it with whitespace taken from `gaps` in rotation.
    pub(super) fn text(&self, gaps: &[&str]) -> String {
        let mut gaps = gaps.iter().copied().cycle();
        let mut text = String::new();
        self.write(&mut text, &mut gaps);
        text
    }

    fn write<'g>(&self, to: &mut String, gaps: &mut impl Iterator<Item = &'g str>) {
        let mut gap = |to: &mut String| to.push_str(gaps.next().unwrap_or_default());
        gap(to);
        match self {
            Self::Raw(text) => to.push_str(text),
            Self::Array(elements) => {
                to.push('[');
                for (at, element) in elements.iter().enumerate() {
                    to.push_str(if at == 0 { "" } else { "," });
                    element.write(to, gaps);
                }
                to.push(']');
            }
            Self::Object(members) => {
                to.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    to.push_str(if at == 0 { "" } else { "," });
                    to.push_str(gaps.next().unwrap_or_default());
                    to.push_str(key);
                    to.push_str(gaps.next().unwrap_or_default());
                    to.push(':');
                    value.write(to, gaps);
                }
                to.push('}');
            }
        }
        to.push_str(gaps.next().unwrap_or_default());
    }
}

/// Generates whitespace between two tokens.
pub(super) fn gaps() -> impl Strategy<Value = Vec<&'static str>> {
    vec(select(&["", "", "", " ", "\n\t", "\r\n"][..]), 1..8)
}

/// Generates whole requests.
pub(super) fn request() -> impl Strategy<Value = Json> {
    let content = || prop_oneof![scalar(), array(block(2))];
    let message = object(vec![
        member("role", scalar()),
        member("content", content()),
        member("cache_control", marker()),
    ]);
    let tool = object(vec![
        member("name", scalar()),
        member("input_schema", decoy()),
        member("cache_control", marker()),
    ]);
    object(vec![
        member("model", scalar()),
        member("metadata", decoy()),
        member("tools", array(tool)),
        member("system", content()),
        member("messages", array(message)),
        member("cache_control", marker()),
    ])
}

fn block(levels: u32) -> BoxedStrategy<Json> {
    let plain = || {
        object(vec![
            always(
                "type",
                one_of(&["text", "tool_use", "image", "future_type"]),
            ),
            member("text", scalar()),
            member("input", decoy()),
            member("content", prop_oneof![decoy(), array(decoy())]),
            member("cache_control", marker()),
        ])
    };
    if levels == 0 {
        return plain().boxed();
    }
    let inner = || prop_oneof![scalar(), array(block(levels - 1))];
    let result = object(vec![
        always("type", one_of(&["tool_result", "search_result"])),
        member("content", inner()),
        member("source", scalar()),
        member("cache_control", marker()),
    ]);
    let source = object(vec![
        always("type", one_of(&["content"])),
        member("content", inner()),
        member("cache_control", marker()),
    ]);
    let document = object(vec![
        always("type", one_of(&["document"])),
        member("source", source),
        member("cache_control", marker()),
    ]);
    let compaction = object(vec![
        always("type", one_of(&["compaction"])),
        member("content", scalar()),
        member("tool_changes", array(plain())),
    ]);
    prop_oneof![4 => plain(), 2 => result, 2 => document, 1 => compaction].boxed()
}

/// Generates markers that the API accepts, in several spellings.
fn marker() -> impl Strategy<Value = Json> {
    let ttl = one_of_raw(&[r#""5m""#, r#""1h""#, r#""\u0035m""#, r#""1\u0068""#]);
    prop_oneof![
        1 => Just(Json::Raw("null".to_owned())),
        6 => object(vec![
            always("type", one_of_raw(&[r#""ephemeral""#, r#""ephem\u0065ral""#])),
            member("ttl", ttl),
            member("scope", scalar()),
        ]),
    ]
}

/// Generates data that looks like markers.
fn decoy() -> impl Strategy<Value = Json> {
    let marker = || {
        object(vec![
            always("type", one_of(&["ephemeral", "object"])),
            member("ttl", one_of(&["5m", "1h", "2h"])),
        ])
    };
    object(vec![
        member("cache_control", marker()),
        member(
            "properties",
            object(vec![member("cache_control", marker())]),
        ),
    ])
}

/// Generates scalars, some of which a careless parser would misread.
fn scalar() -> impl Strategy<Value = Json> {
    one_of_raw(&[
        r#""""#,
        r#""\"cache_control\":{\"type\":\"ephemeral\"}""#,
        r#""}]\\""#,
        r#""ü\u00fc\ud83d\ude00{[""#,
        r#"",\"ttl\":\"1h\"""#,
        r#""\\\",\"ttl\":\"5m\"""#,
    ])
}

type MemberStrategy = BoxedStrategy<Option<(String, Json)>>;

/// Generates an object with its members in any order.
fn object(parts: Vec<MemberStrategy>) -> impl Strategy<Value = Json> {
    parts
        .prop_map(|parts| parts.into_iter().flatten().collect::<Vec<_>>())
        .prop_shuffle()
        .prop_map(Json::Object)
}

fn member(key: &'static str, value: impl Strategy<Value = Json> + 'static) -> MemberStrategy {
    let some = (spelled(key), value).prop_map(Some);
    prop_oneof![1 => Just(None), 3 => some].boxed()
}

fn always(key: &'static str, value: impl Strategy<Value = Json> + 'static) -> MemberStrategy {
    (spelled(key), value).prop_map(Some).boxed()
}

/// Generates a key, sometimes with its last letter escaped.
fn spelled(key: &'static str) -> impl Strategy<Value = String> {
    let (start, last) = key.split_at(key.len() - 1);
    let escaped = format!("\"{start}\\u{:04x}\"", u32::from(last.as_bytes()[0]));
    prop_oneof![5 => Just(format!("\"{key}\"")), 1 => Just(escaped)]
}

fn array(element: impl Strategy<Value = Json>) -> impl Strategy<Value = Json> {
    vec(element, 0..4).prop_map(Json::Array)
}

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = Json> {
    select(words).prop_map(|word| Json::Raw(format!("\"{word}\"")))
}

fn one_of_raw(words: &'static [&'static str]) -> impl Strategy<Value = Json> {
    select(words).prop_map(|word| Json::Raw(word.to_owned()))
}

/// Returns the lifetimes of a request's markers in the order in which the API processes them, after setting each
/// editable one to `ttl` if it is given.
pub(super) fn collect_ttls(request: &mut Value, ttl: Option<Ttl>) -> Vec<String> {
    let mut ttls = Vec::new();
    for tool in elements(request.pointer_mut("/tools")) {
        collect_marker_ttl(tool, ttl, &mut ttls);
    }
    for block in elements(request.pointer_mut("/system")) {
        collect_block_ttls(block, ttl, &mut ttls);
    }
    for message in elements(request.pointer_mut("/messages")) {
        for block in elements(message.pointer_mut("/content")) {
            collect_block_ttls(block, ttl, &mut ttls);
        }
    }
    collect_marker_ttl(request, ttl, &mut ttls);
    ttls
}

fn collect_block_ttls(block: &mut Value, ttl: Option<Ttl>, ttls: &mut Vec<String>) {
    let (inner, inner_ttl) = match block["type"].as_str() {
        Some("tool_result" | "search_result") => (block.pointer_mut("/content"), ttl),
        Some("document") => (block.pointer_mut("/source/content"), ttl),
        Some("compaction") => (block.pointer_mut("/tool_changes"), None),
        _ => (None, ttl),
    };
    for block in elements(inner) {
        collect_block_ttls(block, inner_ttl, ttls);
    }
    collect_marker_ttl(block, ttl, ttls);
}

fn collect_marker_ttl(object: &mut Value, ttl: Option<Ttl>, ttls: &mut Vec<String>) {
    let Some(marker) = object.pointer_mut("/cache_control") else {
        return;
    };
    if marker.is_null() {
        return;
    }
    if let Some(ttl) = ttl {
        marker["ttl"] = json!(ttl.as_str());
    }
    ttls.push(marker["ttl"].as_str().unwrap_or("5m").to_owned());
}

fn elements(array: Option<&mut Value>) -> &mut [Value] {
    array
        .and_then(Value::as_array_mut)
        .map(Vec::as_mut_slice)
        .unwrap_or_default()
}
