"""Keyword arguments that many methods share, as TypedDicts for ``Unpack`` (PEP 692)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class EventArguments(TypedDict, total=False):
    """What may be said about any event."""

    event_id: str | None
    """Your own id for it; default: made here."""
    parent_event_id: str | None
    """The event it belongs to."""
    timestamp: datetime | str | None
    """When it happened; default: now. Naive datetimes are local time."""
    branch_name: str | None


class StepArguments(EventArguments, total=False):
    """What may be said about a step that is no change of state."""

    state_before: Any
    state_after: Any


class OutcomeArguments(TypedDict, total=False):
    """What may be said about a session, while it runs or at its end. Costs are US dollars, durations milliseconds."""

    name: str
    agent_name: str
    user_id: str
    convo_id: str | None
    parent_session_id: str | None
    metadata: Mapping[str, Any] | None
    """Merged into what is there, key by key."""
    custom_metrics: Mapping[str, Any] | None
    """Your own figures; merged into what is there, key by key."""
    user_input: Any
    assistant_output: Any
    summary: str | None
    failure_reason: str | None
    estimated_cost: float | None
    duration_ms: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
