"""How operations reach the server, without any input or output of its own.

``Delivery.steps`` and ``exchange`` are generators that ask for a ``Request`` to be sent, a ``Pause`` to be made or
``DiskWork`` to be done, and are sent the response. A thread drives them with blocking calls (``courier.py``), a task with
awaited ones (``async_courier.py``).
"""

from __future__ import annotations

import contextlib
import logging
import random
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Callable, Union

from .errors import NotFoundError, RefusedError, SentrialError, ServerUnavailable
from .graphql import Failure, Judgement, Request, Response, judge, request_for

if TYPE_CHECKING:
    from .operation import Operation
    from .outbox import Outbox
    from .spool import Spool, SpoolFile

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


class _Spooled(Exception):
    """What was to be sent is in the spool."""


class Delivery:
    """The way from an outbox, and the spool behind it, to the server.

    ``retries``: how often the server may be away in a row before what waits goes to the spool.
    """

    def __init__(self, outbox: Outbox, retries: int) -> None:
        self._outbox = outbox
        self._retries = retries
        self._failures = 0  # in a row, whatever was sent
        self._last_tries = 0  # those of them since the outbox was closed
        self._spool_refused = False

    def steps(self) -> Driven:
        """Sends what the spool holds, then what the outbox holds, until the outbox is closed and both are empty.

        Returns early when the outbox is closed and the server away; what is left is in ``outbox.all_left()``.
        """
        outbox = self._outbox
        with contextlib.suppress(_ClosedMeanwhile):
            while True:
                if outbox.spool is not None and outbox.spool.may_hold_more:
                    yield from self._replay_oldest(outbox.spool)
                    continue
                due = outbox.due()
                if due is None and outbox.closed:
                    return
                if due is None or due > 0:
                    yield Pause(due)
                    continue
                with contextlib.suppress(_Spooled):
                    yield from self._send_all(outbox.take())

    def _replay_oldest(self, spool: Spool) -> Driven:
        files: list[SpoolFile] = []

        def read() -> None:
            file = spool.oldest()
            if file is not None:
                files.append(file)

        yield DiskWork(read)
        for path, operations in files:
            for batch in self._outbox.batches(operations):
                yield from self._send_all(batch)
            yield DiskWork(partial(spool.remove, path))
        self._outbox.call_waiters()

    def _send_all(self, operations: Sequence[Operation]) -> Driven:
        """Creations, then events, then changes: so an event finds its session, and one request takes many events."""
        ordered = sorted(operations, key=lambda operation: _PHASES[operation.kind])
        for kind, group in groupby(ordered, key=lambda operation: operation.kind):
            if kind == "event":
                yield from self._send(list(group))
            else:
                for operation in group:
                    yield from self._send([operation])

    def _send(self, operations: Sequence[Operation]) -> Driven:
        """Sends them in one request, until each is settled or deferred. Raises _Spooled where they went to the spool."""
        outbox = self._outbox
        failures = faults = 0
        while True:
            response = yield request_for(operations)
            assert response is not None
            verdict = judge(response, len(operations))
            if verdict.kind == "answered":
                if self._failures:
                    _log.info("The server is back")
                self._failures = self._last_tries = 0
                self._settle(operations, verdict)
                return
            if verdict.kind == "fault":
                faults += 1
            if verdict.kind == "divide" or faults >= FAULTS:
                if len(operations) == 1:
                    error = (verdict.errors or [None])[0] or RefusedError(verdict.reason)
                    outbox.settle(operations, [error])
                else:
                    middle = len(operations) // 2
                    yield from self._send(operations[:middle])
                    yield from self._send(operations[middle:])
                return
            failures += 1
            self._failures += 1
            outbox.say("away", f"Not delivered, trying again: {verdict.reason}")
            if outbox.closed:
                self._last_tries += 1
                if self._last_tries >= LAST_TRIES:
                    raise _ClosedMeanwhile
            from_memory = len(outbox.in_flight())  # none, where they come from the spool
            yield from self._pause(_backoff(self._last_tries or failures, verdict.retry_after))
            if len(outbox.in_flight()) < from_memory:
                outbox.put_back(outbox.in_flight())  # what found no room there
                raise _Spooled

    def _settle(self, operations: Sequence[Operation], verdict: Judgement) -> None:
        settled: list[Operation] = []
        errors: list[SentrialError | None] = []
        for operation, error in zip(operations, verdict.errors):
            if isinstance(error, NotFoundError) and operation.misses < MISSES and operation.kind != "createSession":
                operation.misses += 1
                self._outbox.defer(operation, FIRST_PAUSE * 2 ** (operation.misses - 1))
            else:
                settled.append(operation)
                errors.append(error)
        self._outbox.settle(settled, errors)

    def _pause(self, seconds: float) -> Driven:
        """Waits before the next try; cut short when someone begins to wait for delivery, or to close.

        In a long outage all that waits goes to the spool first, and what comes in the meantime follows it.
        """
        outbox = self._outbox
        until = time.monotonic() + seconds
        hurries = outbox.hurries
        self._spool_refused = False
        due: float | None = 0.0
        while True:
            if due == 0 and self._is_spilling():
                yield DiskWork(self._spill)
            left = until - time.monotonic()
            if left <= 0 or outbox.hurries != hurries:
                return
            due = outbox.due()
            yield Pause(min(left, due) if due is not None and self._is_spilling() else left)
            due = outbox.due()

    def _is_spilling(self) -> bool:
        outbox = self._outbox
        return outbox.spool is not None and not self._spool_refused and (self._failures > self._retries or outbox.half_full())

    def _spill(self) -> None:
        outbox = self._outbox
        if outbox.spool is not None and outbox.all_left():
            self._spool_refused = not outbox.spill()
            if not self._spool_refused:
                outbox.say("spooled", f"The server is away: what waits is kept in {outbox.spool.folder} until it is back")


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
        yield Pause(_backoff(tries, verdict.retry_after))


_PHASES = {"createSession": 0, "event": 1, "updateSession": 2, "completeSession": 2}


def _backoff(failures: int, retry_after: float | None) -> float:
    if retry_after is not None:
        return min(max(retry_after, 0.0), LONGEST_RETRY_AFTER)
    return min(FIRST_PAUSE * 2.0 ** min(failures - 1, 10), LONGEST_PAUSE) * random.uniform(0.5, 1.0)
