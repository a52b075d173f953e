//! Converts a message into stream events (docs/facts.md#streaming).
//!
//! Text is split into several deltas, a tool's input is split inside a string if it has one, a ping follows the first
//! block's start, and `message_delta` has the final counters, cumulative as in the API.

use bytes::Bytes;
use serde::Serialize;

use crate::errors::error_json;
use crate::message::{ContentBlock, Message, MessageUsage, OutputDetails};

/// Maximum number of characters in a text delta.
const DELTA_CHARS: usize = 24;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum StreamEvent<'a> {
    MessageStart {
        message: &'a Message,
    },
    ContentBlockStart {
        index: usize,
        content_block: ContentBlock,
    },
    Ping,
    ContentBlockDelta {
        index: usize,
        delta: BlockDelta<'a>,
    },
    ContentBlockStop {
        index: usize,
    },
    MessageDelta {
        delta: StopFields,
        usage: FinalUsage,
    },
    MessageStop,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum BlockDelta<'a> {
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
struct StopFields {
    stop_reason: Option<&'static str>,
    stop_sequence: Option<&'static str>,
}

/// Counters that `message_delta` repeats.
#[derive(Serialize)]
struct FinalUsage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
}

/// Returns all events of a message's stream.
pub(crate) fn message_events(message: Message) -> Vec<Bytes> {
    let Message {
        content,
        stop_reason,
        stop_sequence,
        usage,
        ..
    } = message;
    let usage_at_start = MessageUsage {
        output_tokens: 1,
        output_tokens_details: None,
        ..usage
    };
    let start = Message {
        content: Vec::new(),
        stop_reason: None,
        stop_sequence: None,
        usage: usage_at_start,
        ..message
    };
    let mut events = vec![encode(&StreamEvent::MessageStart { message: &start })];
    for (index, block) in content.iter().enumerate() {
        let content_block = block.empty();
        events.push(encode(&StreamEvent::ContentBlockStart {
            index,
            content_block,
        }));
        if index == 0 {
            events.push(encode(&StreamEvent::Ping));
        }
        push_deltas(&mut events, index, block);
        events.push(encode(&StreamEvent::ContentBlockStop { index }));
    }
    let usage = FinalUsage {
        input_tokens: usage.input_tokens,
        cache_creation_input_tokens: usage.cache_creation_input_tokens,
        cache_read_input_tokens: usage.cache_read_input_tokens,
        output_tokens: usage.output_tokens,
        output_tokens_details: usage.output_tokens_details,
    };
    let delta = StopFields {
        stop_reason,
        stop_sequence,
    };
    events.push(encode(&StreamEvent::MessageDelta { delta, usage }));
    events.push(encode(&StreamEvent::MessageStop));
    events
}

/// Returns the `error` event that ends a stream.
pub(crate) fn error_event(kind: &str, request_id: &str) -> Bytes {
    encode_event("error", &error_json(kind, request_id))
}

/// Encodes an event with this data.
pub(crate) fn encode_event(name: &str, data: &[u8]) -> Bytes {
    [b"event: ", name.as_bytes(), b"\ndata: ", data, b"\n\n"]
        .concat()
        .into()
}

fn push_deltas(events: &mut Vec<Bytes>, index: usize, block: &ContentBlock) {
    let mut push = |delta| events.push(encode(&StreamEvent::ContentBlockDelta { index, delta }));
    match block {
        ContentBlock::Thinking {
            thinking,
            signature,
        } => {
            for thinking in delta_chunks(thinking) {
                push(BlockDelta::Thinking { thinking });
            }
            push(BlockDelta::Signature { signature });
        }
        ContentBlock::Text { text } => {
            for text in delta_chunks(text) {
                push(BlockDelta::Text { text });
            }
        }
        ContentBlock::ToolUse { input, .. } => {
            let input = input.to_string();
            let (head, tail) = split_inside_a_string(&input);
            for partial_json in ["", head, tail] {
                push(BlockDelta::InputJson { partial_json });
            }
        }
    }
}

/// Splits a text into deltas, at character boundaries.
fn delta_chunks(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest
            .char_indices()
            .nth(DELTA_CHARS)
            .map_or(rest.len(), |(end, _)| end);
        let (chunk, tail) = rest.split_at(end);
        rest = tail;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// Splits a tool's input two characters into its first string value, else in the middle.
fn split_inside_a_string(json: &str) -> (&str, &str) {
    let value = json.find(":\"").map(|at| at + 2);
    let position = value.map_or(json.len() / 2, |start| start + 2);
    json.split_at(json.ceil_char_boundary(position.min(json.len())))
}

fn encode(event: &StreamEvent<'_>) -> Bytes {
    let name = match event {
        StreamEvent::MessageStart { .. } => "message_start",
        StreamEvent::ContentBlockStart { .. } => "content_block_start",
        StreamEvent::Ping => "ping",
        StreamEvent::ContentBlockDelta { .. } => "content_block_delta",
        StreamEvent::ContentBlockStop { .. } => "content_block_stop",
        StreamEvent::MessageDelta { .. } => "message_delta",
        StreamEvent::MessageStop => "message_stop",
    };
    let data = serde_json::to_vec(event).expect("events consist of strings and numbers");
    encode_event(name, &data)
}
