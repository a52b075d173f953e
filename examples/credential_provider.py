"""Takes the key of the official Python SDK (2.x) from keyreeve, which hands out one that ends by itself.

The SDK asks again about two minutes before the end, and after a 401. Needs `keyreeve serve` and a profile:
`keyreeve credential --json` prints {"token", "base_url", "expires_at_unix", ...}.
"""

import json
import subprocess

import anthropic
from anthropic.lib.credentials import AccessToken


def handed():
    command = ["keyreeve", "credential", "--json"]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=10)
    return json.loads(printed.stdout)


def provider(*, force_refresh=False):
    credential = handed()
    return AccessToken(credential["token"], credential["expires_at_unix"])


client = anthropic.Anthropic(credentials=provider, base_url=handed()["base_url"])
message = client.messages.create(
    model="claude-haiku-5-5",
    max_tokens=64,
    messages=[{"role": "user", "content": "Say hello."}],
)
print(message.content[0].text)
