//! Makes the message that answers: always the same words, so that a test can know them.
//!
//! `write N words` in the last user text asks for a text of that length; a tool's result gets a closing line.

use serde::Serialize;
use serde_json::{Value, json};

use crate::ask::Ask;
use crate::cache::Prompt;
use crate::state::Mark;
use crate::tokens;
use crate::tool::{self, Call};

/// A message as the API answers it (docs/facts.md#usage for its counters).
#[derive(Debug, Serialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) r#type: &'static str,
    pub(crate) role: &'static str,
    pub(crate) model: String,
    pub(crate) content: Vec<Block>,
    pub(crate) stop_reason: Option<&'static str>,
    pub(crate) stop_sequence: Option<&'static str>,
    pub(crate) usage: Usage,
}

/// A block of content.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Block {
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

/// What an answer used.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Usage {
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

/// Cache writes by the time they live.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

/// What of the output was thinking.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct OutputDetails {
    pub(crate) thinking_tokens: u64,
}

/// The answer to everything.
const TEXT: &str = "Hello from the keyreeve sandbox! No model has read your message: this text is the same each \
    time. Some letters beyond ASCII, so that your client meets them: ä é ß — ✓ 日本語 🔑";
/// The answer that comes with a tool's call.
const BEFORE_TOOL: &str = "Let me check that for you — one moment.";
/// The answer to a tool's result.
const AFTER_TOOL: &str =
    "Thank you, the tool has answered ✓ That is all the sandbox wanted to know.";
/// What thinking looks like.
const THINKING: &str = "The person wants an answer. I shall give the one I always give — politely.";
/// The words of a text of a length asked for.
const WORDS: [&str; 6] = ["one", "zwei", "três", "четыре", "五", "six"];
/// The most words of such a text.
const WORDS_MOST: usize = 100_000;

/// Answers what was asked.
pub(crate) fn compose(ask: &Ask, prompt: Prompt, mark: Mark) -> Message {
    let call = tool::wanted(ask);
    let mut content = Vec::new();
    if ask.thinking {
        let signature = mark.id("U2FuZGJveA");
        content.push(Block::Thinking {
            thinking: THINKING.to_owned(),
            signature,
        });
    }
    content.push(Block::Text {
        text: text(ask, call.as_ref()),
    });
    let mut stop_reason = "end_turn";
    if let Some(Call { name, input }) = call {
        content.push(Block::ToolUse {
            id: mark.id("toolu_01"),
            name,
            input,
        });
        stop_reason = "tool_use";
    }
    if cut_to(&mut content, ask.max_tokens.unwrap_or(u64::MAX)) {
        stop_reason = "max_tokens";
    }
    Message {
        id: mark.id("msg_01"),
        r#type: "message",
        role: "assistant",
        model: ask.model.clone(),
        usage: usage(ask, prompt, &content),
        content,
        stop_reason: Some(stop_reason),
        stop_sequence: None,
    }
}

impl Block {
    /// The block as a stream starts it: empty.
    pub(crate) fn opening(&self) -> Self {
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

    /// The tokens of it, by the rule that counts prompts too.
    fn tokens(&self) -> u64 {
        match self {
            Self::Thinking { thinking, .. } => tokens::of_text(thinking),
            Self::Text { text } => tokens::of_text(text),
            Self::ToolUse { name, input, .. } => {
                tokens::of_text(name) + tokens::of_text(&input.to_string())
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

fn text(ask: &Ask, call: Option<&Call>) -> String {
    if call.is_some() {
        return BEFORE_TOOL.to_owned();
    }
    if ask.has_tool_result {
        return AFTER_TOOL.to_owned();
    }
    match words_wanted(&ask.text) {
        Some(count) => {
            let words: Vec<&str> = WORDS.into_iter().cycle().take(count).collect();
            words.join(" ")
        }
        None => TEXT.to_owned(),
    }
}

/// The number in "write N words".
fn words_wanted(text: &str) -> Option<usize> {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(3).find_map(|three| {
        let asked = three[0].eq_ignore_ascii_case("write") && three[2].starts_with("words");
        asked
            .then(|| three[1].parse().ok())
            .flatten()
            .map(|count: usize| count.min(WORDS_MOST))
    })
}

/// Cuts the content to so many tokens; says whether anything had to go. A tool's call is whole or not there.
fn cut_to(content: &mut Vec<Block>, most: u64) -> bool {
    let mut left = most;
    let mut is_cut = false;
    content.retain_mut(|block| {
        let tokens = block.tokens();
        if tokens <= left && !is_cut {
            left -= tokens;
            return true;
        }
        let Block::Text { text } = block else {
            is_cut = true;
            return false;
        };
        let characters = usize::try_from(left * 4).unwrap_or(usize::MAX);
        *text = text
            .chars()
            .take(if is_cut { 0 } else { characters })
            .collect();
        is_cut = true;
        !text.is_empty()
    });
    is_cut
}

fn usage(ask: &Ask, prompt: Prompt, content: &[Block]) -> Usage {
    let thinking_tokens = content.iter().map(Block::thinking_tokens).sum();
    Usage {
        input_tokens: prompt.input,
        cache_creation_input_tokens: prompt.write_5m + prompt.write_1h,
        cache_read_input_tokens: prompt.read,
        cache_creation: CacheCreation {
            ephemeral_5m_input_tokens: prompt.write_5m,
            ephemeral_1h_input_tokens: prompt.write_1h,
        },
        output_tokens: content.iter().map(Block::tokens).sum(),
        output_tokens_details: ask.thinking.then_some(OutputDetails { thinking_tokens }),
        service_tier: "standard",
        inference_geo: ask.inference_geo,
    }
}
