//! Costs of what each request goes through. These tests are ignored and assert no figure: `cargo xtask bench scan`
//! prints times, and `cargo xtask bench instructions` counts instructions under valgrind.

use std::hint::black_box;

use keyreeve_core::inject::{UpstreamKind, decide, request_header};
use keyreeve_core::peek::{MAX_DEPTH, Scanner, peek};
use keyreeve_core::profile::Provenance;
use keyreeve_core::token::Family;
use keyreeve_core::usage::Meter;
use keyreeve_core::verdict::{ErrorResponse, Verdict};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::select::select_among_three;

/// Size of the pieces in which a body arrives.
const PIECE_BYTES: usize = 16 * 1024;

/// Lines of a source file as a tool shows them, with numbers.
const SOURCE: &str = r#"    12	    /// Returns the profile, or the reason why there is none.
    13	    fn profile(&self, name: &str) -> Result<&Profile, NoProfileError> {
    14	        let Some(profile) = self.profiles.get(name) else {
    15	            tracing::info!("no profile \"{name}\" among {:?}", self.names());
    16	            return Err(NoProfileError::Unknown { name: name.to_owned() });
    17	        };

    19	        Ok(profile)
    20	    }

"#;

/// Returns how often a test repeats its work: `cargo xtask bench instructions` compares two numbers.
fn repeats() -> usize {
    #[expect(
        clippy::disallowed_methods,
        reason = "the command that runs this test chooses the number"
    )]
    let number = std::env::var("KEYREEVE_COST_REPEATS");
    number.map_or(1, |number| number.parse().unwrap())
}

/// A body of about 1 KB with one message.
fn small_body() -> Vec<u8> {
    let text = "Please explain what this function does.\n\nfn main() { println!(\"hi\"); }\n";
    let body = json!({
        "model": "claude-haiku-5-5", "max_tokens": 1024, "stream": true,
        "metadata": {"user_id": "user_1"},
        "messages": [{"role": "user", "content": text.repeat(11)}],
    });
    body.to_string().into_bytes()
}

/// A body of about 200 KB as an agent sends it: tools with schemas, a system prompt, and files that it has read.
fn agent_body() -> Vec<u8> {
    let prose = "Reads a file from the local file system. You can read any file directly — assume that a path is valid. ";
    let property = |name: &str| json!({"type": "string", "description": format!("The {name} to use; see the notes above.")});
    let tools: Vec<Value> = (0..30)
        .map(|number| {
            json!({"name": format!("Tool{number}"), "description": prose.repeat(14), "input_schema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
                "properties": {"path": property("path"), "pattern": property("pattern"), "limit": {"type": "number", "minimum": 0},
                    "mode": {"type": "string", "enum": ["content", "files", "count"]}},
                "required": ["path"], "additionalProperties": false}})
        })
        .collect();
    let source = SOURCE.repeat(11);
    let mut messages = Vec::new();
    for number in 0..16 {
        let id = format!("toolu_{number:020}");
        messages.push(json!({"role": "assistant", "content": [
            {"type": "text", "text": "I'll read that file next, and then change it."},
            {"type": "tool_use", "id": id, "name": "Read", "input": {"file_path": "core/tests/it/costs.rs"}}]}));
        messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": id, "content": source}]}));
    }
    let body = json!({
        "model": "claude-opus-5-5", "max_tokens": 32_000, "stream": true, "metadata": {"user_id": "user_1"},
        "system": [{"type": "text", "text": prose.repeat(60)}], "tools": tools, "messages": messages,
    });
    body.to_string().into_bytes()
}

/// Reads a body as keyreeve did before: its UTF-8, its depth and its grammar in three passes.
fn three_passes(body: &[u8]) -> bool {
    let text = std::str::from_utf8(body).unwrap();
    let (mut depth, mut deepest, mut in_string) = (0_usize, 0, false);
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                bytes.next();
            }
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest <= MAX_DEPTH && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn scan_pieces(body: &[u8]) {
    let mut scanner = Scanner::new();
    for piece in body.chunks(PIECE_BYTES) {
        scanner.push(black_box(piece)).unwrap();
    }
    black_box(scanner.finish()).unwrap();
}

/// Returns the least time of one call, in microseconds.
fn micros(calls: u32, mut act: impl FnMut()) -> f64 {
    #[expect(clippy::disallowed_methods, reason = "this test measures time")]
    let rounds = (0..30).map(|_| {
        let started = std::time::Instant::now();
        (0..calls).for_each(|_| act());
        started.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
    });
    rounds.fold(f64::INFINITY, f64::min)
}

#[test]
#[ignore = "run by cargo xtask bench scan"]
fn print_scan_times() {
    println!("body       bytes   scanned   in pieces   three passes (before)   UTF-8 alone");
    for (name, body, calls) in [("1 KB", small_body(), 2_000), ("200 KB", agent_body(), 20)] {
        let whole = micros(calls, || drop(black_box(peek(black_box(&body)))));
        let pieces = micros(calls, || scan_pieces(&body));
        let before = micros(calls, || {
            black_box(three_passes(black_box(&body)));
        });
        let utf8 = micros(calls, || {
            black_box(std::str::from_utf8(black_box(&body)).is_ok());
        });
        let bytes = body.len();
        println!(
            "{name:<8} {bytes:>7} {whole:>6.2} us {pieces:>8.2} us {before:>20.2} us {utf8:>10.2} us"
        );
    }
}

#[test]
#[ignore = "run by cargo xtask bench instructions"]
fn scan_of_1_kb() {
    let body = small_body();
    (0..repeats()).for_each(|_| scan_pieces(&body));
}

#[test]
#[ignore = "run by cargo xtask bench instructions"]
fn scan_of_200_kb() {
    let body = agent_body();
    (0..repeats()).for_each(|_| scan_pieces(&body));
}

#[test]
#[ignore = "run by cargo xtask bench instructions"]
fn meter_of_one_stream() {
    let stream = include_bytes!("../fixtures/thinking-tools-stream.sse");
    for _ in 0..repeats() {
        let mut meter = Meter::new();
        for piece in stream.chunks(256) {
            meter.feed(black_box(piece));
        }
        drop(black_box(meter.finish()));
    }
}

#[test]
#[ignore = "run by cargo xtask bench instructions"]
fn verdict_on_a_429() {
    let headers = [("retry-after", "12"), ("content-type", "application/json")];
    let body = br#"{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed the rate limit of 50 requests per minute"}}"#;
    let now = "2026-11-20T12:00:00Z".parse().unwrap();
    for _ in 0..repeats() {
        let response = ErrorResponse {
            status: 429,
            headers: &headers,
            body: black_box(body),
        };
        black_box(Verdict::from_response(&response, now).code());
    }
}

#[test]
#[ignore = "run by cargo xtask bench instructions"]
fn injection_of_an_api_key() {
    let names = [
        "content-type",
        "user-agent",
        "x-api-key",
        "anthropic-version",
        "anthropic-beta",
        "accept-encoding",
    ];
    for _ in 0..repeats() {
        let injection = decide(
            UpstreamKind::FirstParty,
            black_box(Family::ApiKey),
            Provenance::Console,
        );
        black_box(&injection).as_ref().unwrap();
        for name in names {
            black_box(request_header(black_box(name)));
        }
    }
}

#[test]
#[ignore = "run by cargo xtask bench instructions"]
fn selection_among_three_profiles() {
    select_among_three(repeats());
}
