"""Asks one thing over plain httpx with a login of its own, the way a person's script would, and fails loudly.

The base URL comes from GATEWAY, the login from OWN_LOGIN, keyreeve's key from KEYREEVE_KEY.
"""

import json
import os
import sys

import httpx

HEADERS = {
    "authorization": "Bearer " + os.environ["OWN_LOGIN"],
    "x-keyreeve-key": os.environ["KEYREEVE_KEY"],
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "oauth-2025-04-20,made-up-2026-01-01",
    "user-agent": "own-script/1.0 (a person's own)",
    "x-app": "own",
    "content-type": "application/json",
}


def body(stream):
    asked = {
        "model": "claude-opus-5-5",
        "max_tokens": 64,
        "stream": stream,
        "system": [
            {"type": "text", "text": "You are a script of one person's own.  Two spaces stay two."},
            {"type": "text", "text": "Be terse.", "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [{"role": "user", "content": "Say h\u00e9llo."}],
    }
    return json.dumps(asked, indent=1, ensure_ascii=False).encode()


def message(client):
    answer = client.post("/v1/messages?beta=true", content=body(stream=False))
    assert answer.status_code == 200, answer.text
    assert answer.headers["anthropic-ratelimit-unified-5h-utilization"], answer.headers
    assert answer.json()["usage"]["output_tokens"] > 0, answer.text


def stream(client):
    with client.stream("POST", "/v1/messages", content=body(stream=True)) as answer:
        lines = list(answer.iter_lines())
    assert "event: message_stop" in lines, lines


def usage(client):
    answer = client.get("/api/oauth/usage")
    assert answer.status_code == 200, answer.text
    assert answer.json()["five_hour"]["utilization"] > 0, answer.text


with httpx.Client(base_url=os.environ["GATEWAY"], headers=HEADERS, trust_env=False) as own:
    {"message": message, "stream": stream, "usage": usage}[sys.argv[1]](own)
print("answered")
