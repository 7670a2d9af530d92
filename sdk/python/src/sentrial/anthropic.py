"""Records what a client of the ``anthropic`` package calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from .llm_call import Answer, Target
from .provider import Dialect, dump, listen
from .usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .context import Client

__all__ = ["wrap_anthropic"]

C = TypeVar("C")


def wrap_anthropic(
    client: C,
    *,
    sentrial_client: Client | None = None,
    session_id: str | None = None,
    track_without_session: bool = False,
) -> C:
    """Makes an ``Anthropic``, ``AsyncAnthropic``, Bedrock or Vertex client report its model calls; gives the same client.

    Recorded are messages, ``beta`` ones too (``create``, ``stream``, ``parse``, the tool runner, raw responses and
    ``with_options``), and text completions: prompt with the system prompt first, answer, tokens (those read from and
    written to the cache count as prompt tokens), cost by list price, duration, errors.

    Where they go is as with ``sentrial.openai.wrap_openai``. Nothing that goes wrong in recording reaches the caller.
    """
    listen(client, _ROUTES, _METHODS, Target(sentrial_client, session_id, track_without_session))
    return client


class _Messages:
    provider = "anthropic"

    def prompt(self, body: Mapping[str, Any]) -> Any:
        messages, system = body.get("messages"), body.get("system")
        return [{"role": "system", "content": system}, *(messages or [])] if system else messages

    def answer(self, result: Any) -> Answer:
        return _answer(dump(result))

    def assembly(self) -> _MessagesAssembly:
        return _MessagesAssembly()


class _MessagesAssembly:
    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._json: dict[int, str] = {}

    def add(self, event: Any) -> None:
        if event.type == "message_start":
            self._message = dump(event.message)
        elif event.type == "content_block_start":
            self._blocks[event.index] = dump(event.content_block)
        elif event.type == "content_block_delta":
            self._extend(event.index, dump(event.delta))
        elif event.type == "message_delta":
            self._message.update(dump(event.delta))
            # The counts of the end are whole, not increments; what it leaves out stands as it was at the start.
            self._message["usage"] = {**self._message.get("usage", {}), **dump(event.usage)}

    def answer(self) -> Answer:
        blocks = []
        for index, block in sorted(self._blocks.items()):
            given = self._json.get(index)
            blocks.append({**block, "input": _parsed(given)} if given else block)
        return _answer({**self._message, "content": blocks})

    def _extend(self, index: int, delta: dict[str, Any]) -> None:
        block = self._blocks[index]
        kind = delta.pop("type", None)
        if kind == "input_json_delta":
            self._json[index] = self._json.get(index, "") + delta["partial_json"]
        elif kind == "citations_delta":
            block.setdefault("citations", []).append(delta["citation"])
        else:
            for name, words in delta.items():
                block[name] = block.get(name, "") + words


class _Completions:
    provider = "anthropic"

    def prompt(self, body: Mapping[str, Any]) -> Any:
        return body.get("prompt")

    def answer(self, result: Any) -> Answer:
        return Answer(result.completion, None, result.model, {"finish_reason": result.stop_reason})

    def assembly(self) -> _CompletionsAssembly:
        return _CompletionsAssembly()


class _CompletionsAssembly:
    def __init__(self) -> None:
        self._answer = Answer("")

    def add(self, event: Any) -> None:
        self._answer.response += event.completion
        self._answer.model = event.model or self._answer.model
        self._answer.details["finish_reason"] = event.stop_reason

    def answer(self) -> Answer:
        return self._answer


_ROUTES: dict[str, Dialect] = {"/v1/messages": _Messages(), "/v1/complete": _Completions()}
_METHODS = {"messages.create": "/v1/messages", "completions.create": "/v1/complete"}


def _answer(message: dict[str, Any]) -> Answer:
    blocks = message.get("content") or []
    words = [block.get("text", "") for block in blocks if block.get("type") == "text" and not block.get("citations")]
    return Answer(
        "".join(words) if len(words) == len(blocks) else blocks,
        read_usage(message.get("usage"), cache_is_extra=True),
        message.get("model"),
        {"response_id": message.get("id"), "finish_reason": message.get("stop_reason")},
    )


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # the stream ended within it
        return text
