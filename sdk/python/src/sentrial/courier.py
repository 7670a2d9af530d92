from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
import time
import weakref
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from .config import FOR_EVER
from .delivery import Delivery, DiskWork, Driven, exchange
from .graphql import Failure, Request, Response
from .http import Connection
from .outbox import Outbox
from .spool import open_spool

if TYPE_CHECKING:
    from .config import Settings
    from .delivery import Exchange
    from .operation import Operation

_log = logging.getLogger("sentrial")

CLOSE_WITHIN = 5.0
"""Seconds that closing, and the end of the process, may take."""


class Courier:
    """Brings operations to the server from one daemon thread, started when there is something to bring."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.outbox = Outbox(settings.batching, open_spool(settings))
        self._finished = False
        self._begin()
        if self._spooling():
            self._ensure_driver()  # what an earlier process left
        _couriers.add(self)

    def _begin(self) -> None:
        self._starting = threading.RLock()
        self._keeping = threading.RLock()
        self._thread: threading.Thread | None = None
        self._signal: SimpleQueue[None] = SimpleQueue()  # not an Event: a signal handler may record, too
        self._idle_connections: list[Connection] = []
        self.outbox.wake = self._wake

    # From any thread

    def submit(self, operation: Operation) -> bool:
        """Returns at once; False where it was dropped."""
        taken = self.outbox.put(operation)
        if taken and self._thread is None:
            self._start()
        return taken

    def call(self, request: Request) -> Response | Failure:
        """Sends it and waits for its answer. Raises SentrialError."""
        try:
            connection = self._idle_connections.pop()
        except IndexError:
            connection = self._connection()
        try:
            return _drive_here(exchange(request, self.settings.max_retries), connection)
        finally:
            self._idle_connections.append(connection)

    def wait(self, timeout: float) -> bool:
        """Whether all that was recorded until now is settled, and the spool empty, within ``timeout`` seconds."""
        settled = threading.Event()
        self.outbox.when_settled(settled.set)
        if not settled.is_set():
            self._ensure_driver()
        done = settled.wait(min(timeout, FOR_EVER))
        self.outbox.forget_waiter(settled.set)
        return done

    def _spooling(self) -> bool:
        return self.outbox.spool is not None and self.outbox.spool.may_hold_more

    def _delivery(self) -> Driven:
        return Delivery(self.outbox, self.settings.max_retries).steps()

    def close(self, timeout: float | None = None) -> None:
        """Tries to deliver for ``timeout`` seconds; then what is left goes to the spool, or is lost and logged."""
        deadline = time.monotonic() + min(CLOSE_WITHIN if timeout is None else timeout, FOR_EVER)
        self.outbox.close()
        if self._thread is None and self._unfinished():
            self._start(deadline)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))
        self._finish()

    def _unfinished(self) -> bool:
        return not self._finished and (bool(self.outbox.all_left()) or self._spooling())

    def _finish(self) -> None:
        self._finished = True
        _couriers.discard(self)
        self._keep_what_is_left()
        while self._idle_connections:
            self._idle_connections.pop().close()

    def close_soon(self) -> None:
        """Closes without waiting: the thread ends when it has delivered, or cannot."""
        self.outbox.close()
        if self._thread is None:
            if self._unfinished():
                self._start()
            else:
                _couriers.discard(self)

    def _ensure_driver(self) -> None:
        self._start()

    # The thread

    def _start(self, deadline: float | None = None) -> None:
        with self._starting:
            if self._thread is not None:
                return
            _end_with_multiprocessing()
            self._thread = threading.Thread(target=self._run, name="sentrial", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter is ending: no new threads
                self._thread = None
                if self.outbox.closed:
                    self._run(deadline)

    def _run(self, deadline: float | None = None) -> None:
        connection = self._connection()
        try:
            self._drive(self._delivery(), connection, deadline)
        except Exception:
            _log.exception("The delivery of events ended by a fault of the SDK; please report it")
        finally:
            connection.close()
            if self.outbox.closed:
                self._keep_what_is_left()
                _couriers.discard(self)
            else:  # by a fault: the next thing recorded starts another
                self._thread = None

    def _drive(self, steps: Driven, connection: Connection, deadline: float | None) -> None:
        response: Response | Failure | None = None
        with contextlib.suppress(StopIteration):
            while deadline is None or time.monotonic() < deadline:
                step = steps.send(response)
                if isinstance(step, Request):
                    response = connection.post(step, None if deadline is None else deadline - time.monotonic())
                    continue
                response = None
                if isinstance(step, DiskWork):
                    step.do()
                else:
                    self._sleep(step.seconds)

    def _wake(self) -> None:
        self._signal.put(None)

    def _sleep(self, seconds: float | None) -> None:
        with contextlib.suppress(Empty):
            self._signal.get(timeout=seconds)
            while True:  # woken several times is woken once
                self._signal.get_nowait()

    def _keep_what_is_left(self) -> None:
        with self._keeping:  # the thread's end and close() may meet here
            left = len(self.outbox.all_left())
            if not left:
                return
            self.outbox.spill()
            lost = self.outbox.drop_all()
        spool = self.outbox.spool
        if spool is not None and lost < left:
            rest = f", but for {lost} that found no room" if lost else ""
            kept = f", and are kept in {spool.folder} for the next client{rest}"
        else:
            kept = ""
        _log.warning("%d events were not delivered to %s%s", left, self.settings.api_url, kept)

    def _connection(self) -> Connection:
        return Connection(self.settings.graphql_url, self.settings.api_key, self.settings.timeout)

    def after_fork_in_child(self) -> None:
        """The thread and the connections are the parent's, and what waits is the parent's to send."""
        self.outbox.forget_parent()
        self._begin()


def _drive_here(steps: Exchange, connection: Connection) -> Response | Failure:
    response: Response | Failure | None = None
    while True:
        try:
            step = steps.send(response)
        except StopIteration as stop:
            answer: Response | Failure = stop.value
            return answer
        if isinstance(step, Request):
            response = connection.post(step)
        else:
            response = None
            time.sleep(step.seconds or 0)


# All couriers that may still have something to bring.
_couriers: set[Courier] = set()


def _close_all() -> None:
    """At the end of the process. All of them together take no longer than CLOSE_WITHIN."""
    deadline = time.monotonic() + CLOSE_WITHIN
    for courier in list(_couriers):
        courier.outbox.close()
    for courier in list(_couriers):
        courier.close(max(0.0, deadline - time.monotonic()))


def _after_fork_in_child() -> None:
    for courier in list(_couriers):
        courier.after_fork_in_child()


def _end_with_multiprocessing() -> None:
    """A worker of multiprocessing that was forked runs no atexit functions, but its own finalizers."""
    global _finalizer_of
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is None or process is None or process.parent_process() is None or _finalizer_of == os.getpid():
        return
    _finalizer_of = os.getpid()
    util.Finalize(None, _close_all, exitpriority=0)


_finalizer_of = 0

atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def close_when_collected(owner: object, courier: Courier) -> None:
    """Ends the courier's thread when its client is gone. What waits is still delivered."""
    weakref.finalize(owner, courier.close_soon).atexit = False
