//! Streams: the order of events, their sums, and how they end.

use std::time::Duration;

use keyreeve_core::secret::Fingerprint;
use keyreeve_core::usage::{Meter, meter_body};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{TestResponse, TestSandbox, api_key, message_body};

/// Assembles a message from a stream, as a client does.
fn assemble(response: &TestResponse) -> Value {
    let mut message = Value::Null;
    let mut input = String::new();
    for (name, data) in response.events() {
        assert_eq!(data["type"], name.as_str());
        let index = data["index"]
            .as_u64()
            .and_then(|index| usize::try_from(index).ok());
        match name.as_str() {
            "message_start" => message = data["message"].clone(),
            "content_block_start" => {
                let content = message["content"].as_array_mut().unwrap();
                assert_eq!(index, Some(content.len()));
                content.push(data["content_block"].clone());
            }
            "content_block_delta" => {
                let block = &mut message["content"][index.unwrap()];
                for field in ["text", "thinking", "signature"] {
                    if let Some(more) = data["delta"][field].as_str() {
                        block[field] = json!(format!("{}{more}", block[field].as_str().unwrap()));
                    }
                }
                input.push_str(data["delta"]["partial_json"].as_str().unwrap_or_default());
            }
            "content_block_stop" if !input.is_empty() => {
                let input = std::mem::take(&mut input);
                message["content"][index.unwrap()]["input"] = serde_json::from_str(&input).unwrap();
            }
            "message_delta" => {
                for part in ["delta", "usage"] {
                    let target = if part == "usage" {
                        &mut message["usage"]
                    } else {
                        &mut message
                    };
                    for (field, value) in data[part].as_object().unwrap() {
                        target[field] = value.clone();
                    }
                }
            }
            "content_block_stop" | "ping" | "message_stop" => {}
            _ => panic!("no such event: {name}"),
        }
    }
    message
}

#[tokio::test]
async fn stream_has_the_same_content_as_the_json_response() {
    for more in [
        json!({}),
        json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        json!({"tools": [{"name": "t", "input_schema": {"required": ["q"]}}], "tool_choice": {"type": "any"}}),
        json!({"system": [{"type": "text", "text": "abcd", "cache_control": {"type": "ephemeral"}}]}),
        json!({"max_tokens": 2}),
        json!({"max_tokens": 0}),
    ] {
        let mut both = Vec::new();
        for stream in [false, true] {
            let sandbox = TestSandbox::start().await;
            let mut more = more.clone();
            more["stream"] = json!(stream);
            let response = sandbox.post("a", &more).await;
            assert_eq!((response.status, response.connection_error), (200, None));
            let mut message = if stream {
                assemble(&response)
            } else {
                response.json()
            };
            // Ids come from the body's hash, and the two bodies differ.
            message["id"] = Value::Null;
            for block in message["content"].as_array_mut().unwrap() {
                for field in ["id", "signature"] {
                    block.as_object_mut().unwrap().remove(field);
                }
            }
            both.push(message);
            sandbox.stop().await;
        }
        assert_eq!(both[0], both[1], "{more}");
    }
}

#[tokio::test]
async fn stream_is_metered_like_the_json_response() {
    let sandbox = TestSandbox::start().await;
    let marked = json!({"type": "text", "text": "a".repeat(90), "cache_control": {"type": "ephemeral", "ttl": "1h"}});
    let mut more = json!({"system": [marked], "thinking": {"type": "adaptive"}});
    let whole = meter_body(&sandbox.post("a", &more).await.body);
    more["stream"] = json!(true);
    let stream = sandbox.post("b", &more).await;
    let mut meter = Meter::new();
    meter.feed(&stream.body);
    let metered = meter.finish();
    assert_eq!(metered, whole);
    let tokens = metered.usage.totals();
    assert_eq!(
        (tokens.input, tokens.write_1h, metered.is_complete),
        (10, 23, true)
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn events_follow_the_stream_grammar() {
    let sandbox = TestSandbox::start().await;
    let more = json!({"stream": true, "thinking": {"type": "adaptive"},
        "tools": [{"name": "t", "input_schema": {"required": ["q"]}}], "tool_choice": {"type": "any"}});
    let response = sandbox.post("a", &more).await;
    let names: Vec<String> = response
        .events()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names[..3], ["message_start", "content_block_start", "ping"]);
    assert_eq!(
        names[names.len() - 3..],
        ["content_block_stop", "message_delta", "message_stop"]
    );
    let kinds = |kind: &str| {
        let deltas = response
            .events()
            .into_iter()
            .filter(|(_, data)| data["delta"]["type"] == kind);
        deltas.collect::<Vec<_>>()
    };
    assert!(kinds("text_delta").len() >= 2 && kinds("thinking_delta").len() >= 2);
    assert_eq!(kinds("signature_delta").len(), 1);
    let parts: Vec<String> = kinds("input_json_delta")
        .iter()
        .map(|(_, data)| data["delta"]["partial_json"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(parts, ["", "{\"q\":\"Zü", "rich\"}"]);
    assert_eq!(
        response.header("anthropic-ratelimit-requests-limit"),
        Some("1000")
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn running_stream_completes_before_the_sandbox_stops() {
    let sandbox = TestSandbox::start().await;
    let steps = keyreeve_sandbox::read_script("[{\"pace_ms\": 10}]").unwrap();
    sandbox
        .control
        .script(&Fingerprint::of(&api_key("a")), steps);
    let client = sandbox.client();
    let streaming = async { client.post("a", &json!({"stream": true})).await };
    let stopping = async {
        while sandbox.control.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        sandbox.stop().await;
    };
    let (response, ()) = tokio::join!(streaming, stopping);
    assert_eq!(response.events().last().unwrap().0, "message_stop");
}

#[tokio::test]
async fn each_event_is_flushed_before_the_next() {
    let sandbox = TestSandbox::start().await;
    let script =
        keyreeve_sandbox::read_script("[{\"silent_ms\": 60000, \"after_events\": 2}]").unwrap();
    let key = api_key("a");
    sandbox.control.script(&Fingerprint::of(&key), script);
    let body = message_body(&json!({"stream": true})).to_string();
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\nanthropic-version: 2026-10-21\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(sandbox.addr).await.unwrap();
    stream
        .write_all(format!("{head}{body}").as_bytes())
        .await
        .unwrap();
    let mut got = Vec::new();
    let wait = async {
        while !String::from_utf8_lossy(&got).contains("content_block_start\ndata") {
            assert_ne!(stream.read_buf(&mut got).await.unwrap(), 0);
        }
    };
    tokio::time::timeout(Duration::from_secs(5), wait)
        .await
        .unwrap();
    assert!(!String::from_utf8_lossy(&got).contains("event: ping"));
    drop(stream);
    sandbox.stop().await;
}
