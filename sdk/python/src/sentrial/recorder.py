from __future__ import annotations

import logging
import time
from collections import OrderedDict
from datetime import datetime, timezone
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Callable

from .errors import ValidationError
from .ids import new_id
from .operation import Operation
from .redact import REDACTABLE, PiiConfig, Redactor
from .serialize import to_json, to_json_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .operation import Kind

_log = logging.getLogger("sentrial")

LONGEST_ID = 200
LONGEST_LABEL = 500
# Sessions whose start is remembered, so that their duration can be told when they end.
SESSIONS_REMEMBERED = 10_000

_NAMES = {
    "alternatives": "alternativesConsidered",
    "stack_trace": "errorStack",
    "token_count": "totalTokens",
    "timestamp": "clientTimestamp",
}
# The fields of each input of the schema; a test compares them.
_SESSION = frozenset(
    {
        "agentName", "assistantOutput", "completionTokens", "convoId", "customMetrics", "durationMs", "estimatedCost",
        "failureReason", "id", "metadata", "name", "parentSessionId", "promptTokens", "status", "success", "summary",
        "totalTokens", "userId", "userInput",
    }
)  # fmt: skip
_EVENT = frozenset(
    {
        "branchName", "clientTimestamp", "durationMs", "estimatedCost", "id", "metadata", "parentEventId", "reasoning",
        "sessionId", "spanId", "stateAfter", "stateBefore", "totalTokens", "traceId",
    }
)  # fmt: skip
FIELDS = {
    "createSession": _SESSION | {"clientTimestamp"},
    "updateSession": _SESSION,
    "completeSession": _SESSION - {"agentName", "convoId", "name", "parentSessionId", "userId"},
    "toolCall": _EVENT | {"status", "toolError", "toolInput", "toolName", "toolOutput"},
    "decision": _EVENT | {"alternativesConsidered", "chosen", "confidence"},
    "llmCall": _EVENT | {"completionTokens", "model", "prompt", "promptTokens", "response", "status", "toolError"},
    "stateChange": _EVENT,
    "error": _EVENT | {"errorMessage", "errorStack", "errorType", "recoverable", "recoveryAction", "toolError", "toolName"},
}
# What the server insists on, where it was given as None.
_REQUIRED = {"toolCall": {"toolName": "unknown"}, "llmCall": {"model": "unknown"}, "error": {"errorMessage": ""}}
_BOUNDS = {"confidence": 1.0, "estimatedCost": 1e9, "durationMs": 1e13}
_COUNTS = frozenset({"promptTokens", "completionTokens", "totalTokens"})
_TEXTS = frozenset(
    {
        "toolName", "reasoning", "chosen", "model", "status", "errorType", "errorMessage", "errorStack", "recoveryAction",
        "traceId", "spanId", "branchName", "failureReason", "summary",
    }
)  # fmt: skip
_OBJECTS = frozenset({"metadata", "customMetrics"})
_IDS = frozenset({"id", "sessionId", "parentEventId", "parentSessionId"})
_LABELS = frozenset({"name", "agentName", "userId", "convoId"})


