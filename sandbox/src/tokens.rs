//! Token counts by a simple rule, and the split of a prompt into segments for caching.
//!
//! The rule: characters of all text, divided by 4 and rounded up; 4 for each message; 1,500 for each image or document;
//! 5 for the request. `docs/sandbox.md` defines what counts as text. It is not a tokenizer.

use keyreeve_core::cache_ttl::Ttl;
use serde_json::Value;

use crate::errors::ApiError;

/// A part of the prompt, in the order of caching: tools, system, messages.
pub(crate) struct PromptSegment {
    /// Its contribution to the token count.
    pub(crate) weight: TokenWeight,
    /// Text by which two segments are equal; the cache marker is not part of it.
    pub(crate) identity: String,
    /// Time to live of its cache marker, if it has one. It is reported in the usage; no entry ever expires.
    pub(crate) ttl: Option<Ttl>,
}

/// Characters and fixed tokens, counted separately because the sum of characters is divided only once.
#[derive(Clone, Copy, Default)]
pub(crate) struct TokenWeight {
    characters: u64,
    fixed: u64,
}

/// Fixed tokens of a request.
const REQUEST_OVERHEAD: u64 = 5;
/// Fixed tokens of a message.
const MESSAGE_OVERHEAD: u64 = 4;
/// Tokens of an image or a document.
const ATTACHMENT_TOKENS: u64 = 1_500;
/// Maximum number of cache breakpoints in a request.
const MAX_BREAKPOINTS: usize = 4;

impl TokenWeight {
    /// Returns the number of tokens.
    pub(crate) fn tokens(self) -> u64 {
        self.characters.div_ceil(4) + self.fixed
    }

    /// Adds another weight.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            characters: self.characters + other.characters,
            fixed: self.fixed + other.fixed,
        }
    }

    fn from_text(text: &str) -> Self {
        Self {
            characters: text.chars().count() as u64,
            fixed: 0,
        }
    }
}

/// Counts the tokens of a text.
pub(crate) fn count_text(text: &str) -> u64 {
    TokenWeight::from_text(text).tokens()
}

/// Counts the tokens of a whole prompt.
pub(crate) fn count_prompt(segments: &[PromptSegment]) -> u64 {
    let weight = segments
        .iter()
        .fold(TokenWeight::default(), |sum, each| sum.plus(each.weight));
    weight.tokens() + REQUEST_OVERHEAD
}

/// Splits a request into its segments.
///
/// # Errors
/// A 400 if the cache markers violate the API's rules (docs/facts.md#caching).
pub(crate) fn segments(request: &Value) -> Result<Vec<PromptSegment>, ApiError> {
    let mut segments = Vec::new();
    for tool in elements(&request["tools"]) {
        segments.push(segment(
            "tool",
            tool,
            TokenWeight::from_text(&without_marker(tool).to_string()),
        ));
    }
    for block in elements(&request["system"]) {
        segments.push(segment("system", block, weigh(block)));
    }
    for message in elements(&request["messages"]) {
        let role = message["role"].as_str().unwrap_or_default();
        let mut fixed = MESSAGE_OVERHEAD;
        for block in elements(&message["content"]) {
            let weight = weigh(block).plus(TokenWeight {
                characters: 0,
                fixed,
            });
            segments.push(segment(role, block, weight));
            fixed = 0;
        }
    }
    if let (Some(ttl), Some(last)) = (marker(request), segments.last_mut()) {
        last.ttl.get_or_insert(ttl);
    }
    check_breakpoints(&segments)?;
    Ok(segments)
}

fn check_breakpoints(segments: &[PromptSegment]) -> Result<(), ApiError> {
    let markers: Vec<Ttl> = segments.iter().filter_map(|segment| segment.ttl).collect();
    if markers.len() > MAX_BREAKPOINTS {
        return Err(ApiError::bad_request(format!(
            "A maximum of {MAX_BREAKPOINTS} blocks with cache_control may be provided. Found {}.",
            markers.len()
        )));
    }
    if markers
        .windows(2)
        .any(|pair| pair == [Ttl::FiveMinutes, Ttl::OneHour])
    {
        return Err(ApiError::bad_request(
            "cache_control.ttl: a ttl='1h' block must not come after a ttl='5m' block",
        ));
    }
    Ok(())
}

/// Returns the elements of an array; any other value except null counts as an array of one.
fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::Array(elements) => elements,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            std::slice::from_ref(value)
        }
    }
}

fn segment(role: &str, part: &Value, weight: TokenWeight) -> PromptSegment {
    let identity = format!("{role}\0{}", without_marker(part));
    PromptSegment {
        weight,
        identity,
        ttl: marker(part),
    }
}

fn marker(part: &Value) -> Option<Ttl> {
    let control = part
        .get("cache_control")
        .filter(|control| control.is_object())?;
    Some(if control["ttl"] == "1h" {
        Ttl::OneHour
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

/// Returns the weight of a content block.
fn weigh(block: &Value) -> TokenWeight {
    if let Some(text) = block.as_str() {
        return TokenWeight::from_text(text);
    }
    let text = |field: &str| TokenWeight::from_text(block[field].as_str().unwrap_or_default());
    match block["type"].as_str() {
        Some("text") => text("text"),
        Some("thinking") => text("thinking"),
        Some("image" | "document") => TokenWeight {
            characters: 0,
            fixed: ATTACHMENT_TOKENS,
        },
        Some("tool_use") => text("name").plus(TokenWeight::from_text(&block["input"].to_string())),
        Some("tool_result") => elements(&block["content"])
            .iter()
            .map(weigh)
            .fold(TokenWeight::default(), TokenWeight::plus),
        Some(_) | None => TokenWeight::from_text(&without_marker(block).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn count(request: &Value) -> u64 {
        count_prompt(&segments(request).unwrap())
    }

    #[test]
    fn count_matches_the_recorded_one() {
        let fixture: Value =
            serde_json::from_str(include_str!("../tests/fixtures/count_tokens.json")).unwrap();
        assert_eq!(count(&fixture["request"]), fixture["body"]["input_tokens"]);
    }

    #[test]
    fn each_part_is_counted_by_the_rule() {
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
    fn marker_rules_are_checked() {
        let block = |ttl: &str| json!({"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": ttl}});
        for (ttls, is_valid) in [
            (vec!["1h", "1h", "5m", "5m"], true),
            (vec!["5m"; 5], false),
            (vec!["5m", "1h"], false),
        ] {
            let blocks: Vec<Value> = ttls.iter().map(|ttl| block(ttl)).collect();
            assert_eq!(
                segments(&json!({"system": blocks})).is_ok(),
                is_valid,
                "{ttls:?}"
            );
        }
    }
}
