from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .async_courier import AsyncCourier
from .core import READ_AFTER, ClientCore, Write, session_of
from .errors import SentrialError
from .graphql import SESSION_QUERY, data_of, query, request_for
from .interaction import AsyncInteraction
from .types import Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Unpack

    from .arguments import EventArguments, OutcomeArguments, StepArguments

T = TypeVar("T")


class AsyncSentrialClient(ClientCore):
    """The asynchronous client: the same methods and arguments as ``SentrialClient``, to be awaited. Needs ``httpx``.

    By default every call returns at once. A task of the running event loop sends what was recorded; what is left when
    the loop has ended is sent at the end of the process. One client may be used in several loops, one after another.
    """

    _courier: AsyncCourier

    def _make_courier(self) -> AsyncCourier:
        return AsyncCourier(self._settings)

    # Sessions

    async def create_session(
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
        """See ``SentrialClient.create_session``."""
        return await self._write(
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

    async def get_session(self, session_id: str) -> Session:
        """See ``SentrialClient.get_session``."""
        return await self._read(session_id)

    async def update_session(self, session_id: str, **changes: Unpack[OutcomeArguments]) -> None:
        """See ``SentrialClient.update_session``."""
        await self._write(self._update(session_id, changes))

    async def complete_session(
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
        """See ``SentrialClient.complete_session``."""
        return await self._write(
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

    async def close_session(
        self,
        session_id: str,
        status: str | None = None,
        summary: str | None = None,
        *,
        success: bool | None = None,
        failure_reason: str | None = None,
        duration_ms: float | None = None,
    ) -> None:
        """See ``SentrialClient.close_session``."""
        await self._write(
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

    async def track_tool_call(
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
        """See ``SentrialClient.track_tool_call``."""
        return await self._write(
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

    async def track_decision(
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
        """See ``SentrialClient.track_decision``."""
        return await self._write(
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

    async def track_llm_call(
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
        """See ``SentrialClient.track_llm_call``."""
        return await self._write(
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

    async def track_error(
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
        """See ``SentrialClient.track_error``."""
        return await self._write(
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

    async def track_state_change(
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
        """See ``SentrialClient.track_state_change``."""
        return await self._write(
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

    async def begin(
        self,
        user_id: str,
        event: str,
        input: Any = None,
        event_id: str | None = None,
        convo_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> AsyncInteraction:
        """See ``SentrialClient.begin``."""
        creation, event_id = self._beginning(user_id, event, input, event_id, convo_id, metadata)
        return AsyncInteraction(self, await self._write(creation), event_id, user_id, event, input)

    # Delivery

    async def flush(self, timeout: float | None = None) -> bool:
        """See ``SentrialClient.flush``."""
        return await self._flush(timeout)

    async def close(self, timeout: float | None = None) -> None:
        """See ``SentrialClient.close``."""
        await self._courier.close_async(timeout)

    async def shutdown(self) -> None:
        """See ``SentrialClient.shutdown``."""
        await self.close()

    async def __aenter__(self) -> AsyncSentrialClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def _write(self, write: Write[T]) -> T:
        if self._settings.batching.enabled or write.operation is None or not self._settings.api_key:
            return self._enqueue(write)
        try:
            await self._courier.call_async(request_for([write.operation]))
        except SentrialError as error:
            self._complain(error)
        return write.result

    async def _read(self, session_id: str) -> Session:
        if not self._settings.api_key:
            return Session()
        try:
            await self._courier.wait_async(min(READ_AFTER, self._settings.timeout))
            answer = await self._courier.call_async(query(SESSION_QUERY, id=session_id))
            return session_of(data_of(answer)["session"])
        except Exception as error:
            self._complain(error)
            return Session()

    async def _flush(self, timeout: float | None) -> bool:
        seconds = self._settings.timeout if timeout is None else timeout
        in_time = await self._courier.wait_async(seconds)
        return self._flushed(in_time, seconds)
