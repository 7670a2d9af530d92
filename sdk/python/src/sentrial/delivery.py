"""How operations reach the server, without any input or output of its own.

``deliver`` and ``exchange`` are generators that ask for a ``Request`` to be sent, a ``Pause`` to be made or ``DiskWork`` to
be done, and are sent the response. A thread drives them with blocking calls (``courier.py``), a task with awaited ones
(``async_courier.py``).
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Callable, Union

from .errors import NotFoundError, RefusedError, SentrialError, ServerUnavailable
from .graphql import Failure, Judgement, Request, Response, judge, request_for

if TYPE_CHECKING:
    from .operation import Operation
    from .outbox import Outbox
    from .spool import Batch, Spool

_log = logging.getLogger("sentrial")

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 10.0
LONGEST_RETRY_AFTER = 60.0
FAULTS = 5
"""How often the server may fail at the same operations before each is tried alone, or given up."""
MISSES = 6
"""How often a session may be unknown: its creation may come from another process. About 15 seconds."""
LAST_TRIES = 3
"""How often a closing client tries when the server is away: the next client may never come, so the spool comes second."""


@dataclass(frozen=True)
class Pause:
    """Wait this many seconds; None: until woken. Being woken early does no harm."""

    seconds: float | None


@dataclass(frozen=True)
class DiskWork:
    """Call it where waiting for a disk harms nobody."""

    do: Callable[[], None]


Step = Union[Request, Pause, DiskWork]
Driven = Generator[Step, Union[Response, Failure, None], None]
Exchange = Generator[Union[Request, Pause], Union[Response, Failure, None], Union[Response, Failure]]


class _ClosedMeanwhile(Exception):
    """The client is closing, and the server is away."""


def deliver(outbox: Outbox, spool: Spool | None) -> Driven:
    """Sends what the outbox holds, and what the spool holds before it, until the outbox is closed and empty.

    Returns early when the outbox is closed and the server away; what is left is in ``outbox.all_left()``.
    """
    try:
        while True:
            if spool is not None and spool.may_hold_more:
                yield from _replay_oldest(outbox, spool)
                continue
            due = outbox.due()
            if due is None and outbox.closed:
                return
            if due is None or due > 0:
                yield Pause(due)
                continue
            yield from _send_all(outbox.take(), outbox, spool)
    except _ClosedMeanwhile:
        return


def exchange(request: Request, retries: int) -> Exchange:
    """One request with its retries. Gives the answer; raises SentrialError where it is no good."""
    tries = 0
    while True:
        response = yield request
        assert response is not None
        verdict = judge(response, 1)
        if verdict.kind in ("answered", "divide"):
            error = verdict.errors[0]
            if error is not None:
                raise error
            return response
        tries += 1
        if tries > retries:
            if verdict.kind == "fault" and verdict.errors and verdict.errors[0] is not None:
                raise verdict.errors[0]
            raise ServerUnavailable(f"Not delivered after {tries} tries: {verdict.reason}")
        yield from _pause(_backoff(tries, verdict.retry_after))


def _replay_oldest(outbox: Outbox, spool: Spool) -> Driven:
    batches: list[Batch] = []

    def read() -> None:
        batch = spool.oldest()
        if batch is not None:
            batches.append(batch)

    yield DiskWork(read)
    for path, operations in batches:
        yield from _send_all(operations, outbox, spool)
        yield DiskWork(partial(spool.remove, path))


def _send_all(operations: Sequence[Operation], outbox: Outbox, spool: Spool | None) -> Driven:
    """Creations, then events, then changes: so an event finds its session, and one request takes many events."""
    ordered = sorted(operations, key=lambda operation: _PHASES[operation.kind])
    for kind, group in groupby(ordered, key=lambda operation: operation.kind):
        if kind == "event":
            yield from _send(list(group), outbox, spool)
        else:
            for operation in group:
                yield from _send([operation], outbox, spool)


_PHASES = {"createSession": 0, "event": 1, "updateSession": 2, "completeSession": 2}


def _send(operations: Sequence[Operation], outbox: Outbox, spool: Spool | None) -> Driven:
    """Sends them in one request, until each is settled or deferred."""
    failures = faults = last_tries = 0
    while True:
        response = yield request_for(operations)
        assert response is not None
        verdict = judge(response, len(operations))
        if verdict.kind == "answered":
            if failures:
                _log.info("The server is back")
            _settle(operations, verdict, outbox)
            return
        if verdict.kind == "fault":
            faults += 1
        if verdict.kind == "divide" or faults >= FAULTS:
            if len(operations) == 1:
                error = (verdict.errors or [None])[0] or RefusedError(verdict.reason)
                outbox.settle(operations, [error])
            else:
                middle = len(operations) // 2
                yield from _send(operations[:middle], outbox, spool)
                yield from _send(operations[middle:], outbox, spool)
            return
        failures += 1
        outbox.say("away", f"Not delivered, trying again: {verdict.reason}")
        if outbox.closed:
            last_tries += 1
            if last_tries >= LAST_TRIES:
                raise _ClosedMeanwhile
        if spool is not None and outbox.half_full():
            yield DiskWork(partial(_spill, outbox, spool))
        yield from _pause(_backoff(last_tries or failures, verdict.retry_after), outbox)


def _settle(operations: Sequence[Operation], verdict: Judgement, outbox: Outbox) -> None:
    settled: list[Operation] = []
    errors: list[SentrialError | None] = []
    for operation, error in zip(operations, verdict.errors):
        if isinstance(error, NotFoundError) and operation.misses < MISSES and operation.kind != "createSession":
            operation.misses += 1
            outbox.defer(operation, FIRST_PAUSE * 2 ** (operation.misses - 1))
        else:
            settled.append(operation)
            errors.append(error)
    outbox.settle(settled, errors)


def _spill(outbox: Outbox, spool: Spool) -> None:
    """Moves what is queued to disk, so that memory is free for what comes."""
    operations = outbox.take()
    while operations:
        if not spool.write(operations):
            outbox.put_back(operations)
            return
        outbox.give_up(operations, spooled=True)
        operations = outbox.take()


def _backoff(failures: int, retry_after: float | None) -> float:
    if retry_after is not None:
        return min(max(retry_after, 0.0), LONGEST_RETRY_AFTER)
    return min(FIRST_PAUSE * 2.0 ** min(failures - 1, 10), LONGEST_PAUSE) * random.uniform(0.5, 1.0)


def _pause(seconds: float, outbox: Outbox | None = None) -> Generator[Pause, Any, None]:
    """Waits, however often it is woken; cut short when someone begins to wait for delivery, or to close."""
    until = time.monotonic() + seconds
    hurries = outbox.hurries if outbox else 0
    while (left := until - time.monotonic()) > 0 and (outbox is None or outbox.hurries == hurries):
        yield Pause(left)
