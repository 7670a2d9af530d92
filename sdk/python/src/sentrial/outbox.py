from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Callable, NamedTuple

from .errors import DeliveryError, QueueFull, SentrialError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .config import BatcherConfig
    from .operation import Operation
    from .spool import Spool

_log = logging.getLogger("sentrial")

LARGEST_BATCH = 1_000
LARGEST_BATCH_BYTES = 4 * 1024 * 1024


class DeliveryStats(NamedTuple):
    """What became of everything a client recorded in this process.

    ``refused``: the server will not take it. ``dropped``: never sent, for lack of memory or time. ``spooled``: in the
    spool folder. What was read back from there and delivered counts as delivered too.
    """

    delivered: int
    waiting: int
    waiting_bytes: int
    refused: int
    dropped: int
    spooled: int


class Outbox:
    """What waits to be sent, in order and within its bound, and who waits for it. Thread-safe.

    An operation is queued, taken (in flight), and settled; or deferred for a while, and taken again. ``spill`` moves all
    of them to the spool, whose content is older than what is here.
    """

    def __init__(self, config: BatcherConfig, spool: Spool | None) -> None:
        self._config = config
        self.spool = spool
        self.wake: Callable[[], None] = _nothing
        """Called when there may be something to take. Set by who takes."""
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.RLock()  # reentrant: a signal handler may record too
        self._spilling = threading.RLock()  # the same
        self._queue: deque[Operation] = deque()
        self._since = 0.0  # when the queue was empty last
        self._deferred: list[tuple[float, Operation]] = []
        self._flight: dict[int, Operation] = {}
        self._bytes = 0
        self._sequence = 0
        self._waiters: list[tuple[int, Callable[[], None]]] = []
        self._closed = False
        self.hurries = 0
        """Grows each time someone begins to wait, or closes."""
        self._delivered = self._refused = self._dropped = self._spooled = 0
        self._failed: SentrialError | None = None
        self._said: dict[str, tuple[float, int]] = {}

    def forget_parent(self) -> None:
        """In a forked child: begins anew. What waited is the parent's, which sends it."""
        closed = self._closed
        self._reset()
        self._closed = closed
        self.wake = _nothing

    # For those who record

    def put(self, operation: Operation) -> bool:
        """False where it was dropped: the bound is reached, or the client is closed."""
        config = self._config
        with self._lock:
            weight = operation.weight
            count = len(self._queue) + 1
            full = self._bytes + weight > config.max_bytes or (config.max_queue_size is not None and count > config.max_queue_size)
            if full or self._closed:
                self._dropped += 1
                self._failed = self._failed or QueueFull(self._why_dropped())
            else:
                self._sequence += 1
                operation.sequence = self._sequence
                self._bytes += weight
                self._queue.append(operation)
                if count == 1:
                    self._since = time.monotonic()
        if full or self._closed:
            self.say("dropped", self._why_dropped())
            return False
        if count == 1 or count == config.flush_threshold:
            self.wake()
        return True

    def _why_dropped(self) -> str:
        if self._closed:
            return "The client is closed: nothing is recorded any more"
        return f"Events are dropped: {self._bytes} bytes wait to be sent, the most that may (BatcherConfig.max_bytes)"

    def when_settled(self, call: Callable[[], None]) -> None:
        """Calls it, from any thread, once everything recorded until now is settled, and the spool empty.

        Until then nothing lingers.
        """
        with self._lock:
            if self._oldest() > self._sequence:
                call()
                return
            self.hurries += 1
            self._waiters.append((self._sequence, call))
            self._deferred = [(0.0, operation) for _, operation in self._deferred]
        self.wake()

    def forget_waiter(self, call: Callable[[], None]) -> None:
        with self._lock:
            self._waiters = [waiter for waiter in self._waiters if waiter[1] != call]

    def close(self) -> None:
        """From here on it takes nothing new, and nothing lingers."""
        with self._lock:
            self.hurries += 1
            self._closed = True
            self._deferred = [(0.0, operation) for _, operation in self._deferred]
        self.wake()

    @property
    def closed(self) -> bool:
        return self._closed

    def stats(self) -> DeliveryStats:
        with self._lock:
            waiting = len(self._queue) + len(self._deferred) + len(self._flight)
            return DeliveryStats(self._delivered, waiting, self._bytes, self._refused, self._dropped, self._spooled)

    def collect_failure(self) -> SentrialError | None:
        """The first thing that was refused or dropped since this was asked last."""
        with self._lock:
            failed, self._failed = self._failed, None
            return failed

    # For those who deliver

    def due(self) -> float | None:
        """Seconds until there is something to take; None: not before something is recorded."""
        now = time.monotonic()
        with self._lock:
            times = [moment for moment, _ in self._deferred]
            if self._queue:
                hurry = self._closed or self._waiters or len(self._queue) >= self._config.flush_threshold
                times.append(0.0 if hurry else self._since + self._config.flush_interval)
            return max(0.0, min(times) - now) if times else None

    def take(self) -> list[Operation]:
        """The next operations in order, as many as one batch may hold; they are in flight until settled or deferred."""
        now = time.monotonic()
        taken: list[Operation] = []
        size = 0
        largest = self._largest_batch()
        with self._lock:
            later = []
            for moment, operation in self._deferred:
                if moment <= now:
                    taken.append(operation)
                    size += operation.weight
                else:
                    later.append((moment, operation))
            self._deferred = later
            while self._queue and len(taken) < LARGEST_BATCH and (not taken or size + self._queue[0].weight <= largest):
                operation = self._queue.popleft()
                taken.append(operation)
                size += operation.weight
            self._since = now
            self._flight.update((operation.sequence, operation) for operation in taken)
        return taken

    def in_flight(self) -> list[Operation]:
        with self._lock:
            return list(self._flight.values())

    def put_back(self, operations: Iterable[Operation]) -> None:
        """What was taken and not sent is first in the queue again."""
        with self._lock:
            for operation in sorted(operations, key=_by_sequence, reverse=True):
                if self._flight.pop(operation.sequence, None) is not None:
                    self._queue.appendleft(operation)

    def settle(self, operations: Sequence[Operation], errors: Sequence[SentrialError | None]) -> None:
        """Each is stored (None), or the server refused it."""
        with self._lock:
            for operation, error in zip(operations, errors):
                if self._flight.pop(operation.sequence, None) is not None:
                    self._bytes -= operation.weight
                if error is None:
                    self._delivered += 1
                else:
                    self._refused += 1
                    self._failed = self._failed or error
        for operation, error in zip(operations, errors):
            if error is not None:
                self.say(f"refused: {type(error).__name__}", f"The server refused {operation!r}: {error}")
        self.call_waiters()

    def defer(self, operation: Operation, seconds: float) -> None:
        """It is taken again after a while."""
        with self._lock:
            if self._flight.pop(operation.sequence, None) is None:  # from the spool
                self._sequence += 1
                operation.sequence = self._sequence
                self._bytes += operation.weight
            self._deferred.append((time.monotonic() + seconds, operation))

    def half_full(self) -> bool:
        with self._lock:
            return self._bytes > self._config.max_bytes // 2

    def all_left(self) -> list[Operation]:
        """Everything that is not settled, oldest first."""
        with self._lock:
            left = [*self._flight.values(), *(operation for _, operation in self._deferred), *self._queue]
        return sorted(left, key=_by_sequence)

    def spill(self) -> bool:
        """Moves everything that is not settled to the spool, oldest first. False where that takes no more."""
        if self.spool is None:
            return False
        with self._spilling:
            for batch in self.batches(self.all_left()):
                if not self.spool.write(batch):
                    return False
                self._give_up(batch, spooled=True)
                _log.debug("%d events went to the spool", len(batch))
        return True

    def drop_all(self) -> int:
        """Gives up what is not settled. How many that were."""
        left = self.all_left()
        self._give_up(left, spooled=False)
        return len(left)

    def batches(self, operations: Sequence[Operation]) -> Iterator[list[Operation]]:
        """Runs of them that fit into one batch each."""
        batch: list[Operation] = []
        size = 0
        for operation in operations:
            if batch and (len(batch) == LARGEST_BATCH or size + operation.weight > self._largest_batch()):
                yield batch
                batch, size = [], 0
            batch.append(operation)
            size += operation.weight
        if batch:
            yield batch

    def _largest_batch(self) -> int:
        return min(LARGEST_BATCH_BYTES, self._config.max_bytes // 4)

    def _give_up(self, operations: Sequence[Operation], *, spooled: bool) -> None:
        with self._lock:
            gone = {operation.sequence for operation in operations}
            self._flight = {sequence: operation for sequence, operation in self._flight.items() if sequence not in gone}
            self._queue = deque(operation for operation in self._queue if operation.sequence not in gone)
            self._deferred = [later for later in self._deferred if later[1].sequence not in gone]
            self._bytes = sum(operation.weight for operation in self.all_left())
            if spooled:
                self._spooled += len(operations)
            else:
                self._dropped += len(operations)
                if operations:
                    self._failed = self._failed or DeliveryError(f"{len(operations)} events were not delivered")
        self.call_waiters()

    def say(self, what: str, message: str) -> None:
        """Logs a warning, at most one of its kind in 30 seconds."""
        now = time.monotonic()
        with self._lock:
            last, silent = self._said.get(what, (now - 60, 0))
            if now - last < 30:
                self._said[what] = (last, silent + 1)
                return
            self._said[what] = (now, 0)
        _log.warning("%s%s", message, f" ({silent} more like this)" if silent else "")

    def _oldest(self) -> int:
        """The sequence of the oldest that is not settled; beyond the newest where all are, before the first with a spool."""
        if self.spool is not None and self.spool.may_hold_more:
            return 0
        sequences = [*self._flight, *(operation.sequence for _, operation in self._deferred)]
        if self._queue:
            sequences.append(self._queue[0].sequence)
        return min(sequences, default=self._sequence + 1)

    def call_waiters(self) -> None:
        """Those whose moment has come."""
        if not self._waiters:
            return
        with self._lock:
            oldest = self._oldest()
            ready = [call for target, call in self._waiters if target < oldest]
            self._waiters = [(target, call) for target, call in self._waiters if target >= oldest]
        for call in ready:
            call()


def _by_sequence(operation: Operation) -> int:
    return operation.sequence


def _nothing() -> None:
    pass
