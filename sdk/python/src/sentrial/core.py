from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Generic, TypeVar, cast
from uuid import uuid4

from .config import NOTHING, read_settings
from .context import get_session_context
from .courier import Courier, close_when_collected
from .errors import ConfigurationError, QueueFull, ServerUnavailable, ValidationError
from .ids import new_id
from .recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .config import BatcherConfig, PathLike
    from .operation import Operation
    from .outbox import DeliveryStats
    from .redact import PiiConfig
    from .types import Session

_log = logging.getLogger("sentrial")

T = TypeVar("T")

READ_AFTER = 5.0
"""Seconds that a read waits for what was recorded before it."""


@dataclass(frozen=True)
class Write(Generic[T]):
    """What a method tells the server, and what it gives its caller. Without an operation nothing is told."""

    result: T
    operation: Operation | None = None


# What close_session and complete_session take, and what it means: status on the wire, success.
_STATUSES: dict[str, tuple[str, bool | None]] = {
    "success": ("COMPLETED", True),
    "completed": ("COMPLETED", True),
    "error": ("FAILED", False),
    "failed": ("FAILED", False),
    "cancelled": ("CANCELLED", None),
    "canceled": ("CANCELLED", None),
}


class ClientCore:
    """What the synchronous and the asynchronous client have in common: everything but waiting."""

    _courier: Courier

    def __init__(
        self,
        api_key: str | None = None,
        project_id: str | None = None,
        api_url: str | None = None,
        timeout: float = 30,
        max_retries: int = 3,
        fail_silently: bool = True,
        batching: BatcherConfig | bool | None = None,
        pii: PiiConfig | bool | None = None,
        spool: PathLike | bool | None = None,
    ) -> None:
        self.current_state: dict[str, Any] = {}
        """What ``update_state`` was told."""
        try:
            self._settings = read_settings(
                api_key=api_key,
                project_id=project_id,
                api_url=api_url,
                timeout=timeout,
                max_retries=max_retries,
                fail_silently=fail_silently,
                batching=batching,
                spool=spool,
            )
            self._recorder = Recorder(pii, self._settings.project_id)
        except ConfigurationError as error:
            if not fail_silently:
                raise
            _log.error("Nothing is recorded: %s", error)
            self._settings = NOTHING
            self._recorder = Recorder(None, None)
        self._courier = self._make_courier()
        close_when_collected(self, self._courier)

    def update_state(self, key: str, value: Any) -> None:
        """Keeps a value of the agent's state in ``current_state``; in an active session, reports the change too."""
        before = dict(self.current_state)
        self.current_state[key] = value
        session_id = get_session_context()
        if session_id is not None:
            self._enqueue(self._state_change(session_id, state_before=before, state_after=self.current_state))

    def stats(self) -> DeliveryStats:
        """What became of everything that was recorded in this process."""
        return self._courier.outbox.stats()

    @property
    def api_url(self) -> str:
        """The server's base URL, without a slash at the end."""
        return self._settings.api_url

    @property
    def fail_silently(self) -> bool:
        """Whether what goes wrong is logged, and not raised."""
        return self._settings.fail_silently

    def _make_courier(self) -> Courier:
        return Courier(self._settings)

    def _enqueue(self, write: Write[T]) -> T:
        """Records it without waiting, whatever kind of client this is."""
        if write.operation is not None and self._settings.api_key and not self._courier.submit(write.operation):
            self._complain(QueueFull("Not recorded: the client is closed, or BatcherConfig.max_bytes wait to be sent"), logged=True)
        return write.result

    def _flushed(self, in_time: bool, seconds: float) -> bool:
        failed = self._courier.outbox.collect_failure()
        if failed is None and not in_time:
            failed = ServerUnavailable(f"Not everything was delivered within {seconds} s")
        if failed is not None:
            self._complain(failed, logged=True)
        return failed is None

    # What each method tells. These raise only with fail_silently=False.

    def _creation(self, **fields: Any) -> Write[str]:
        id = str(fields.get("session_id") or new_id("sess"))
        return self._make(id, lambda: self._recorder.create_session({**fields, "session_id": id}))

    def _update(self, session_id: str, fields: Mapping[str, Any]) -> Write[None]:
        return self._make(None, lambda: self._recorder.update_session(session_id, fields))

    def _completion(
        self, session_id: str, *, status: str | None = None, success: bool | None = None, **fields: Any
    ) -> Write[Session]:
        reported: dict[str, Any] = {"id": session_id}

        def make() -> Operation:
            wire, succeeded = _outcome(status, success)
            reported.update(status=wire.lower(), success=succeeded)
            reported.update({name: value for name, value in fields.items() if value is not None})
            return self._recorder.complete_session(session_id, {"status": wire, "success": succeeded, **fields})

        write = self._make(reported, make)
        return Write(cast("Session", reported), write.operation)

    def _closing(self, session_id: str, **fields: Any) -> Write[None]:
        return Write(None, self._completion(session_id, **fields).operation)

    def _tool_call(self, session_id: str, **fields: Any) -> Write[str]:
        if fields.get("status") is None:
            fields["status"] = "error" if fields.get("tool_error") else None
        return self._event("toolCall", session_id, fields)

    def _decision(self, session_id: str, **fields: Any) -> Write[str]:
        return self._event("decision", session_id, fields)

    def _llm_call(self, session_id: str, **fields: Any) -> Write[str]:
        fields["total_tokens"] = fields.pop("tokens_used", None)
        if (
            fields["total_tokens"] is None
            and isinstance(fields["prompt_tokens"], int)
            and isinstance(fields["completion_tokens"], int)
        ):
            fields["total_tokens"] = fields["prompt_tokens"] + fields["completion_tokens"]
        fields["estimated_cost"] = fields.pop("cost", None)
        fields["tool_error"] = fields.pop("error", None)
        if fields.get("status") is None:
            fields["status"] = "error" if fields["tool_error"] else None
        return self._event("llmCall", session_id, fields)

    def _error(self, session_id: str, **fields: Any) -> Write[str]:
        return self._event("error", session_id, fields)

    def _state_change(self, session_id: str, **fields: Any) -> Write[str]:
        return self._event("stateChange", session_id, fields)

    def _event(self, kind: str, session_id: str, fields: dict[str, Any]) -> Write[str]:
        id = str(fields.get("event_id") or new_id("evt"))
        fields["event_id"] = id
        return self._make(id, lambda: self._recorder.event(kind, session_id, fields))

    def _beginning(
        self, user_id: str, event: str, input: Any, event_id: str | None, convo_id: str | None, metadata: Mapping[str, Any] | None
    ) -> tuple[Write[str], str]:
        event_id = event_id or str(uuid4())
        creation = self._creation(
            name=f"{event}:{event_id[:8]}",
            agent_name=event,
            user_id=user_id,
            convo_id=convo_id or None,
            metadata={**(metadata or {}), "event_id": event_id},
            user_input=input,
        )
        return creation, event_id

    def _make(self, result: T, operation: Callable[[], Operation]) -> Write[T]:
        try:
            return Write(result, operation())
        except Exception as error:
            self._complain(error)
            return Write(result)

    def _complain(self, error: Exception, *, logged: bool = False) -> None:
        """Raises it where the caller asked for that, logs it otherwise."""
        if not self._settings.fail_silently:
            raise error
        if logged:
            return
        expected = isinstance(error, (ConfigurationError, ValidationError))
        _log.warning("%s", error, exc_info=None if expected else error)


def session_of(answer: Mapping[str, Any]) -> Session:
    """A session as GraphQL gives it, in the names of ``sentrial.types``."""
    named = {re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name): value for name, value in answer.items()}
    if isinstance(named.get("status"), str):
        named["status"] = named["status"].lower()
    return cast("Session", named)


def _outcome(status: str | None, success: bool | None) -> tuple[str, bool | None]:
    if status is None:
        return ("COMPLETED", True) if success is None or success else ("FAILED", False)
    known = _STATUSES.get(str(status).lower())
    if known is None:
        raise ValidationError(f"status: expected success, error or cancelled, got {status!r:.40}")
    return known[0], known[1] if success is None else bool(success)
