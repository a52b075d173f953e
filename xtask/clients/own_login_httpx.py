"""Sends one request with plain httpx and the user's own login, as a script would; exits with an error if it fails.

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
    "user-agent": "own-script/1.0 (of a user)",
    "x-app": "own",
    "content-type": "application/json",
}


def body(stream):
    request = {
        "model": "claude-opus-5-5",
        "max_tokens": 64,
        "stream": stream,
        "system": [
            {"type": "text", "text": "You are a user's own script.  Keep two spaces."},
            {"type": "text", "text": "Be terse.", "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [{"role": "user", "content": "Say h\u00e9llo."}],
    }
    return json.dumps(request, indent=1, ensure_ascii=False).encode()


def message(client):
    response = client.post("/v1/messages?beta=true", content=body(stream=False))
    assert response.status_code == 200, response.text
    assert response.headers["anthropic-ratelimit-unified-5h-utilization"], response.headers
    assert response.json()["usage"]["output_tokens"] > 0, response.text


def stream(client):
    with client.stream("POST", "/v1/messages", content=body(stream=True)) as response:
        lines = list(response.iter_lines())
    assert "event: message_stop" in lines, lines


def usage(client):
    response = client.get("/api/oauth/usage")
    assert response.status_code == 200, response.text
    assert response.json()["five_hour"]["utilization"] > 0, response.text


with httpx.Client(base_url=os.environ["GATEWAY"], headers=HEADERS, trust_env=False) as session:
    {"message": message, "stream": stream, "usage": usage}[sys.argv[1]](session)
print("success")
