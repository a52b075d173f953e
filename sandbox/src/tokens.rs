//! Counts a prompt's tokens by a rule anybody can follow, and cuts it into the segments that caching works on.
//!
//! The rule: characters of all text, divided by 4 and rounded up; 4 for each message; 1,500 for each image or
//! document; 5 for the request. `docs/sandbox.md` tells what counts as text. It is no tokenizer and does not pretend.

use serde_json::Value;

use crate::errors::Refusal;

/// A piece of the prompt in the order in which caching sees it: tools, system, messages.
pub(crate) struct Segment {
    /// What it weighs.
    pub(crate) weight: Weight,
    /// What makes it the same as another one; the cache marker is not part of that.
    pub(crate) identity: String,
    /// The cache marker on it.
    pub(crate) mark: Option<Ttl>,
}

/// How long a cache entry was asked to live. The sandbox prices it, and never lets one expire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ttl {
    FiveMinutes,
    Hour,
}

/// Characters and flat tokens, kept apart because characters are divided only once, in the sum.
#[derive(Clone, Copy, Default)]
pub(crate) struct Weight {
    characters: u64,
    flat: u64,
}

/// Tokens of a request beside its parts.
const REQUEST: u64 = 5;
/// Tokens of a message beside its text.
const MESSAGE: u64 = 4;
/// Tokens of an image or a document.
const ATTACHMENT: u64 = 1_500;
/// The most breakpoints a request may have.
const BREAKPOINTS: usize = 4;

impl Weight {
    /// The tokens this weighs.
    pub(crate) fn tokens(self) -> u64 {
        self.characters.div_ceil(4) + self.flat
    }

    /// This and another.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            characters: self.characters + other.characters,
            flat: self.flat + other.flat,
        }
    }

    fn of_text(text: &str) -> Self {
        Self {
            characters: text.chars().count() as u64,
            flat: 0,
        }
    }
}

/// Counts a text's tokens.
pub(crate) fn of_text(text: &str) -> u64 {
    Weight::of_text(text).tokens()
}

/// Counts a whole prompt's tokens.
pub(crate) fn of_prompt(segments: &[Segment]) -> u64 {
    let weight = segments
        .iter()
        .fold(Weight::default(), |sum, each| sum.plus(each.weight));
    weight.tokens() + REQUEST
}

/// Cuts a request into its segments.
///
/// # Errors
/// A 400 where the cache markers break the API's rules (docs/facts.md#caching).
pub(crate) fn segments(request: &Value) -> Result<Vec<Segment>, Refusal> {
    let mut segments = Vec::new();
    for tool in parts(&request["tools"]) {
        segments.push(segment(
            "tool",
            tool,
            Weight::of_text(&without_marker(tool).to_string()),
        ));
    }
    for block in parts(&request["system"]) {
        segments.push(segment("system", block, weigh(block)));
    }
    for message in parts(&request["messages"]) {
        let role = message["role"].as_str().unwrap_or_default();
        let mut flat = MESSAGE;
        for block in parts(&message["content"]) {
            let weight = weigh(block).plus(Weight {
                characters: 0,
                flat,
            });
            segments.push(segment(role, block, weight));
            flat = 0;
        }
    }
    if let (Some(ttl), Some(last)) = (marker(request), segments.last_mut()) {
        last.mark.get_or_insert(ttl);
    }
    check(&segments)?;
    Ok(segments)
}

fn check(segments: &[Segment]) -> Result<(), Refusal> {
    let marks: Vec<Ttl> = segments.iter().filter_map(|segment| segment.mark).collect();
    if marks.len() > BREAKPOINTS {
        return Err(Refusal::bad_request(format!(
            "A maximum of {BREAKPOINTS} blocks with cache_control may be provided. Found {}.",
            marks.len()
        )));
    }
    if marks
        .windows(2)
        .any(|pair| pair == [Ttl::FiveMinutes, Ttl::Hour])
    {
        return Err(Refusal::bad_request(
            "cache_control.ttl: a ttl='1h' block must not come after a ttl='5m' block",
        ));
    }
    Ok(())
}

/// The elements of a list; anything else but nothing is a list of one.
fn parts(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::Array(elements) => elements,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            std::slice::from_ref(value)
        }
    }
}

fn segment(place: &str, part: &Value, weight: Weight) -> Segment {
    let identity = format!("{place}\0{}", without_marker(part));
    Segment {
        weight,
        identity,
        mark: marker(part),
    }
}

fn marker(part: &Value) -> Option<Ttl> {
    let control = part
        .get("cache_control")
        .filter(|control| control.is_object())?;
    Some(if control["ttl"] == "1h" {
        Ttl::Hour
    } else {
        Ttl::FiveMinutes
    })
}

fn without_marker(part: &Value) -> Value {
    let mut part = part.clone();
    if let Some(fields) = part.as_object_mut() {
        fields.remove("cache_control");
    }
    part
}

/// Weighs a block of content.
fn weigh(block: &Value) -> Weight {
    if let Some(text) = block.as_str() {
        return Weight::of_text(text);
    }
    let text = |field: &str| Weight::of_text(block[field].as_str().unwrap_or_default());
    match block["type"].as_str() {
        Some("text") => text("text"),
        Some("thinking") => text("thinking"),
        Some("image" | "document") => Weight {
            characters: 0,
            flat: ATTACHMENT,
        },
        Some("tool_use") => text("name").plus(Weight::of_text(&block["input"].to_string())),
        Some("tool_result") => parts(&block["content"])
            .iter()
            .map(weigh)
            .fold(Weight::default(), Weight::plus),
        Some(_) | None => Weight::of_text(&without_marker(block).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn count(request: &Value) -> u64 {
        of_prompt(&segments(request).unwrap())
    }

    #[test]
    fn the_recorded_count_is_met() {
        let fixture: Value =
            serde_json::from_str(include_str!("../tests/fixtures/count_tokens.json")).unwrap();
        assert_eq!(count(&fixture["request"]), fixture["body"]["input_tokens"]);
    }

    #[test]
    fn each_part_counts_by_the_rule() {
        let message = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
        for (content, tokens) in [
            (json!(""), 9),
            (json!("1234"), 10),
            (json!("ä✓日本!"), 11),
            (
                json!([{"type": "text", "text": "12"}, {"type": "text", "text": "34"}]),
                10,
            ),
            (json!([{"type": "image", "source": {}}]), 1509),
            (json!([{"type": "tool_use", "name": "ab", "input": {}}]), 10),
            (
                json!([{"type": "tool_result", "content": [{"type": "text", "text": "1234"}]}]),
                10,
            ),
        ] {
            assert_eq!(count(&message(content.clone())), tokens, "{content}");
        }
    }

    #[test]
    fn markers_obey_the_rules() {
        let block = |ttl: &str| json!({"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": ttl}});
        for (ttls, fine) in [
            (vec!["1h", "1h", "5m", "5m"], true),
            (vec!["5m"; 5], false),
            (vec!["5m", "1h"], false),
        ] {
            let blocks: Vec<Value> = ttls.iter().map(|ttl| block(ttl)).collect();
            assert_eq!(
                segments(&json!({"system": blocks})).is_ok(),
                fine,
                "{ttls:?}"
            );
        }
    }
}
