"""What a client can be told: the methods that the synchronous and the asynchronous client have in common."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Callable, Generic, TypeVar

from .core import ClientCore

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from typing_extensions import Unpack

    from .arguments import EventArguments, OutcomeArguments, StepArguments
    from .core import Write
    from .types import Session

# What a method gives: an id, a session or nothing, or a coroutine of that.
IdT = TypeVar("IdT")
SessionT = TypeVar("SessionT")
NoneT = TypeVar("NoneT")
T = TypeVar("T")


class Calls(ClientCore, Generic[IdT, SessionT, NoneT]):
    """Each method makes the operation that says what it was told; the client brings it to the server in its way."""

    def _gives_id(self, write: Write[str]) -> IdT:
        raise NotImplementedError

    def _gives_session(self, write: Write[Session]) -> SessionT:
        raise NotImplementedError

    def _gives_none(self, write: Write[None]) -> NoneT:
        raise NotImplementedError

    # Sessions

    def create_session(
        self,
        name: str,
        agent_name: str | None = None,
        user_id: str | None = None,
        parent_session_id: str | None = None,
        convo_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        session_id: str | None = None,
        user_input: Any = None,
    ) -> IdT:
        """Begins a session and gives its id, which is made here: there is one without a server too.

        ``agent_name`` groups sessions (default: ``name``). ``user_id``: whom it runs for (default: ``user_id`` of the
        metadata, else ``anonymous``). ``convo_id`` links sessions into one conversation. ``session_id``: your own id.
        """
        return self._gives_id(
            self._creation(
                name=name,
                agent_name=agent_name,
                user_id=user_id,
                parent_session_id=parent_session_id,
                convo_id=convo_id,
                metadata=metadata,
                session_id=session_id,
                user_input=user_input,
            )
        )

    def update_session(self, session_id: str, **changes: Unpack[OutcomeArguments]) -> NoneT:
        """Changes what is given; ``metadata`` and ``custom_metrics`` are merged in, key by key."""
        return self._gives_none(self._update(session_id, changes))

    def complete_session(
        self,
        session_id: str,
        success: bool | None = None,
        failure_reason: str | None = None,
        estimated_cost: float | None = None,
        custom_metrics: Mapping[str, Any] | None = None,
        duration_ms: float | None = None,
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
        total_tokens: int | None = None,
        user_input: Any = None,
        assistant_output: Any = None,
        *,
        status: str | None = None,
        summary: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> SessionT:
        """Ends a session, and gives what was reported about it.

        ``success`` defaults to what ``status`` says, else to True. ``status``: ``success`` or ``completed``, ``error``
        or ``failed``, ``cancelled``. ``duration_ms`` defaults to the time since ``create_session``; cost and tokens to
        the sums over the session's events.
        """
        return self._gives_session(
            self._completion(
                session_id,
                success=success,
                status=status,
                failure_reason=failure_reason,
                estimated_cost=estimated_cost,
                custom_metrics=custom_metrics,
                duration_ms=duration_ms,
                prompt_tokens=prompt_tokens,
                completion_tokens=completion_tokens,
                total_tokens=total_tokens,
                user_input=user_input,
                assistant_output=assistant_output,
                summary=summary,
                metadata=metadata,
            )
        )

    def close_session(
        self,
        session_id: str,
        status: str | None = None,
        summary: str | None = None,
        *,
        success: bool | None = None,
        failure_reason: str | None = None,
        duration_ms: float | None = None,
    ) -> NoneT:
        """Ends a session. ``status``: ``success`` (the default), ``error`` or ``cancelled``."""
        return self._gives_none(
            self._closing(
                session_id,
                status=status,
                success=success,
                summary=summary,
                failure_reason=failure_reason,
                duration_ms=duration_ms,
            )
        )

    # Events: each gives its id

    def track_tool_call(
        self,
        session_id: str,
        tool_name: str,
        tool_input: Any = None,
        tool_output: Any = None,
        reasoning: str | None = None,
        estimated_cost: float | None = None,
        tool_error: Any = None,
        token_count: int | None = None,
        trace_id: str | None = None,
        span_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        duration_ms: float | None = None,
        status: str | None = None,
        **more: Unpack[StepArguments],
    ) -> IdT:
        """A tool or function that the agent called; any JSON-like input and output.

        ``status``: ``success`` or ``error``. ``tool_error``: why it failed, usually ``{"message", "type"}``.
        ``estimated_cost``: US dollars.
        """
        return self._gives_id(
            self._tool_call(
                session_id,
                tool_name=tool_name,
                tool_input=tool_input,
                tool_output=tool_output,
                reasoning=reasoning,
                estimated_cost=estimated_cost,
                tool_error=tool_error,
                token_count=token_count,
                trace_id=trace_id,
                span_id=span_id,
                metadata=metadata,
                duration_ms=duration_ms,
                status=status,
                **more,
            )
        )

    def track_decision(
        self,
        session_id: str,
        reasoning: str,
        alternatives: Sequence[Any] | None = None,
        confidence: float | None = None,
        estimated_cost: float | None = None,
        token_count: int | None = None,
        trace_id: str | None = None,
        span_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        chosen: str | None = None,
        duration_ms: float | None = None,
        **more: Unpack[StepArguments],
    ) -> IdT:
        """What the agent chose among ``alternatives``, and why. ``confidence``: 0.0 to 1.0."""
        return self._gives_id(
            self._decision(
                session_id,
                reasoning=reasoning,
                alternatives=alternatives,
                confidence=confidence,
                estimated_cost=estimated_cost,
                token_count=token_count,
                trace_id=trace_id,
                span_id=span_id,
                metadata=metadata,
                chosen=chosen,
                duration_ms=duration_ms,
                **more,
            )
        )

    def track_llm_call(
        self,
        session_id: str,
        model: str,
        prompt: Any = None,
        response: Any = None,
        tokens_used: int | None = None,
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
        cost: float | None = None,
        duration_ms: float | None = None,
        *,
        status: str | None = None,
        error: Any = None,
        reasoning: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        trace_id: str | None = None,
        span_id: str | None = None,
        **more: Unpack[StepArguments],
    ) -> IdT:
        """A call of a language model. ``prompt``, ``response``: text or messages. ``cost``: US dollars.

        ``tokens_used`` defaults to prompt and completion tokens together. ``error``: why it failed.
        """
        return self._gives_id(
            self._llm_call(
                session_id,
                model=model,
                prompt=prompt,
                response=response,
                tokens_used=tokens_used,
                prompt_tokens=prompt_tokens,
                completion_tokens=completion_tokens,
                cost=cost,
                duration_ms=duration_ms,
                status=status,
                error=error,
                reasoning=reasoning,
                metadata=metadata,
                trace_id=trace_id,
                span_id=span_id,
                **more,
            )
        )

    def track_error(
        self,
        session_id: str,
        error_message: str,
        error_type: str | None = None,
        tool_name: str | None = None,
        stack_trace: str | None = None,
        trace_id: str | None = None,
        span_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        recoverable: bool | None = None,
        recovery_action: str | None = None,
        duration_ms: float | None = None,
        **more: Unpack[StepArguments],
    ) -> IdT:
        """Something that went wrong. ``recoverable``: whether the agent can go on."""
        return self._gives_id(
            self._error(
                session_id,
                error_message=error_message,
                error_type=error_type,
                tool_name=tool_name,
                stack_trace=stack_trace,
                trace_id=trace_id,
                span_id=span_id,
                metadata=metadata,
                recoverable=recoverable,
                recovery_action=recovery_action,
                duration_ms=duration_ms,
                **more,
            )
        )

    def track_state_change(
        self,
        session_id: str,
        state_before: Any = None,
        state_after: Any = None,
        reasoning: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        duration_ms: float | None = None,
        trace_id: str | None = None,
        span_id: str | None = None,
        **more: Unpack[EventArguments],
    ) -> IdT:
        """A change of the agent's state."""
        return self._gives_id(
            self._state_change(
                session_id,
                state_before=state_before,
                state_after=state_after,
                reasoning=reasoning,
                metadata=metadata,
                duration_ms=duration_ms,
                trace_id=trace_id,
                span_id=span_id,
                **more,
            )
        )


def as_coroutine_functions(shared: type, asynchronous: type, *names: str) -> None:
    """Gives the asynchronous class those methods as functions that say so: frameworks and mocks ask before they await."""
    for name in names:
        setattr(asynchronous, name, _coroutine_function(getattr(shared, name)))


def _coroutine_function(method: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., Coroutine[Any, Any, T]]:
    @wraps(method)
    async def call(*given: Any, **named: Any) -> T:
        return await method(*given, **named)

    return call
