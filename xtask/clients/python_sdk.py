"""Sends one request with the official Python SDK, as a program would; exits with an error if it fails.

The base URL and the key come from ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY. Works with 0.125 and 2.x.
"""

import sys

import anthropic

MODEL = "claude-opus-5-5"
HELLO = [{"role": "user", "content": "Say hello."}]
WEATHER = {
    "name": "get_weather",
    "description": "Returns the weather of a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


def plain(client):
    message = client.messages.create(model=MODEL, max_tokens=64, messages=HELLO)
    assert message.content[0].text, message
    assert message.usage.output_tokens > 0, message


def stream(client):
    with client.messages.stream(model=MODEL, max_tokens=64, messages=HELLO) as events:
        chunks = list(events.text_stream)
        message = events.get_final_message()
    assert len(chunks) > 1, f"received {len(chunks)} chunk"
    assert "".join(chunks) == message.content[0].text, message


def tool(client):
    messages = [{"role": "user", "content": "Use the tool get_weather for Paris."}]
    message = client.messages.create(
        model=MODEL,
        max_tokens=256,
        messages=messages,
        tools=[WEATHER],
        tool_choice={"type": "tool", "name": "get_weather"},
        extra_headers={"anthropic-beta": "one-made-up-2026-01-01,another-2026-02-02"},
    )
    call = next(block for block in message.content if block.type == "tool_use")
    assert message.stop_reason == "tool_use", message
    assert "city" in call.input, message


def error(client):
    try:
        client.messages.create(model="claude-unknown", max_tokens=8, messages=HELLO)
    except anthropic.NotFoundError as not_found:
        assert not_found.status_code == 404, not_found
        assert not_found.body["error"]["type"] == "not_found_error", not_found.body
        assert not_found.request_id, "no request-id"
    else:
        raise AssertionError("an unknown model was accepted")


def count(client):
    counted = client.messages.count_tokens(model=MODEL, messages=HELLO)
    assert counted.input_tokens > 0, counted


def models(client):
    ids = [model.id for model in client.models.list(limit=100)]
    assert MODEL in ids, ids


if __name__ == "__main__":
    action = {action.__name__: action for action in (plain, stream, tool, error, count, models)}[sys.argv[1]]
    action(anthropic.Anthropic(max_retries=0, timeout=20))
    print("success")
