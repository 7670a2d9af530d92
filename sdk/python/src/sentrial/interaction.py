from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Generic

from .calls import Calls, IdT, SessionT, as_coroutine_functions
from .context import ActiveSession, enter_session, leave_session
from .types import Session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextvars import Token
    from types import TracebackType

    from .async_client import AsyncSentrialClient
    from .client import SentrialClient


class _Outcome:
    """What an interaction has learnt of its end so far."""

    def __init__(self) -> None:
        self.finished = False
        self.output: Any = None
        self.failure: str | None = None
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.cost = 0.0

    def of(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of complete_session: what ``finish`` was given, else what was learnt."""
        learnt: dict[str, Any] = {"assistant_output": self.output}
        if self.failure is not None:
            learnt.update(success=False, failure_reason=self.failure)
        if self.prompt_tokens or self.completion_tokens:
            total = self.prompt_tokens + self.completion_tokens
            learnt.update(prompt_tokens=self.prompt_tokens, completion_tokens=self.completion_tokens, total_tokens=total)
        if self.cost:
            learnt["estimated_cost"] = self.cost
        learnt.update({name: value for name, value in given.items() if value is not None})
        return learnt


class _InteractionCore(Generic[IdT, SessionT]):
    """What both kinds of interaction have in common."""

    session_id: str
    """Id of the session that was begun."""
    event_id: str
    user_id: str
    event: str
    """The agent's name."""

    def __init__(
        self, client: Calls[IdT, SessionT, Any], session_id: str, event_id: str, user_id: str, event: str, input: Any
    ) -> None:
        self.client = client
        self.session_id = session_id
        self.event_id = event_id
        self.user_id = user_id
        self.event = event
        self.input = input
        self._outcome = _Outcome()
        self._token: Token[ActiveSession | None] | None = None

    def set_output(self, output: Any) -> None:
        """What the agent answered; ``finish`` reports it."""
        self._outcome.output = output

    def add_tokens(self, prompt_tokens: int = 0, completion_tokens: int = 0, cost: float = 0.0) -> None:
        """Adds to what ``finish`` reports for the whole session, instead of the sums over its events."""
        self._outcome.prompt_tokens += prompt_tokens
        self._outcome.completion_tokens += completion_tokens
        self._outcome.cost += cost

    def track_error(self, error_message: str, error_type: str | None = None, **more: Any) -> IdT:
        """The client's ``track_error``, without ``session_id``; the interaction counts as failed with this message."""
        self._outcome.failure = str(error_message)
        return self.client.track_error(self.session_id, error_message, error_type, **more)

    def finish(
        self,
        output: Any = None,
        success: bool | None = None,
        failure_reason: str | None = None,
        estimated_cost: float | None = None,
        custom_metrics: Mapping[str, Any] | None = None,
        duration_ms: float | None = None,
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
        total_tokens: int | None = None,
    ) -> SessionT:
        """Ends the session, and gives what was reported. The second time it does nothing, and gives an empty dict.

        What is left out is what ``set_output``, ``add_tokens`` and ``track_error`` said.
        """
        if self._outcome.finished:
            return self._nothing()
        self._outcome.finished = True
        return self.client.complete_session(
            self.session_id,
            **self._outcome.of(
                {
                    "assistant_output": output,
                    "success": success,
                    "failure_reason": failure_reason,
                    "estimated_cost": estimated_cost,
                    "custom_metrics": custom_metrics,
                    "duration_ms": duration_ms,
                    "prompt_tokens": prompt_tokens,
                    "completion_tokens": completion_tokens,
                    "total_tokens": total_tokens,
                }
            ),
        )

    def _nothing(self) -> SessionT:
        """An empty session."""
        raise NotImplementedError

    def _learn_error(self, error: BaseException | None) -> None:
        if error is not None and self._outcome.failure is None:
            self._outcome.failure = f"{type(error).__name__}: {error}"

    def _leave(self) -> None:
        if self._token is not None:
            leave_session(self._token)
            self._token = None


class Interaction(_InteractionCore[str, Session]):
    """A session that was begun for a user. ``with`` makes it the active session, and finishes it at the end.

    An exception out of the block, or ``track_error``, makes it a failure; the exception goes on. ``track_tool_call``,
    ``track_decision``, ``track_llm_call`` and ``track_state_change`` are the client's, without ``session_id``.
    """

    client: SentrialClient

    def __init__(self, client: SentrialClient, session_id: str, event_id: str, user_id: str, event: str, input: Any = None) -> None:
        super().__init__(client, session_id, event_id, user_id, event, input)
        self.track_tool_call = partial(client.track_tool_call, session_id)
        self.track_decision = partial(client.track_decision, session_id)
        self.track_llm_call = partial(client.track_llm_call, session_id)
        self.track_state_change = partial(client.track_state_change, session_id)

    def _nothing(self) -> Session:
        return Session()

    def __enter__(self) -> Interaction:
        self._token = enter_session(ActiveSession(self.session_id, self.client, self))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave()
        self._learn_error(error)
        self.finish()


class AsyncInteraction(_InteractionCore[Coroutine[Any, Any, str], Coroutine[Any, Any, Session]]):
    """``Interaction``, to be awaited: ``async with await client.begin(...) as interaction``."""

    client: AsyncSentrialClient

    def __init__(
        self, client: AsyncSentrialClient, session_id: str, event_id: str, user_id: str, event: str, input: Any = None
    ) -> None:
        super().__init__(client, session_id, event_id, user_id, event, input)
        self.track_tool_call = partial(client.track_tool_call, session_id)
        self.track_decision = partial(client.track_decision, session_id)
        self.track_llm_call = partial(client.track_llm_call, session_id)
        self.track_state_change = partial(client.track_state_change, session_id)

    async def _nothing(self) -> Session:
        return Session()

    async def __aenter__(self) -> AsyncInteraction:
        self._token = enter_session(ActiveSession(self.session_id, self.client, self))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave()
        self._learn_error(error)
        await self.finish()


as_coroutine_functions(_InteractionCore, AsyncInteraction, "track_error", "finish")
