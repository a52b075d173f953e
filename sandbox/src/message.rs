//! Composes the response message: always the same text, so that tests can rely on it.
//!
//! `write N words` in the last user text requests a text of that length; a tool result gets a closing line.

use serde::Serialize;
use serde_json::{Value, json};

use crate::messages_request::MessagesRequest;
use crate::prompt_cache::PromptTokens;
use crate::response::ResponseIds;
use crate::tokens;
use crate::tool_call::{self, ToolCall};

/// A message as the API returns it (docs/facts.md#usage for its counters).
#[derive(Debug, Serialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) r#type: &'static str,
    pub(crate) role: &'static str,
    pub(crate) model: String,
    pub(crate) content: Vec<ContentBlock>,
    pub(crate) stop_reason: Option<&'static str>,
    pub(crate) stop_sequence: Option<&'static str>,
    pub(crate) usage: MessageUsage,
}

/// A content block.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ContentBlock {
    Thinking {
        thinking: String,
        signature: String,
    },
    Text {
        text: String,
    },
    ToolUse {
        id: String,
        name: String,
        input: Value,
    },
}

/// Token counts of a message.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MessageUsage {
    pub(crate) input_tokens: u64,
    pub(crate) cache_creation_input_tokens: u64,
    pub(crate) cache_read_input_tokens: u64,
    pub(crate) cache_creation: CacheCreation,
    pub(crate) output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output_tokens_details: Option<OutputDetails>,
    pub(crate) service_tier: &'static str,
    pub(crate) inference_geo: &'static str,
}

/// Cache writes by time to live.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

/// The thinking part of the output.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct OutputDetails {
    pub(crate) thinking_tokens: u64,
}

/// The default text.
const DEFAULT_TEXT: &str = "Hello from the keyreeve sandbox! No model has read your message: this text is the same each \
    time. Some letters beyond ASCII, so that your client meets them: ä é ß — ✓ 日本語 🔑";
/// The text before a tool call.
const TOOL_CALL_TEXT: &str = "Let me check that for you — one moment.";
/// The text after a tool result.
const TOOL_RESULT_TEXT: &str =
    "Thank you, the tool has responded ✓ That is all the sandbox needs to know.";
/// The text of a thinking block.
const THINKING_TEXT: &str =
    "The user wants a reply. I will send the one that I always send — politely.";
/// Words that a text of a requested length repeats.
const WORDS: [&str; 6] = ["one", "zwei", "três", "четыре", "五", "six"];
/// Maximum number of words of such a text.
const MAX_WORDS: usize = 100_000;

/// Composes the message for a request.
pub(crate) fn compose(
    request: &MessagesRequest,
    prompt: PromptTokens,
    ids: ResponseIds,
) -> Message {
    let call = tool_call::requested_call(request);
    let mut content = Vec::new();
    if request.thinking {
        let signature = ids.id("U2FuZGJveA");
        content.push(ContentBlock::Thinking {
            thinking: THINKING_TEXT.to_owned(),
            signature,
        });
    }
    content.push(ContentBlock::Text {
        text: text(request, call.as_ref()),
    });
    let mut stop_reason = "end_turn";
    if let Some(ToolCall { name, input }) = call {
        content.push(ContentBlock::ToolUse {
            id: ids.id("toolu_01"),
            name,
            input,
        });
        stop_reason = "tool_use";
    }
    if truncate(&mut content, request.max_tokens.unwrap_or(u64::MAX)) {
        stop_reason = "max_tokens";
    }
    Message {
        id: ids.id("msg_01"),
        r#type: "message",
        role: "assistant",
        model: request.model.clone(),
        usage: usage(request, prompt, &content),
        content,
        stop_reason: Some(stop_reason),
        stop_sequence: None,
    }
}

impl ContentBlock {
    /// Returns the empty block that a stream starts with.
    pub(crate) fn empty(&self) -> Self {
        match self {
            Self::Thinking { .. } => Self::Thinking {
                thinking: String::new(),
                signature: String::new(),
            },
            Self::Text { .. } => Self::Text {
                text: String::new(),
            },
            Self::ToolUse { id, name, .. } => Self::ToolUse {
                id: id.clone(),
                name: name.clone(),
                input: json!({}),
            },
        }
    }

    /// Counts its tokens, by the same rule as prompts.
    fn tokens(&self) -> u64 {
        match self {
            Self::Thinking { thinking, .. } => tokens::count_text(thinking),
            Self::Text { text } => tokens::count_text(text),
            Self::ToolUse { name, input, .. } => {
                tokens::count_text(name) + tokens::count_text(&input.to_string())
            }
        }
    }

    fn thinking_tokens(&self) -> u64 {
        match self {
            Self::Thinking { .. } => self.tokens(),
            Self::Text { .. } | Self::ToolUse { .. } => 0,
        }
    }
}

fn text(request: &MessagesRequest, call: Option<&ToolCall>) -> String {
    if call.is_some() {
        return TOOL_CALL_TEXT.to_owned();
    }
    if request.has_tool_result {
        return TOOL_RESULT_TEXT.to_owned();
    }
    match requested_words(&request.last_user_text) {
        Some(count) => {
            let words: Vec<&str> = WORDS.into_iter().cycle().take(count).collect();
            words.join(" ")
        }
        None => DEFAULT_TEXT.to_owned(),
    }
}

/// Returns the number in "write N words".
fn requested_words(text: &str) -> Option<usize> {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(3).find_map(|three| {
        let is_request = three[0].eq_ignore_ascii_case("write") && three[2].starts_with("words");
        is_request
            .then(|| three[1].parse().ok())
            .flatten()
            .map(|count: usize| count.min(MAX_WORDS))
    })
}

/// Truncates the content to `max` tokens; returns `true` if anything was removed. A tool call is never split.
fn truncate(content: &mut Vec<ContentBlock>, max: u64) -> bool {
    let mut remaining = max;
    let mut is_cut = false;
    content.retain_mut(|block| {
        let tokens = block.tokens();
        if tokens <= remaining && !is_cut {
            remaining -= tokens;
            return true;
        }
        let ContentBlock::Text { text } = block else {
            is_cut = true;
            return false;
        };
        let characters = usize::try_from(remaining * 4).unwrap_or(usize::MAX);
        *text = text
            .chars()
            .take(if is_cut { 0 } else { characters })
            .collect();
        is_cut = true;
        !text.is_empty()
    });
    is_cut
}

fn usage(
    request: &MessagesRequest,
    prompt: PromptTokens,
    content: &[ContentBlock],
) -> MessageUsage {
    let thinking_tokens = content.iter().map(ContentBlock::thinking_tokens).sum();
    MessageUsage {
        input_tokens: prompt.input,
        cache_creation_input_tokens: prompt.write_5m + prompt.write_1h,
        cache_read_input_tokens: prompt.read,
        cache_creation: CacheCreation {
            ephemeral_5m_input_tokens: prompt.write_5m,
            ephemeral_1h_input_tokens: prompt.write_1h,
        },
        output_tokens: content.iter().map(ContentBlock::tokens).sum(),
        output_tokens_details: request
            .thinking
            .then_some(OutputDetails { thinking_tokens }),
        service_tier: "standard",
        inference_geo: request.inference_geo,
    }
}
