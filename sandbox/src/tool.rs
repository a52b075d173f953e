//! Decides whether the answer calls a tool, which one, and with what.
//!
//! It calls one when `tool_choice` forces it or when the last user text says "use the tool"; never when the last
//! message brings a tool's result. A JSON object behind these words is the input; else one is made from the schema.

use serde_json::{Map, Value, json};

use crate::ask::{Ask, Choice};

/// A call of a tool.
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) input: Value,
}

/// The words that ask for a call, in any case.
const WORDS: &str = "use the tool";

/// The call to make, if any.
pub(crate) fn wanted(ask: &Ask) -> Option<Call> {
    if ask.has_tool_result || ask.choice == Choice::Never {
        return None;
    }
    let words = ask.text.to_ascii_lowercase().find(WORDS);
    let tool = match &ask.choice {
        Choice::Named(name) => ask.tools.iter().find(|tool| tool["name"] == name.as_str()),
        Choice::Auto if words.is_none() => None,
        Choice::Any | Choice::Auto | Choice::Never => {
            let after = words.and_then(|at| ask.text.get(at + WORDS.len()..));
            named_in(after.unwrap_or_default(), &ask.tools).or_else(|| ask.tools.first())
        }
    }?;
    let given = words.and_then(|at| object_in(ask.text.get(at..)?));
    Some(Call {
        name: tool["name"].as_str()?.to_owned(),
        input: given.unwrap_or_else(|| example(&tool["input_schema"])),
    })
}

/// The tool whose name is a word of the text.
fn named_in<'a>(text: &str, tools: &'a [Value]) -> Option<&'a Value> {
    let mut words = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')));
    words.find_map(|word| {
        tools
            .iter()
            .find(|tool| !word.is_empty() && tool["name"] == word)
    })
}

/// The first JSON object in a text.
fn object_in(text: &str) -> Option<Value> {
    let start = text.find('{')?;
    let object = serde_json::Deserializer::from_str(text.get(start..)?)
        .into_iter()
        .next()?
        .ok()?;
    Some(Value::Object(object))
}

/// An input that fits the properties a schema requires.
fn example(schema: &Value) -> Value {
    let required = schema["required"].as_array().into_iter().flatten();
    let fields = required.filter_map(Value::as_str);
    let input: Map<String, Value> = fields
        .map(|name| (name.to_owned(), fitting(&schema["properties"][name])))
        .collect();
    Value::Object(input)
}

/// A value that fits a property.
fn fitting(property: &Value) -> Value {
    if let Some(first) = property["enum"]
        .as_array()
        .and_then(|values| values.first())
    {
        return first.clone();
    }
    match property["type"].as_str() {
        Some("integer" | "number") => json!(7),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") => example(property),
        Some("null") => Value::Null,
        Some(_) | None => json!("Zürich"),
    }
}
