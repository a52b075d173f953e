"""Requests one message with the credential that the official Python SDK finds by itself."""

import anthropic

client = anthropic.Anthropic(max_retries=0, timeout=10)
client.messages.create(
    model="claude-opus-5-5",
    max_tokens=8,
    messages=[{"role": "user", "content": "hi"}],
)
print("success")
