"""Asks one thing through the official Python SDK, the way a person's program would, and fails loudly.

The address and the key come from ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY. Written for 0.125 and 2.x alike.
"""

import sys

import anthropic

MODEL = "claude-opus-5-5"
HELLO = [{"role": "user", "content": "Say hello."}]
WEATHER = {
    "name": "get_weather",
    "description": "Tells the weather of a city.",
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
        pieces = list(events.text_stream)
        message = events.get_final_message()
    assert len(pieces) > 1, f"came in {len(pieces)} piece"
    assert "".join(pieces) == message.content[0].text, message


def tool(client):
    asked = [{"role": "user", "content": "Use the tool get_weather for Paris."}]
    message = client.messages.create(
        model=MODEL,
        max_tokens=256,
        messages=asked,
        tools=[WEATHER],
        tool_choice={"type": "tool", "name": "get_weather"},
        extra_headers={"anthropic-beta": "one-made-up-2026-01-01,another-2026-02-02"},
    )
    call = next(block for block in message.content if block.type == "tool_use")
    assert message.stop_reason == "tool_use", message
    assert "city" in call.input, message


def error(client):
    try:
        client.messages.create(model="claude-of-nobody", max_tokens=8, messages=HELLO)
    except anthropic.NotFoundError as refusal:
        assert refusal.status_code == 404, refusal
        assert refusal.body["error"]["type"] == "not_found_error", refusal.body
        assert refusal.request_id, "no request-id"
    else:
        raise AssertionError("an unknown model was answered")


def count(client):
    counted = client.messages.count_tokens(model=MODEL, messages=HELLO)
    assert counted.input_tokens > 0, counted


def models(client):
    ids = [model.id for model in client.models.list(limit=100)]
    assert MODEL in ids, ids


if __name__ == "__main__":
    what = {act.__name__: act for act in (plain, stream, tool, error, count, models)}[sys.argv[1]]
    what(anthropic.Anthropic(max_retries=0, timeout=20))
    print("answered")
