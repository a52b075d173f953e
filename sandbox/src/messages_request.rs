//! Parser for the body of a messages or token count request, with the validation errors that real clients see.
//!
//! Unknown fields are ignored: the API gains new ones each month.

use serde_json::Value;

use crate::errors::ApiError;
use crate::models::Models;
use crate::tokens::{PromptSegment, segments};

/// A parsed messages request or token count request.
pub(crate) struct MessagesRequest {
    pub(crate) model: String,
    pub(crate) segments: Vec<PromptSegment>,
    /// `max_tokens`; `None` in a token count request.
    pub(crate) max_tokens: Option<u64>,
    pub(crate) response_mode: ResponseMode,
    pub(crate) thinking: bool,
    pub(crate) tools: Vec<Value>,
    pub(crate) tool_choice: ToolChoice,
    /// The last user text; empty if the last message has none.
    pub(crate) last_user_text: String,
    /// `true` if the last message contains a tool result.
    pub(crate) has_tool_result: bool,
    /// `us` if the request asks for it, otherwise `global`.
    pub(crate) inference_geo: &'static str,
}

/// The requested form of the response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ResponseMode {
    Json,
    Stream,
}

/// The value of `tool_choice`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ToolChoice {
    Auto,
    None,
    Any,
    Named(String),
}

/// The endpoint of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Endpoint {
    Messages,
    CountTokens,
}

impl MessagesRequest {
    /// Parses a request body.
    pub(crate) fn parse(
        body: &[u8],
        endpoint: Endpoint,
        models: &Models,
    ) -> Result<Self, ApiError> {
        let request: Value = serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let text = format!("The request body is not valid JSON: line {line} column {column}");
            ApiError::bad_request(text)
        })?;
        if !request.is_object() {
            return Err(ApiError::bad_request(
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
            return Err(ApiError::bad_request(text));
        }
        let last = last_message(messages);
        models.get(&model)?;
        Ok(Self {
            segments: segments(&request)?,
            max_tokens,
            response_mode: if request["stream"] == true {
                ResponseMode::Stream
            } else {
                ResponseMode::Json
            },
            thinking: matches!(
                request["thinking"]["type"].as_str(),
                Some("enabled" | "adaptive")
            ),
            tools: request["tools"].as_array().cloned().unwrap_or_default(),
            tool_choice: parse_tool_choice(&request["tool_choice"]),
            last_user_text: last_text(last).to_owned(),
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

/// Returns a required field, or the API's 400 if it is missing or has the wrong type.
fn required<'a, T>(
    request: &'a Value,
    field: &str,
    read: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<T, ApiError> {
    let Some(value) = request.get(field) else {
        return Err(ApiError::bad_request(format!("{field}: Field required")));
    };
    read(value).ok_or_else(|| ApiError::bad_request(format!("{field}: Input has the wrong type")))
}

fn parse_tool_choice(value: &Value) -> ToolChoice {
    match (value["type"].as_str(), value["name"].as_str()) {
        (Some("tool"), Some(name)) => ToolChoice::Named(name.to_owned()),
        (Some("any"), _) => ToolChoice::Any,
        (Some("none"), _) => ToolChoice::None,
        _ => ToolChoice::Auto,
    }
}

fn blocks(message: &Value) -> impl Iterator<Item = &Value> {
    message["content"].as_array().into_iter().flatten()
}

/// Returns the last message that is not of role `system`: newer clients append one of these after the user's.
fn last_message(messages: &[Value]) -> &Value {
    let last = messages.iter().rfind(|message| message["role"] != "system");
    last.unwrap_or(&Value::Null)
}

/// Returns the last text of a user message.
fn last_text(message: &Value) -> &str {
    if message["role"] != "user" {
        return "";
    }
    let from_blocks = || {
        blocks(message)
            .filter_map(|block| block["text"].as_str())
            .last()
    };
    message["content"]
        .as_str()
        .or_else(from_blocks)
        .unwrap_or_default()
}
