//! Reads a request's body: what the sandbox needs of it, and the mistakes real clients can meet.
//!
//! Fields it does not know are none of its business: the API gains new ones each month.

use serde_json::Value;

use crate::errors::Refusal;
use crate::models::Models;
use crate::tokens::{Segment, segments};

/// What is asked.
pub(crate) struct Ask {
    pub(crate) model: String,
    pub(crate) segments: Vec<Segment>,
    /// The most tokens to answer with; none in a count.
    pub(crate) max_tokens: Option<u64>,
    pub(crate) shape: Shape,
    pub(crate) thinking: bool,
    pub(crate) tools: Vec<Value>,
    pub(crate) choice: Choice,
    /// The last text the user wrote; empty where the last message has none.
    pub(crate) text: String,
    /// Whether the last message brings a tool's result.
    pub(crate) has_tool_result: bool,
    /// `global`, or `us` where that was asked for.
    pub(crate) inference_geo: &'static str,
}

/// How the answer is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    Whole,
    Stream,
}

/// What `tool_choice` says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Choice {
    Auto,
    Never,
    Any,
    Named(String),
}

/// Which of the two endpoints is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Endpoint {
    Messages,
    CountTokens,
}

impl Ask {
    /// Reads a body.
    pub(crate) fn read(body: &[u8], endpoint: Endpoint, models: &Models) -> Result<Self, Refusal> {
        let request: Value = serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let text = format!("The request body is not valid JSON: line {line} column {column}");
            Refusal::bad_request(text)
        })?;
        if !request.is_object() {
            return Err(Refusal::bad_request(
                "The request body is not valid JSON: not an object",
            ));
        }
        let model = required(&request, "model", Value::as_str)?.to_owned();
        let max_tokens = match endpoint {
            Endpoint::Messages => Some(required(&request, "max_tokens", Value::as_u64)?),
            Endpoint::CountTokens => None,
        };
        let messages = required(&request, "messages", Value::as_array)?;
        if messages.is_empty() {
            let text = "messages: at least one message is required";
            return Err(Refusal::bad_request(text));
        }
        let last = last_turn(messages);
        models.get(&model)?;
        Ok(Self {
            segments: segments(&request)?,
            max_tokens,
            shape: if request["stream"] == true {
                Shape::Stream
            } else {
                Shape::Whole
            },
            thinking: matches!(
                request["thinking"]["type"].as_str(),
                Some("enabled" | "adaptive")
            ),
            tools: request["tools"].as_array().cloned().unwrap_or_default(),
            choice: choice(&request["tool_choice"]),
            text: last_text(last).to_owned(),
            has_tool_result: blocks(last).any(|block| block["type"] == "tool_result"),
            inference_geo: if request["inference_geo"] == "us" {
                "us"
            } else {
                "global"
            },
            model,
        })
    }
}

/// Takes a field that must be there and be what it should.
fn required<'a, T>(
    request: &'a Value,
    field: &str,
    read: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<T, Refusal> {
    let Some(value) = request.get(field) else {
        return Err(Refusal::bad_request(format!("{field}: Field required")));
    };
    read(value).ok_or_else(|| Refusal::bad_request(format!("{field}: Input has the wrong type")))
}

fn choice(value: &Value) -> Choice {
    match (value["type"].as_str(), value["name"].as_str()) {
        (Some("tool"), Some(name)) => Choice::Named(name.to_owned()),
        (Some("any"), _) => Choice::Any,
        (Some("none"), _) => Choice::Never,
        _ => Choice::Auto,
    }
}

fn blocks(message: &Value) -> impl Iterator<Item = &Value> {
    message["content"].as_array().into_iter().flatten()
}

/// The last message of somebody who speaks: newer clients put a message of role `system` behind the user's.
fn last_turn(messages: &[Value]) -> &Value {
    let turn = messages.iter().rfind(|message| message["role"] != "system");
    turn.unwrap_or(&Value::Null)
}

/// The last text of a message of the user's.
fn last_text(message: &Value) -> &str {
    if message["role"] != "user" {
        return "";
    }
    let in_blocks = || {
        blocks(message)
            .filter_map(|block| block["text"].as_str())
            .last()
    };
    message["content"]
        .as_str()
        .or_else(in_blocks)
        .unwrap_or_default()
}
