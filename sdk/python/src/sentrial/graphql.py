"""The server's GraphQL door: what is sent for operations, and what an answer says about each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .errors import (
    AuthenticationError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    RefusedError,
    SentrialError,
    ValidationError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .operation import Operation

_MUTATIONS = {
    "createSession": "mutation($input: CreateSessionInput!) { createSession(input: $input) { id } }",
    "event": "mutation($input: [EventInput!]!) { recordEvents(input: $input) { error { code message } } }",
    "updateSession": "mutation($input: UpdateSessionInput!) { updateSession(input: $input) { id } }",
    "completeSession": "mutation($input: CompleteSessionInput!) { completeSession(input: $input) { id } }",
}
_HEADS = {kind: b'{"query":%s,"variables":{"input":' % json.dumps(text).encode() for kind, text in _MUTATIONS.items()}

SESSION_QUERY = """query($id: ID!) { session(id: $id) {
  id name agentName userId convoId parentSessionId status success failureReason summary userInput assistantOutput metadata
  customMetrics promptTokens completionTokens totalTokens estimatedCost durationMs eventCount toolCallCount decisionCount
  llmCallCount stateChangeCount errorCount createdAt updatedAt completedAt lastEventAt } }"""


@dataclass(frozen=True)
class Request:
    """One POST to ``/graphql``. ``key`` goes out as Idempotency-Key: sent twice, it is applied once."""

    body: bytes
    key: str | None = None


@dataclass(frozen=True)
class Response:
    """What came back; ``retry_after`` in seconds."""

    status: int
    body: bytes
    retry_after: float | None = None


@dataclass(frozen=True)
class Failure:
    """No answer came, or none that could be read."""

    reason: str


@dataclass(frozen=True)
class Judgement:
    """What an answer means for the operations that were sent together.

    ``answered``: ``errors`` holds one entry for each, None where it is stored. ``unavailable``: the same again, later.
    ``fault``: the server failed at these; again, but not for ever. ``divide``: one of them spoils the whole.
    """

    kind: Literal["answered", "unavailable", "fault", "divide"]
    errors: Sequence[SentrialError | None] = ()
    reason: str = ""
    retry_after: float | None = None


def request_for(operations: Sequence[Operation]) -> Request:
    """The request for one operation, or for several events."""
    first = operations[0]
    if first.kind == "event":
        return Request(_HEADS["event"] + b"[" + b",".join(operation.input for operation in operations) + b"]}}")
    creates = first.kind == "createSession"  # has its id in the input
    return Request(_HEADS[first.kind] + first.input + b"}}", None if creates else first.id)


def query(text: str, **variables: object) -> Request:
    return Request(json.dumps({"query": text, "variables": variables}).encode())


def judge(response: Response | Failure, count: int) -> Judgement:
    """Reads the answer to a request for ``count`` operations."""
    if isinstance(response, Failure):
        return Judgement("unavailable", reason=response.reason)
    if response.status in (408, 425, 429, 502, 503, 504):
        return Judgement("unavailable", reason=f"the server answered {response.status}", retry_after=response.retry_after)
    if response.status == 413:
        return Judgement("divide", [ValidationError("It is larger than the server takes (MAX_BODY_BYTES)")] * count)
    answer = _parse(response.body)
    if answer is None:
        if response.status >= 500:
            return Judgement("fault", reason=f"the server answered {response.status}")
        if response.status == 401:
            return Judgement("answered", [AuthenticationError("The API key was not accepted", "UNAUTHENTICATED")] * count)
        return Judgement("unavailable", reason=f"status {response.status} and no GraphQL: is api_url a Sentrial server?")
    errors = answer.get("errors")
    if errors:
        return _judge_error(errors[0], response, count)
    results = next(iter((answer.get("data") or {}).values()), None)
    if isinstance(results, list) and len(results) == count:
        return Judgement("answered", [_item_error(result) for result in results])
    return Judgement("answered", [None] * count)


def data_of(response: Response | Failure) -> dict[str, Any]:
    """The ``data`` of an answer that ``judge`` found good."""
    answer = _parse(response.body) if isinstance(response, Response) else None
    return (answer or {}).get("data") or {}


def _judge_error(error: Any, response: Response, count: int) -> Judgement:
    extensions = error.get("extensions") or {}
    code = extensions.get("code", "INTERNAL_SERVER_ERROR")
    message = str(error.get("message", "no message"))
    if code == "OVERLOADED":
        return Judgement("unavailable", reason=message, retry_after=response.retry_after or extensions.get("retryAfter"))
    if code == "INTERNAL_SERVER_ERROR":
        return Judgement("fault", [error_for(code, message)] * count, message)
    if code in ("UNAUTHENTICATED", "FORBIDDEN"):
        return Judgement("answered", [error_for(code, message)] * count)
    return Judgement("divide" if count > 1 else "answered", [error_for(code, message)] * count)


def _item_error(result: Any) -> SentrialError | None:
    error = result.get("error")
    return None if error is None else error_for(str(error.get("code")), str(error.get("message")))


def error_for(code: str, message: str) -> SentrialError:
    """The exception for a GraphQL error code."""
    if code in ("BAD_USER_INPUT", "TOO_LARGE"):
        return ValidationError(message)
    return _ERRORS.get(code, RefusedError)(message, code)


_ERRORS: dict[str, type[RefusedError]] = {
    "UNAUTHENTICATED": AuthenticationError,
    "FORBIDDEN": PermissionDeniedError,
    "NOT_FOUND": NotFoundError,
    "CONFLICT": ConflictError,
}


def _parse(body: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    if isinstance(answer, dict) and ("data" in answer or isinstance(answer.get("errors"), list)):
        return answer
    return None
