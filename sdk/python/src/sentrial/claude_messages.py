"""What the Claude Agent SDK's messages say. Knows their shapes, and imports none of it."""

from __future__ import annotations

from typing import Any

# By class name, so that neither the SDK nor one version of it is needed here.
_KINDS = {
    "UserMessage": "user",
    "AssistantMessage": "assistant",
    "SystemMessage": "system",
    "ResultMessage": "result",
    "StreamEvent": "stream_event",
    "RateLimitEvent": "rate_limit_event",
    "ConversationResetMessage": "conversation_reset",
}


def kind_of(message: Any) -> str:
    """``assistant``, ``user``, ``system``, ``result``, ``stream_event``, …; the class's name where it is none of them."""
    kind = getattr(message, "type", None)
    if isinstance(kind, str):
        return kind
    for cls in type(message).__mro__:
        if cls.__name__ in _KINDS:
            return _KINDS[cls.__name__]
    return type(message).__name__


def failure_of(result: Any) -> str:
    """Why a run failed, by its result message."""
    errors = getattr(result, "errors", None) or []
    return "; ".join(map(str, errors)) or str(getattr(result, "result", None) or getattr(result, "subtype", "error"))


def blocks_of(message: Any) -> list[Any]:
    """The content of a message, where that is no plain text."""
    content = getattr(message, "content", None)
    return content if isinstance(content, list) else []


def text_of(content: Any) -> str:
    """The words of a message's or a result's content: text, or a list of blocks."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(block["text"] for block in content if isinstance(block, dict) and isinstance(block.get("text"), str))
    return "" if content is None else str(content)


def output_of(content: Any) -> Any:
    """A tool's result: its text where it is text alone, else as it came."""
    if isinstance(content, list) and all(isinstance(block, dict) and block.get("type") == "text" for block in content):
        return text_of(content)
    return content
