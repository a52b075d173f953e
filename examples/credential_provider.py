"""Gives the official Python SDK (2.x) temporary keys from keyreeve.

The SDK requests a new key about 2 minutes before the current one expires, and after a 401. Needs `keyreeve serve` and a
profile: `keyreeve credential --json` prints {"token", "base_url", "expires_at_unix", ...}.
"""

import json
import subprocess

import anthropic
from anthropic.lib.credentials import AccessToken


def credential():
    command = ["keyreeve", "credential", "--json"]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=10)
    return json.loads(result.stdout)


def provider(*, force_refresh=False):
    current = credential()
    return AccessToken(current["token"], current["expires_at_unix"])


client = anthropic.Anthropic(credentials=provider, base_url=credential()["base_url"])
message = client.messages.create(
    model="claude-haiku-5-5",
    max_tokens=64,
    messages=[{"role": "user", "content": "Say hello."}],
)
print(message.content[0].text)
