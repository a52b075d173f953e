"""A user's own LangChain chat model with its own login; exits with an error if a request fails.

It adds its own first system block and its own headers. The base URL comes from GATEWAY, the login from OWN_LOGIN,
keyreeve's key from KEYREEVE_KEY.
"""

import os
import sys
from typing import Any, Iterator

import httpx
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import SecretStr

PREAMBLE = {"type": "text", "text": "You are part of a user's own chain."}


class OwnLogin(BaseChatModel):
    base_url: str
    login: SecretStr
    key: SecretStr
    model: str = "claude-opus-5-5"

    @property
    def _llm_type(self) -> str:
        return "own-login"

    def _headers(self) -> dict[str, str]:
        return {
            "authorization": "Bearer " + self.login.get_secret_value(),
            "x-keyreeve-key": self.key.get_secret_value(),
            "anthropic-version": "2023-06-01",
            "anthropic-beta": "oauth-2025-04-20,chain-2026-02-02",
            "user-agent": "own-chain/0.1",
        }

    def _body(self, messages: list[Any], stream: bool) -> dict[str, Any]:
        system = [{"type": "text", "text": m.content} for m in messages if isinstance(m, SystemMessage)]
        turns = [{"role": "user", "content": m.content} for m in messages if isinstance(m, HumanMessage)]
        options = {"model": self.model, "max_tokens": 64, "stream": stream}
        return {"system": [PREAMBLE, *system], **options, "messages": turns}

    def _generate(self, messages: list[Any], stop=None, run_manager=None, **kwargs: Any) -> ChatResult:
        url = self.base_url + "/v1/messages"
        response = httpx.post(url, headers=self._headers(), json=self._body(messages, False), trust_env=False)
        assert response.status_code == 200, response.text
        document = response.json()
        usage = document["usage"]
        counts = {
            "input_tokens": usage["input_tokens"],
            "output_tokens": usage["output_tokens"],
            "total_tokens": usage["input_tokens"] + usage["output_tokens"],
        }
        text = "".join(block["text"] for block in document["content"])
        reply = AIMessage(content=text, usage_metadata=counts)
        return ChatResult(generations=[ChatGeneration(message=reply)])

    def _stream(self, messages: list[Any], stop=None, run_manager=None, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        url = self.base_url + "/v1/messages"
        body = self._body(messages, True)
        with httpx.stream("POST", url, headers=self._headers(), json=body, trust_env=False) as response:
            assert response.status_code == 200, response.read()
            for line in response.iter_lines():
                if line.startswith("data:"):
                    yield ChatGenerationChunk(message=AIMessageChunk(content=line))


chat = OwnLogin(
    base_url=os.environ["GATEWAY"],
    login=os.environ["OWN_LOGIN"],
    key=os.environ["KEYREEVE_KEY"],
)
messages = [SystemMessage("Be terse."), HumanMessage("Say hello.")]
if sys.argv[1] == "stream":
    chunks = list(chat.stream(messages))
    assert any("message_stop" in chunk.content for chunk in chunks), chunks
else:
    reply = chat.invoke(messages)
    assert reply.content and reply.usage_metadata["output_tokens"] > 0, reply
print("success")
