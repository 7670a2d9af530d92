"""The shapes that the SDK takes and gives, as TypedDicts. Every key may be missing."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal, TypedDict

SessionStatus = Literal["active", "completed", "failed", "cancelled"]


class EventType(str, Enum):
    """What kind of thing happened."""

    TOOL_CALL = "tool_call"
    LLM_DECISION = "llm_decision"
    LLM_CALL = "llm_call"
    STATE_CHANGE = "state_change"
    ERROR = "error"


class Session(TypedDict, total=False):
    """One run of an agent. Times are ISO 8601 in UTC, ``duration_ms`` milliseconds, ``estimated_cost`` US dollars."""

    id: str
    name: str
    agent_name: str
    user_id: str
    convo_id: str | None
    parent_session_id: str | None
    status: SessionStatus
    success: bool | None
    failure_reason: str | None
    summary: str | None
    user_input: Any
    assistant_output: Any
    metadata: dict[str, Any] | None
    custom_metrics: dict[str, Any] | None
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    estimated_cost: float
    duration_ms: float | None
    event_count: int
    tool_call_count: int
    decision_count: int
    llm_call_count: int
    state_change_count: int
    error_count: int
    created_at: str
    updated_at: str
    completed_at: str | None
    last_event_at: str | None


class Event(TypedDict, total=False):
    """What every event has."""

    id: str
    session_id: str
    event_type: str
    reasoning: str | None
    estimated_cost: float | None
    duration_ms: float | None
    token_count: int | None
    trace_id: str | None
    span_id: str | None
    parent_event_id: str | None
    branch_name: str | None
    state_before: Any
    state_after: Any
    metadata: dict[str, Any] | None
    timestamp: str


class ToolCall(Event, total=False):
    """A tool or function that the agent called."""

    tool_name: str
    tool_input: Any
    tool_output: Any
    tool_error: Any
    status: Literal["success", "error"]


class Decision(Event, total=False):
    """What the agent chose, and why. ``confidence`` is from 0.0 to 1.0."""

    alternatives: list[Any] | None
    chosen: str | None
    confidence: float | None


class LLMCall(Event, total=False):
    """A call of a language model. ``cost`` is in US dollars."""

    model: str
    prompt: Any
    response: Any
    tokens_used: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None


class ErrorEvent(Event, total=False):
    """Something that went wrong."""

    error_type: str | None
    error_message: str
    stack_trace: str | None
    tool_name: str | None
    recoverable: bool | None
    recovery_action: str | None