class Recorder:
    """Turns the arguments of a client's methods into operations: renamed, made to fit, redacted, serialised.

    What does not fit a field of the server is converted where that loses nothing (``"0.9"`` for a confidence), and kept
    under ``metadata`` otherwise. Raises ValidationError only where an operation cannot be made: without a session id.
    """

    def __init__(self, pii: PiiConfig | bool | None, project_id: str | None) -> None:
        config = PiiConfig() if pii is True else pii or None
        self._redactor = Redactor(config) if config is not None and config.enabled else None
        self._project_id = project_id
        self._started: OrderedDict[str, float] = OrderedDict()

    def create_session(self, fields: Mapping[str, Any]) -> Operation:
        given = dict(fields)
        id = str(given.pop("session_id", None) or new_id("sess"))
        metadata = given.get("metadata")
        described = metadata if isinstance(metadata, dict) else {}
        given["name"] = given.get("name") or "unnamed"
        given["agent_name"] = given.get("agent_name") or given["name"]
        given["user_id"] = given.get("user_id") or described.get("user_id") or described.get("userId") or "anonymous"
        if self._project_id:
            given["metadata"] = {"project_id": self._project_id, **described} if metadata is None or described else metadata
        given["timestamp"] = datetime.now(timezone.utc)
        self._remember(id)
        return self._operation("createSession", id, id, {"id": id, **self._input("createSession", given)})

    def update_session(self, session_id: str, fields: Mapping[str, Any]) -> Operation:
        return self._change("updateSession", session_id, fields)

    def complete_session(self, session_id: str, fields: Mapping[str, Any]) -> Operation:
        started = self._started.pop(session_id, None)
        if fields.get("duration_ms") is None and started is not None:
            fields = {**fields, "duration_ms": round((time.monotonic() - started) * 1_000)}
        return self._change("completeSession", session_id, fields)

    def event(self, kind: str, session_id: str, fields: Mapping[str, Any]) -> Operation:
        """``kind`` is a field of EventInput: toolCall, decision, llmCall, stateChange or error."""
        given = dict(fields)
        id = str(given.pop("event_id", None) or new_id("evt"))
        metadata = given.get("metadata")
        if given.get("duration_ms") is None and isinstance(metadata, dict):
            given["duration_ms"] = metadata.get("duration_ms")  # where the published package puts it
        if given.get("timestamp") is None:
            given["timestamp"] = datetime.now(timezone.utc)
        input = {**_REQUIRED.get(kind, {}), "id": id, "sessionId": self._session(session_id), **self._input(kind, given)}
        return self._operation("event", id, str(session_id), input, wrap=kind)

    def _change(self, kind: Kind, session_id: str, fields: Mapping[str, Any]) -> Operation:
        input = {"id": self._session(session_id), **self._input(kind, fields)}
        return self._operation(kind, new_id("upd"), str(session_id), input)

    def _session(self, session_id: object) -> str:
        if isinstance(session_id, str) and 0 < len(session_id) <= LONGEST_ID:
            return session_id
        raise ValidationError(f"session_id: expected the text that create_session gave, got {session_id!r:.100}")

    def _remember(self, session_id: str) -> None:
        self._started[session_id] = time.monotonic()
        if len(self._started) > SESSIONS_REMEMBERED:
            self._started.popitem(last=False)

    def _input(self, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Wire names, without what is None, each value as the schema wants it."""
        input: dict[str, Any] = {}
        misfits: dict[str, Any] = {}
        known = FIELDS[kind]
        for name, value in fields.items():
            if value is None:
                continue
            wire = _wire_name(name)
            try:
                fit = _FIT.get(wire)
                fitting = None if wire not in known else value if fit is None else fit(value)
            except Exception:  # a value that fails to say what it is
                fitting = None
            if fitting is None:
                misfits[name] = value
            else:
                input[wire] = fitting
        if misfits:
            input["metadata"] = {**input.get("metadata", {}), **misfits}
        return input

    def _operation(self, kind: Kind, id: str, session_id: str, input: dict[str, Any], wrap: str | None = None) -> Operation:
        if self._redactor is not None:
            input = self._redacted(self._redactor, input)
        return Operation(kind, id, session_id, to_json(input if wrap is None else {wrap: input}))

    def _redacted(self, redactor: Redactor, input: dict[str, Any]) -> dict[str, Any]:
        try:
            return redactor.redact(to_json_value(input))
        except Exception as error:  # no content leaves the process that was not looked through
            _log.error("Redaction failed (%s): an event is sent without its content", type(error).__name__)
            kept = {name: value for name, value in input.items() if name not in _OBJECTS and name != "alternativesConsidered"}
            return {name: "[REDACTED]" if name in REDACTABLE else value for name, value in kept.items()}


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    plain = to_json_value(value)
    return plain if isinstance(plain, str) else to_json(plain).decode()


def _label(value: Any) -> str | None:
    return _text(value)[:LONGEST_LABEL] or None


def _id(value: Any) -> str | None:
    text = _text(value)
    return text if 0 < len(text) <= LONGEST_ID else None


def _object(value: Any) -> dict[str, Any] | None:
    plain = value if type(value) is dict else to_json_value(value)
    return plain if isinstance(plain, dict) else None


def _options(value: Any) -> list[Any]:
    plain = to_json_value(value)
    return ["null" if option is None else option for option in plain] if isinstance(plain, list) else [plain]


def _count(value: Any) -> int | None:
    number = _number(value, 2_147_483_647)
    return None if number is None else int(number)


def _number(value: Any, most: float) -> float | int | None:
    if type(value) is not int and type(value) is not float:
        try:
            value = float(value)
        except (TypeError, ValueError, OverflowError):
            return None
    return value if 0 <= value <= most else None


def _timestamp(value: Any) -> str | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        moment = value.astimezone(timezone.utc)  # a naive one is local time
    except (OverflowError, ValueError):
        return None
    return moment.isoformat(timespec="milliseconds") if moment.year >= 1970 else None


@lru_cache(maxsize=256)
def _wire_name(name: str) -> str:
    head, *rest = name.split("_")
    return _NAMES.get(name) or head + "".join(part.capitalize() for part in rest)


# How a value is made to fit its field: None where it cannot be. Fields that are not here take any JSON.
_FIT: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_TEXTS, _text),
    **dict.fromkeys(_OBJECTS, _object),
    **dict.fromkeys(_LABELS, _label),
    **dict.fromkeys(_IDS, _id),
    **dict.fromkeys(_COUNTS, _count),
    **{name: partial(_number, most=most) for name, most in _BOUNDS.items()},
    "alternativesConsidered": _options,
    "clientTimestamp": _timestamp,
    "recoverable": bool,
    "success": bool,
}
