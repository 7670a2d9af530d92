"""Builds what the fake Claude Code says, with the fields that the real one sends."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Step = dict[str, Any]
CLAUDE_SESSION = "0b7d9c1e-6f0a-4c53-9a54-2f8f5ab01a11"

_numbers = count(1)


def _message(kind: str, **fields: Any) -> Step:
    return {"emit": {"type": kind, "uuid": f"uuid-{next(_numbers)}", "session_id": CLAUDE_SESSION, **fields}}


def init(model: str = "claude-sonnet-4-20250514", tools: list[str] | None = None) -> Step:
    return _message(
        "system",
        subtype="init",
        cwd="/project",
        tools=tools or ["Bash", "Read", "Write"],
        mcp_servers=[],
        model=model,
        permissionMode="bypassPermissions",
        slash_commands=[],
        apiKeySource="none",
        claude_code_version="2.1.329",
        output_style="default",
    )


def system(subtype: str, **fields: Any) -> Step:
    return _message("system", subtype=subtype, **fields)


def assistant(*blocks: dict[str, Any], message_id: str = "msg_1", parent: str | None = None, **fields: Any) -> Step:
    """One message per content block is what the real one sends; several blocks in one are legal too."""
    message = {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": fields.pop("model", "claude-sonnet-4-20250514"),
        "content": list(blocks),
        "stop_reason": None,
        "usage": {"input_tokens": 100, "output_tokens": 1},
    }
    return _message("assistant", message=message, parent_tool_use_id=parent, **fields)


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def thinking(words: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": words, "signature": "sig"}


def tool_use(id: str, name: str, **input: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": input}


def tool_result(
    id: str, content: Any, *, is_error: bool | None = None, parent: str | None = None, tool_use_result: Any = None
) -> Step:
    block = {"type": "tool_result", "tool_use_id": id, "content": content}
    if is_error is not None:
        block["is_error"] = is_error
    return _message(
        "user", message={"role": "user", "content": [block]}, parent_tool_use_id=parent, tool_use_result=tool_use_result
    )


def result(
    words: str | None = "Done.",
    *,
    cost: float | None = 0.0123,
    input_tokens: int = 1200,
    output_tokens: int = 340,
    cache_read: int = 0,
    cache_creation: int = 0,
    model_usage: dict[str, Any] | None = None,
    **fields: Any,
) -> Step:
    usage = {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "cache_read_input_tokens": cache_read,
        "cache_creation_input_tokens": cache_creation,
    }
    shape = {
        "subtype": "success",
        "is_error": False,
        "result": words,
        "duration_ms": 900,
        "duration_api_ms": 700,
        "num_turns": 2,
        "stop_reason": "end_turn",
        "total_cost_usd": cost,
        "usage": usage,
        "modelUsage": model_usage or {},
        "permission_denials": [],
        **fields,
    }
    return _message("result", **{name: value for name, value in shape.items() if value is not None})


def model_usage(
    model: str = "claude-sonnet-4-20250514",
    *,
    input: int,
    output: int,
    cache_read: int = 0,
    cache_creation: int = 0,
    cost: float = 0.0,
) -> dict[str, Any]:
    """The totals of one model, as `modelUsage` of a result has them: cumulative over the run."""
    return {
        model: {
            "inputTokens": input,
            "outputTokens": output,
            "cacheReadInputTokens": cache_read,
            "cacheCreationInputTokens": cache_creation,
            "webSearchRequests": 0,
            "costUSD": cost,
            "contextWindow": 200000,
            "maxOutputTokens": 64000,
        }
    }


def tools(session: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for event in session["events"] if event["eventType"] == "TOOL_CALL"]


async def drain(messages: AsyncIterator[Any]) -> list[Any]:
    return [message async for message in messages]
