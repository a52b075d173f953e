//! JSON responses: text, counters, thinking, tools, caching, invalid requests.

use serde_json::{Value, json};

use crate::client::{TestSandbox, message_body};

#[tokio::test]
async fn message_has_the_headers_and_counters_of_the_api() {
    let sandbox = TestSandbox::start().await;
    let response = sandbox.post("a", &json!({})).await;
    assert_eq!(response.status, 200);
    let json = response.json();
    assert_eq!(
        (&json["type"], &json["role"]),
        (&json!("message"), &json!("assistant"))
    );
    assert!(json["id"].as_str().unwrap().starts_with("msg_01"));
    assert_eq!(
        (&json["model"], &json["stop_reason"]),
        (&json!("claude-haiku-5-5"), &json!("end_turn"))
    );
    assert!(json["content"][0]["text"].as_str().unwrap().contains('✓'));
    let usage = &json["usage"];
    assert_eq!(
        (&usage["input_tokens"], &usage["cache_read_input_tokens"]),
        (&json!(11), &json!(0))
    );
    assert!(usage["output_tokens"].as_u64().unwrap() > 20);
    assert_eq!(
        (&usage["service_tier"], &usage["inference_geo"]),
        (&json!("standard"), &json!("global"))
    );
    for (name, value) in [
        ("content-type", "application/json"),
        ("anthropic-ratelimit-requests-limit", "1000"),
        ("anthropic-ratelimit-requests-remaining", "999"),
        ("anthropic-ratelimit-input-tokens-remaining", "799989"),
        (
            "anthropic-ratelimit-output-tokens-reset",
            "2026-11-20T12:00:01Z",
        ),
        ("date", "Fri, 20 Nov 2026 12:00:00 GMT"),
    ] {
        assert_eq!(response.header(name), Some(value), "{name}");
    }
    assert!(
        response
            .header("request-id")
            .unwrap()
            .starts_with("req_011C")
    );
    assert_eq!(
        response.header("anthropic-organization-id").unwrap().len(),
        36
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn same_requests_in_the_same_order_get_the_same_bytes() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let sandbox = TestSandbox::start().await;
        let first = sandbox.post("a", &json!({})).await;
        let second = sandbox.post("a", &json!({})).await;
        assert_ne!(first.json()["id"], second.json()["id"]);
        runs.push((first.headers, first.body, second.headers, second.body));
        sandbox.stop().await;
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn prompt_is_written_to_the_cache_and_then_read() {
    let sandbox = TestSandbox::start().await;
    let marked = |ttl: &str| json!({"type": "ephemeral", "ttl": ttl});
    let request = json!({"system": [
        {"type": "text", "text": "a".repeat(400), "cache_control": marked("1h")},
        {"type": "text", "text": "b".repeat(40), "cache_control": marked("5m")},
    ]});
    let first = sandbox.post("a", &request).await.json()["usage"].clone();
    assert_eq!(first["cache_creation_input_tokens"], 110);
    let split = json!({"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 100});
    assert_eq!(
        (&first["cache_creation"], &first["input_tokens"]),
        (&split, &json!(11))
    );
    let second = sandbox.post("a", &request).await.json()["usage"].clone();
    assert_eq!(
        (
            &second["cache_read_input_tokens"],
            &second["cache_creation_input_tokens"]
        ),
        (&json!(110), &json!(0))
    );
    assert_eq!(sandbox.post("b", &request).await.json()["usage"], first);
    let automatic = json!({"cache_control": {"type": "ephemeral"}});
    let usage = sandbox.post("a", &automatic).await.json()["usage"].clone();
    assert_eq!(usage["cache_creation"]["ephemeral_5m_input_tokens"], 6);
    sandbox.stop().await;
}

#[tokio::test]
async fn thinking_block_is_first_and_counted() {
    let sandbox = TestSandbox::start().await;
    for kind in ["enabled", "adaptive"] {
        let json = sandbox
            .post("a", &json!({"thinking": {"type": kind}}))
            .await
            .json();
        assert_eq!(json["content"][0]["type"], "thinking");
        assert!(!json["content"][0]["signature"].as_str().unwrap().is_empty());
        assert_eq!(json["content"][1]["type"], "text");
        let thinking = json["usage"]["output_tokens_details"]["thinking_tokens"]
            .as_u64()
            .unwrap();
        assert!(0 < thinking && thinking < json["usage"]["output_tokens"].as_u64().unwrap());
    }
    sandbox.stop().await;
}

/// Sends a request with two tools and compares the call; `null` means no call.
async fn check_tool(sandbox: &TestSandbox, more: Value, expected: Value) {
    let schema = json!({"type": "object", "required": ["city", "days", "unit"], "properties": {
        "city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["c", "f"]}, "other": {}}});
    let mut request =
        json!({"tools": [{"name": "get_weather", "input_schema": schema}, {"name": "Bash"}]});
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    let json = sandbox.post("a", &request).await.json();
    let call = json["content"]
        .as_array()
        .unwrap()
        .iter()
        .find(|block| block["type"] == "tool_use");
    let called = call.map_or(Value::Null, |call| json!([call["name"], call["input"]]));
    assert_eq!(called, expected, "{more}");
    let reason = if call.is_some() {
        "tool_use"
    } else {
        "end_turn"
    };
    assert_eq!(json["stop_reason"], reason, "{more}");
}

#[tokio::test]
async fn tool_is_called_on_request() {
    let sandbox = TestSandbox::start().await;
    let user_text = |text: &str| json!({"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]});
    let example = json!({"city": "Zürich", "days": 7, "unit": "c"});
    for (more, expected) in [
        (json!({}), Value::Null),
        (
            user_text("Use the tool, please"),
            json!(["get_weather", example]),
        ),
        (user_text("use the tool Bash"), json!(["Bash", {}])),
        (
            user_text("use the tool Bash {\"command\": \"echo ✓\"} now"),
            json!(["Bash", {"command": "echo ✓"}]),
        ),
        (
            json!({"tool_choice": {"type": "any"}}),
            json!(["get_weather", example]),
        ),
        (
            json!({"tool_choice": {"type": "tool", "name": "Bash"}}),
            json!(["Bash", {}]),
        ),
        (
            json!({"tool_choice": {"type": "tool", "name": "none such"}}),
            Value::Null,
        ),
    ] {
        check_tool(&sandbox, more, expected).await;
    }
    let mut reminded = user_text("use the tool Bash");
    let reminder = json!({"role": "system", "content": "# Environment"});
    reminded["messages"].as_array_mut().unwrap().push(reminder);
    check_tool(&sandbox, reminded, json!(["Bash", {}])).await;
    let mut never = user_text("use the tool");
    never["tool_choice"] = json!({"type": "none"});
    check_tool(&sandbox, never, Value::Null).await;
    let result = json!([{"type": "tool_result", "tool_use_id": "toolu_1", "content": "12"}, {"type": "text", "text": "use the tool"}]);
    check_tool(
        &sandbox,
        json!({"messages": [{"role": "user", "content": result}]}),
        Value::Null,
    )
    .await;
    sandbox.stop().await;
}

#[tokio::test]
async fn requested_length_and_max_tokens_are_respected() {
    let sandbox = TestSandbox::start().await;
    let long = json!({"messages": [{"role": "user", "content": "Please write 500 words."}]});
    let json = sandbox.post("a", &long).await.json();
    let text = json["content"][0]["text"].as_str().unwrap();
    assert_eq!(
        (text.split(' ').count(), &json["stop_reason"]),
        (500, &json!("end_turn"))
    );
    let json = sandbox.post("a", &json!({"max_tokens": 3})).await.json();
    assert_eq!(
        (&json["usage"]["output_tokens"], &json["stop_reason"]),
        (&json!(3), &json!("max_tokens"))
    );
    let json = sandbox.post("a", &json!({"max_tokens": 0})).await.json();
    assert_eq!(
        (&json["content"], &json["stop_reason"]),
        (&json!([]), &json!("max_tokens"))
    );
    sandbox.stop().await;
}

async fn check_error(sandbox: &TestSandbox, body: &str, status: u16, expected: (&str, &str)) {
    let response = sandbox
        .send_with_key("a", "POST /v1/messages?beta=true", body.as_bytes())
        .await;
    assert_eq!(response.status, status, "{body}");
    let (kind, message) = response.error();
    assert_eq!((kind.as_str(), message.as_str()), expected, "{body}");
}

#[tokio::test]
async fn invalid_requests_get_the_error_envelope() {
    let sandbox = TestSandbox::start().await;
    let invalid = "invalid_request_error";
    for (body, message) in [
        ("{", "The request body is not valid JSON: line 1 column 1"),
        ("[]", "The request body is not valid JSON: not an object"),
        ("{}", "model: Field required"),
        ("{\"model\":7}", "model: Input has the wrong type"),
        (
            "{\"model\":\"claude-haiku-5-5\"}",
            "max_tokens: Field required",
        ),
        (
            "{\"model\":\"claude-haiku-5-5\",\"max_tokens\":1}",
            "messages: Field required",
        ),
    ] {
        check_error(&sandbox, body, 400, (invalid, message)).await;
    }
    let none = message_body(&json!({"messages": []})).to_string();
    check_error(
        &sandbox,
        &none,
        400,
        (invalid, "messages: at least one message is required"),
    )
    .await;
    let unknown = message_body(&json!({"model": "claude-nonesuch-9"})).to_string();
    check_error(
        &sandbox,
        &unknown,
        404,
        ("not_found_error", "model: claude-nonesuch-9"),
    )
    .await;
    sandbox.stop().await;
}
