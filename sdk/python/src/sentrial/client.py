from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .core import READ_AFTER, ClientCore, Write, session_of
from .errors import SentrialError
from .graphql import SESSION_QUERY, data_of, query, request_for
from .interaction import Interaction
from .types import Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Unpack

    from .arguments import EventArguments, OutcomeArguments, StepArguments

T = TypeVar("T")


class SentrialClient(ClientCore):
    """Reports sessions and events to a Sentrial server. Thread-safe; works on in a forked process.

    By default every call returns at once: ids are made here, and one daemon thread sends what was recorded, in batches,
    again and again until the server has it. Nothing raises, blocks, or grows without bound because the server is slow,
    wrong or gone; what goes wrong is logged by the logger ``sentrial``.

    With ``fail_silently=False`` each call waits for the server's answer, and raises (see ``SentrialError``).

    ``api_key``: else ``SENTRIAL_API_KEY``. ``project_id``: else ``SENTRIAL_PROJECT_ID``; kept in each session's
    metadata, while the key decides the project. ``api_url``: else ``SENTRIAL_API_URL``, else ``http://localhost:3001``.
    ``timeout``: seconds that one request may take, and that ``flush`` and ``close`` wait. ``max_retries``: how often a
    request that got no answer is repeated; then a call that waits for it gives up, and the daemon thread moves what waits
    to the spool, and goes on trying. ``batching``: see ``BatcherConfig``; False makes each call wait. ``pii``: True
    takes e-mail addresses, phone, card and social security numbers and IP addresses out of all content; see
    ``PiiConfig``. ``spool``: a folder for what cannot be delivered for so long, or before the process ends or memory is
    half full, at most 64 MiB for each server and key, sent by this client or the next one with this folder, server and
    key; else ``SENTRIAL_SPOOL_DIR``, else ``~/.sentrial/spool``. With False, or where the folder cannot be made (this is
    logged once), such data is dropped, and that is logged.
    """

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
    ) -> str:
        """Begins a session and gives its id, which is made here: there is one without a server too.

        ``agent_name`` groups sessions (default: ``name``). ``user_id``: whom it runs for (default: ``user_id`` of the
        metadata, else ``anonymous``). ``convo_id`` links sessions into one conversation. ``session_id``: your own id.
        """
        return self._write(
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

    def get_session(self, session_id: str) -> Session:
        """The session as the server has it, after sending what waits; an empty dict where it cannot be had.

        With ``fail_silently=False`` raises NotFoundError, ServerUnavailable, or another SentrialError instead.
        """
        return self._read(session_id)

    def update_session(self, session_id: str, **changes: Unpack[OutcomeArguments]) -> None:
        """Changes what is given; ``metadata`` and ``custom_metrics`` are merged in, key by key."""
        self._write(self._update(session_id, changes))

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
    ) -> Session:
        """Ends a session, and gives what was reported about it.

        ``success`` defaults to what ``status`` says, else to True. ``status``: ``success`` or ``completed``, ``error``
        or ``failed``, ``cancelled``. ``duration_ms`` defaults to the time since ``create_session``; cost and tokens to
        the sums over the session's events.
        """
        return self._write(
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
    ) -> None:
        """Ends a session. ``status``: ``success`` (the default), ``error`` or ``cancelled``."""
        self._write(
            self._completion(
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
    ) -> str:
        """A tool or function that the agent called; any JSON-like input and output.

        ``status``: ``success`` or ``error``. ``tool_error``: why it failed, usually ``{"message", "type"}``.
        ``estimated_cost``: US dollars.
        """
        return self._write(
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
    ) -> str:
        """What the agent chose among ``alternatives``, and why. ``confidence``: 0.0 to 1.0."""
        return self._write(
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
    ) -> str:
        """A call of a language model. ``prompt``, ``response``: text or messages. ``cost``: US dollars.

        ``tokens_used`` defaults to prompt and completion tokens together. ``error``: why it failed.
        """
        return self._write(
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
    ) -> str:
        """Something that went wrong. ``recoverable``: whether the agent can go on."""
        return self._write(
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
    ) -> str:
        """A change of the agent's state."""
        return self._write(
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

    # Interactions

    def begin(
        self,
        user_id: str,
        event: str,
        input: Any = None,
        event_id: str | None = None,
        convo_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Interaction:
        """Begins a session of the agent ``event`` for a user; end it with ``finish``, or use it in a ``with``."""
        creation, event_id = self._beginning(user_id, event, input, event_id, convo_id, metadata)
        return Interaction(self, self._write(creation), event_id, user_id, event, input)

    # Delivery

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until all that was recorded before is delivered, at most ``timeout`` seconds (default: the client's).

        True when it is; False when some waits on, or was refused or dropped since the last flush (see the log, and
        ``stats``). With ``fail_silently=False`` raises DeliveryError or the RefusedError instead of giving False.
        """
        return self._flush(timeout)

    def close(self, timeout: float | None = None) -> None:
        """Flushes, keeps what is left in the spool if there is one, and ends the thread. Later calls record nothing.

        Never takes longer than ``timeout`` seconds (default: 5). Also runs at the end of the process.
        """
        self._courier.close(timeout)

    def shutdown(self) -> None:
        """The same as ``close``."""
        self.close()

    def __enter__(self) -> SentrialClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _write(self, write: Write[T]) -> T:
        if self._settings.batching.enabled or write.operation is None or not self._settings.api_key:
            return self._enqueue(write)
        try:
            self._courier.call(request_for([write.operation]))
        except SentrialError as error:
            self._complain(error)
        return write.result

    def _read(self, session_id: str) -> Session:
        if not self._settings.api_key:
            return Session()
        try:
            self._courier.wait(min(READ_AFTER, self._settings.timeout))
            answer = self._courier.call(query(SESSION_QUERY, id=session_id))
            return session_of(data_of(answer)["session"])
        except Exception as error:
            self._complain(error)
            return Session()

    def _flush(self, timeout: float | None) -> bool:
        seconds = self._settings.timeout if timeout is None else timeout
        in_time = self._courier.wait(seconds)
        return self._flushed(in_time, seconds)
