"""One call of a language model, and where it is reported."""

from __future__ import annotations

import inspect
import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from .at_once import finish_at_once
from .context import get_active_session
from .default import default_client
from .ids import new_id
from .usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from .context import Client

_log = logging.getLogger("sentrial")


@dataclass
class Answer:
    """What a model answered. ``model`` is the name that the provider reports."""

    response: Any = None
    usage: Usage | None = None
    model: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """Where the calls of a wrapped provider go: to a given session, else to the active one."""

    client: Client | None
    session_id: str | None
    track_without_session: bool

    def begin(self, provider: str, model: str, prompt: Any, details: dict[str, Any]) -> LlmCall | None:
        """A call that begins now; None where no session is there to hold it."""
        active = get_active_session()
        session_id = self.session_id or (active.session_id if active else None)
        if session_id is None and not self.track_without_session:
            return None
        client = self.client or (active.client if active and not self.session_id else None) or default_client()
        return LlmCall(client, session_id, provider, model, prompt, details)


class LlmCall:
    """Reports itself once, with ``end`` or ``aend``. Neither raises, but for a cancelled task's CancelledError."""

    def __init__(
        self, client: Client, session_id: str | None, provider: str, model: str, prompt: Any, details: dict[str, Any]
    ) -> None:
        self._client = client
        self._session_id = session_id
        self._provider = provider
        self._model = model
        self._prompt = prompt
        self._details = details
        self._timestamp = datetime.now(timezone.utc)
        self._began = time.monotonic()
        self._first: float | None = None
        self._ended = False

    def first_token(self) -> None:
        """Notes the time, when it is the first."""
        if self._first is None:
            self._first = time.monotonic()

    def end(self, answer: Answer | None = None, error: BaseException | None = None) -> None:
        """From synchronous code."""
        try:
            for report in self._reports(answer, error):
                told = report()
                if inspect.iscoroutine(told):
                    finish_at_once(told)
        except Exception as failure:
            _untracked(failure)

    async def aend(self, answer: Answer | None = None, error: BaseException | None = None) -> None:
        """From asynchronous code; the client may be of either kind."""
        try:
            for report in self._reports(answer, error):
                told = report()
                if inspect.isawaitable(told):
                    await told
        except Exception as failure:
            _untracked(failure)

    def _reports(self, answer: Answer | None, error: BaseException | None) -> list[Callable[[], Any]]:
        """What to tell the client, in order: the call, within a session of its own where it has none."""
        if self._ended:
            return []
        self._ended = True
        client, session_id = self._client, self._session_id
        answer = answer or Answer()
        failure = None if error is None else {"message": str(error) or type(error).__name__, "type": type(error).__name__}
        if session_id is not None:
            return [lambda: self._track(session_id, answer, failure)]
        own = new_id("sess")
        name = f"{self._provider} {self._model}"
        return [
            lambda: client.create_session(name, agent_name=self._provider, session_id=own, user_input=self._prompt),
            lambda: self._track(own, answer, failure),
            lambda: client.complete_session(
                own,
                success=failure is None,
                failure_reason=failure["message"] if failure else None,
                duration_ms=self._elapsed(),
                assistant_output=answer.response,
            ),
        ]

    def _track(self, session_id: str, answer: Answer, failure: dict[str, str] | None) -> Any:
        model = answer.model or self._model
        usage = answer.usage or Usage()
        details = {"provider": self._provider, **self._details, **answer.details, **usage.details()}
        if self._first is not None:
            details["time_to_first_token_ms"] = round((self._first - self._began) * 1_000)
        return self._client.track_llm_call(
            session_id,
            model,
            prompt=self._prompt,
            response=answer.response,
            tokens_used=usage.total_tokens,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cost=usage.cost(model),
            duration_ms=self._elapsed(),
            status="success" if failure is None else "error",
            error=failure,
            metadata={name: value for name, value in details.items() if value is not None},
            timestamp=self._timestamp,
        )

    def _elapsed(self) -> int:
        return round((time.monotonic() - self._began) * 1_000)


def _untracked(failure: Exception) -> None:
    _log.warning("A model call is not recorded: %s: %s", type(failure).__name__, failure)
