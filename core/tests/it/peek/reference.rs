//! The same reading by `serde_json`, a level at a time: slow, and independent of the scanner.

use std::fmt;

use keyreeve_core::peek::{MAX_DEPTH, MAX_OTHER_MODELS, Peek};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Reads a body; `None` if it is refused.
pub(super) fn reference(body: &[u8]) -> Option<Peek> {
    let text = std::str::from_utf8(body).ok()?;
    if !has_valid_depth(text) {
        return None;
    }
    let mut peek = Peek::default();
    let mut seen = Vec::new();
    for (name, value) in members(text)? {
        let value = value.get();
        let folded = fold(&name);
        if ["model", "stream", "max_tokens", "metadata"].contains(&folded.as_str()) {
            if name != folded || seen.contains(&name) {
                return None;
            }
            seen.push(name.clone());
        }
        match folded.as_str() {
            "model" => peek.model = serde_json::from_str(value).ok()?,
            "stream" => {
                peek.stream = serde_json::from_str::<Option<bool>>(value).ok()? == Some(true);
            }
            "max_tokens" => peek.max_tokens = serde_json::from_str(value).ok()?,
            "metadata" => peek.user_id = user_id(value).ok()?,
            _ if ["messages", "system"].contains(&name.as_str()) => {}
            _ => other_models(value, names_models(&folded), &mut peek.other_models)?,
        }
    }
    Some(peek)
}

struct Refused;

/// Finds the user id that all parsers agree on; an error refuses the body.
fn user_id(metadata: &str) -> Result<Option<String>, Refused> {
    if !metadata.starts_with('{') {
        return Ok(None);
    }
    let mut found = Vec::new();
    for (name, value) in members(metadata).ok_or(Refused)? {
        if fold(&name) == "user_id" {
            found.push((name, value));
        }
    }
    match found.as_slice() {
        [(name, value)] if name == "user_id" => Ok(serde_json::from_str(value.get()).ok()),
        _ => Ok(None),
    }
}

/// Collects the models in a value; `None` if the body is refused.
fn other_models(value: &str, is_model: bool, models: &mut Vec<String>) -> Option<()> {
    if value.starts_with('{') {
        for (name, value) in members(value)? {
            if !["input_schema", "input_examples", "schema"].contains(&name.as_str()) {
                other_models(value.get(), names_models(&fold(&name)), models)?;
            }
        }
    } else if value.starts_with('[') {
        for element in serde_json::from_str::<Vec<&RawValue>>(value).ok()? {
            other_models(element.get(), is_model, models)?;
        }
    } else if value.starts_with('"') && is_model {
        let model: String = serde_json::from_str(value).ok()?;
        if !models.contains(&model) {
            models.push(model);
        }
    }
    (models.len() <= MAX_OTHER_MODELS).then_some(())
}

fn names_models(folded: &str) -> bool {
    let singular = folded.strip_suffix('s').unwrap_or(folded);
    singular.ends_with("model") || singular == "fallback"
}

fn fold(name: &str) -> String {
    name.to_lowercase().replace('ſ', "s")
}

fn has_valid_depth(json: &str) -> bool {
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return false;
        }
    }
    true
}

/// Returns the members of an object, in order, with duplicates.
fn members(object: &str) -> Option<Vec<(String, &RawValue)>> {
    Some(serde_json::from_str::<Members<'_>>(object).ok()?.0)
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
