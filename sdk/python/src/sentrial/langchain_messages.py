"""What LangChain's messages, results and logs say. Knows their shapes, and imports none of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .usage import Usage, read_usage

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROLES = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant", "HumanMessageChunk": "user"}
# Where the words are, in what chains take and give.
INPUTS = ("input", "question", "query", "prompt", "messages")
OUTPUTS = ("output", "answer", "result", "text", "structured_response", "messages")


def described_messages(messages: Iterable[Any]) -> list[dict[str, Any]]:
    """LangChain's messages as ``{"role", "content"}``, with the tool calls that they make or answer."""
    return [_described(message) for message in messages]


def _described(message: Any) -> dict[str, Any]:
    kind = str(getattr(message, "type", "unknown"))
    described = {"role": getattr(message, "role", None) or _ROLES.get(kind, kind), "content": getattr(message, "content", message)}
    for name in ("tool_calls", "tool_call_id", "name"):
        value = getattr(message, name, None)
        if value:
            described[name] = value
    return described


def answer_of(message: Any, generation: Any) -> Any:
    """A model's answer: its words; with tool calls, the whole message."""
    if message is None:
        return getattr(generation, "text", None)
    if getattr(message, "tool_calls", None):
        return _described(message)
    return plain(message.content)


def usage_of(result: Any, messages: Sequence[Any], generations: Sequence[Any]) -> Usage | None:
    """Where LangChain's integrations put the counts, the portable place first."""
    output = getattr(result, "llm_output", None) or {}
    counted = [read_usage(getattr(message, "usage_metadata", None)) for message in messages]
    found = [usage for usage in counted if usage is not None]
    if found:
        return _sum(found)
    for message, generation in zip(messages, generations):
        for place in (getattr(message, "response_metadata", None), getattr(generation, "generation_info", None)):
            usage = _usage_in(place)
            if usage is not None:
                return usage
    return _usage_in(output)


def _usage_in(place: Any) -> Usage | None:
    if not isinstance(place, Mapping):
        return None
    for name in ("token_usage", "tokenUsage", "usage_metadata", "usage", "amazon-bedrock-invocationMetrics", "token_count"):
        raw = place.get(name)
        if raw:
            extra = isinstance(raw, Mapping) and "cache_read_input_tokens" in raw  # Anthropic's own shape
            usage = read_usage(raw, cache_is_extra=extra)
            if usage is not None:
                return usage
    return read_usage(place)


def _sum(usages: Sequence[Usage]) -> Usage:
    if len(usages) == 1:
        return usages[0]
    names = ("prompt_tokens", "completion_tokens", "total_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
    return Usage(**{name: sum(getattr(usage, name) or 0 for usage in usages) for name in names})


def reported_model(result: Any, messages: Sequence[Any]) -> str | None:
    output = getattr(result, "llm_output", None) or {}
    for place in (*(getattr(message, "response_metadata", None) for message in messages), output):
        if isinstance(place, Mapping):
            for name in ("model_name", "model", "model_id"):
                if isinstance(place.get(name), str):
                    return str(place[name])
    return None


def reasoning_of(message: Any) -> Any:
    extra = getattr(message, "additional_kwargs", None) or {}
    return extra.get("reasoning_content") or extra.get("reasoning")


def text_of(content: Any) -> str:
    """The words of a message's content: text, or a list of blocks, thinking included."""
    if isinstance(content, str):
        return content.strip()
    if not isinstance(content, list):
        return ""
    words = []
    for block in content:
        if isinstance(block, str):
            words.append(block)
        elif isinstance(block, Mapping):
            words += [block[name] for name in ("text", "thinking", "reasoning") if isinstance(block.get(name), str)]
    return "\n".join(words).strip()


def plain(content: Any) -> Any:
    """Content that is words alone as those words."""
    if isinstance(content, list) and all(
        isinstance(block, str) or (isinstance(block, Mapping) and block.get("type") == "text") for block in content
    ):
        return text_of(content)
    return content


def words_of(value: Any, names: Sequence[str]) -> Any:
    """What a chain was asked, or answered."""
    if isinstance(value, Mapping):
        for name in names:
            if value.get(name) is not None:
                return words_of(value[name], names)
        is_message = "role" in value and "content" in value
        return plain(value["content"]) if is_message else dict(value) or None
    if isinstance(value, (list, tuple)) and value:
        return words_of(value[-1][1], names) if _is_pair(value[-1]) else words_of(value[-1], names)
    content = getattr(value, "content", None)
    if content is not None:
        return plain(content)
    return value


def _is_pair(value: Any) -> bool:
    """A message in the form ``("user", "Hello")``."""
    return isinstance(value, (list, tuple)) and len(value) == 2 and isinstance(value[0], str)


def messages_of(outputs: Any) -> Iterable[Any]:
    """The messages that a graph's node gave back: in a state, in commands, or alone."""
    if isinstance(outputs, Mapping):
        found = outputs.get("messages")
        yield from found if isinstance(found, list) else []
    elif isinstance(outputs, (list, tuple)):
        for output in outputs:
            yield from messages_of(output)
    elif hasattr(outputs, "tool_call_id"):
        yield outputs
    else:
        yield from messages_of(getattr(outputs, "update", None) or {})


def thought_of(log: str) -> str | None:
    """The words of an agent's log that are its own: not the call, not the answer."""
    invoking = re.search(r"^Invoking: .*?^responded: (.*)", log, re.DOTALL | re.MULTILINE)
    if invoking:
        return invoking.group(1).strip() or None
    if log.lstrip().startswith("Invoking: "):
        return None
    thought = re.split(r"^\s*(?:Action|Final Answer)\s*:", log, maxsplit=1, flags=re.MULTILINE)[0]
    return re.sub(r"^\s*Thought\s*:", "", thought).strip() or None
