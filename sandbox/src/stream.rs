//! Tells a message as the events of a stream (docs/facts.md#streaming).
//!
//! Texts come in several deltas, a tool's input is split inside a string where it has one, a ping follows the first
//! block's start, and the final counters come with `message_delta`, cumulative as the API sends them.

use bytes::Bytes;
use serde::Serialize;

use crate::errors::envelope;
use crate::reply::{Block, Message, OutputDetails, Usage};

/// Characters of text in one delta.
const DELTA: usize = 24;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event<'a> {
    MessageStart { message: &'a Message },
    ContentBlockStart { index: usize, content_block: Block },
    Ping,
    ContentBlockDelta { index: usize, delta: Delta<'a> },
    ContentBlockStop { index: usize },
    MessageDelta { delta: Ending, usage: FinalUsage },
    MessageStop,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Delta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
}

#[derive(Serialize)]
struct Ending {
    stop_reason: Option<&'static str>,
    stop_sequence: Option<&'static str>,
}

/// The counters that `message_delta` repeats.
#[derive(Serialize)]
struct FinalUsage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
}

/// The events of a whole stream.
pub(crate) fn events(message: Message) -> Vec<Bytes> {
    let Message {
        content,
        stop_reason,
        stop_sequence,
        usage,
        ..
    } = message;
    let usage_at_start = Usage {
        output_tokens: 1,
        output_tokens_details: None,
        ..usage
    };
    let opening = Message {
        content: Vec::new(),
        stop_reason: None,
        stop_sequence: None,
        usage: usage_at_start,
        ..message
    };
    let mut events = vec![written(&Event::MessageStart { message: &opening })];
    for (index, block) in content.iter().enumerate() {
        let content_block = block.opening();
        events.push(written(&Event::ContentBlockStart {
            index,
            content_block,
        }));
        if index == 0 {
            events.push(written(&Event::Ping));
        }
        write_deltas(&mut events, index, block);
        events.push(written(&Event::ContentBlockStop { index }));
    }
    let usage = FinalUsage {
        input_tokens: usage.input_tokens,
        cache_creation_input_tokens: usage.cache_creation_input_tokens,
        cache_read_input_tokens: usage.cache_read_input_tokens,
        output_tokens: usage.output_tokens,
        output_tokens_details: usage.output_tokens_details,
    };
    let delta = Ending {
        stop_reason,
        stop_sequence,
    };
    events.push(written(&Event::MessageDelta { delta, usage }));
    events.push(written(&Event::MessageStop));
    events
}

/// The event that ends a stream with an error.
pub(crate) fn error(kind: &str, request_id: &str) -> Bytes {
    named("error", &envelope(kind, request_id))
}

/// An event with these data.
pub(crate) fn named(name: &str, data: &[u8]) -> Bytes {
    [b"event: ", name.as_bytes(), b"\ndata: ", data, b"\n\n"]
        .concat()
        .into()
}

fn write_deltas(events: &mut Vec<Bytes>, index: usize, block: &Block) {
    let mut push = |delta| events.push(written(&Event::ContentBlockDelta { index, delta }));
    match block {
        Block::Thinking {
            thinking,
            signature,
        } => {
            for thinking in pieces(thinking) {
                push(Delta::Thinking { thinking });
            }
            push(Delta::Signature { signature });
        }
        Block::Text { text } => {
            for text in pieces(text) {
                push(Delta::Text { text });
            }
        }
        Block::ToolUse { input, .. } => {
            let input = input.to_string();
            let (head, tail) = split_inside_a_string(&input);
            for partial_json in ["", head, tail] {
                push(Delta::InputJson { partial_json });
            }
        }
    }
}

/// Cuts a text into deltas, at characters.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest
            .char_indices()
            .nth(DELTA)
            .map_or(rest.len(), |(end, _)| end);
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Splits a tool's input two characters into its first string value, else in the middle.
fn split_inside_a_string(json: &str) -> (&str, &str) {
    let value = json.find(":\"").map(|at| at + 2);
    let wanted = value.map_or(json.len() / 2, |start| start + 2);
    json.split_at(json.ceil_char_boundary(wanted.min(json.len())))
}

fn written(event: &Event<'_>) -> Bytes {
    let name = match event {
        Event::MessageStart { .. } => "message_start",
        Event::ContentBlockStart { .. } => "content_block_start",
        Event::Ping => "ping",
        Event::ContentBlockDelta { .. } => "content_block_delta",
        Event::ContentBlockStop { .. } => "content_block_stop",
        Event::MessageDelta { .. } => "message_delta",
        Event::MessageStop => "message_stop",
    };
    let data = serde_json::to_vec(event).expect("events are made of strings and numbers");
    named(name, &data)
}
