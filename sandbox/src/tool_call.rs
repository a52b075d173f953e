//! Decides whether the response calls a tool, which one, and with which input.
//!
//! It calls one if `tool_choice` forces it or the last user text contains "use the tool", but never if the last message
//! has a tool result. A JSON object after these words is the input; otherwise one is generated from the schema.

use serde_json::{Map, Value, json};

use crate::messages_request::{MessagesRequest, ToolChoice};

/// A tool call.
pub(crate) struct ToolCall {
    pub(crate) name: String,
    pub(crate) input: Value,
}

/// Text that requests a call, in any case.
const TRIGGER: &str = "use the tool";

/// Returns the call to make, if any.
pub(crate) fn requested_call(request: &MessagesRequest) -> Option<ToolCall> {
    if request.has_tool_result || request.tool_choice == ToolChoice::None {
        return None;
    }
    let trigger = request.last_user_text.to_ascii_lowercase().find(TRIGGER);
    let tool = match &request.tool_choice {
        ToolChoice::Named(name) => request
            .tools
            .iter()
            .find(|tool| tool["name"] == name.as_str()),
        ToolChoice::Auto if trigger.is_none() => None,
        ToolChoice::Any | ToolChoice::Auto | ToolChoice::None => {
            let after = trigger.and_then(|at| request.last_user_text.get(at + TRIGGER.len()..));
            find_named_tool(after.unwrap_or_default(), &request.tools)
                .or_else(|| request.tools.first())
        }
    }?;
    let input = trigger.and_then(|at| find_object(request.last_user_text.get(at..)?));
    Some(ToolCall {
        name: tool["name"].as_str()?.to_owned(),
        input: input.unwrap_or_else(|| example_input(&tool["input_schema"])),
    })
}

/// Returns the tool whose name is a word of the text.
fn find_named_tool<'a>(text: &str, tools: &'a [Value]) -> Option<&'a Value> {
    let mut words = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')));
    words.find_map(|word| {
        tools
            .iter()
            .find(|tool| !word.is_empty() && tool["name"] == word)
    })
}

/// Returns the first JSON object in a text.
fn find_object(text: &str) -> Option<Value> {
    let start = text.find('{')?;
    let object = serde_json::Deserializer::from_str(text.get(start..)?)
        .into_iter()
        .next()?
        .ok()?;
    Some(Value::Object(object))
}

/// Returns an input with the properties that a schema requires.
fn example_input(schema: &Value) -> Value {
    let required = schema["required"].as_array().into_iter().flatten();
    let fields = required.filter_map(Value::as_str);
    let input: Map<String, Value> = fields
        .map(|name| (name.to_owned(), example_value(&schema["properties"][name])))
        .collect();
    Value::Object(input)
}

/// Returns a value for a property.
fn example_value(property: &Value) -> Value {
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
        Some("object") => example_input(property),
        Some("null") => Value::Null,
        Some(_) | None => json!("Zürich"),
    }
}
