from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Callable
from weakref import WeakKeyDictionary

from .config import FOR_EVER
from .courier import CLOSE_WITHIN, Courier
from .delivery import DiskWork, exchange
from .errors import ConfigurationError
from .graphql import Failure, Request, Response
from .http import headers_for, retry_after

if TYPE_CHECKING:
    import httpx

    from .config import Settings
    from .operation import Operation

_log = logging.getLogger("sentrial")


class AsyncCourier(Courier):
    """Brings operations to the server from a task of the event loop that records first.

    Where there is no loop, or the loop ends with something left, the thread of ``Courier`` does it from then on. Files
    are read and written by the loop's executor.
    """

    def __init__(self, settings: Settings) -> None:
        try:
            import httpx  # noqa: F401
        except ImportError:
            raise ConfigurationError("AsyncSentrialClient needs httpx: pip install httpx") from None
        super().__init__(settings)

    def _begin(self) -> None:
        super()._begin()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_awaited = False  # by close_async, which then keeps what the task leaves
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()

    def submit(self, operation: Operation) -> bool:
        """Returns at once."""
        taken = self.outbox.put(operation)
        if taken:
            self._ensure_driver()
        return taken

    async def call_async(self, request: Request) -> Response | Failure:
        """Sends it and waits for its answer. Raises SentrialError."""
        steps = exchange(request, self.settings.max_retries)
        client = self._client()
        response: Response | Failure | None = None
        while True:
            try:
                step = steps.send(response)
            except StopIteration as stop:
                answer: Response | Failure = stop.value
                return answer
            if isinstance(step, Request):
                response = await self._post(client, step)
            else:
                response = None
                await asyncio.sleep(step.seconds or 0)

    async def wait_async(self, timeout: float) -> bool:
        """As ``wait``."""
        loop = asyncio.get_running_loop()
        settled = asyncio.Event()

        def call() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(settled.set)

        self.outbox.when_settled(call)
        self._ensure_driver()
        try:
            await asyncio.wait_for(settled.wait(), timeout)
        except asyncio.TimeoutError:
            return False
        finally:
            self.outbox.forget_waiter(call)
        return True

    async def close_async(self, timeout: float | None = None) -> None:
        """As ``close``. Cancelled, it leaves the rest to the thread."""
        deadline = time.monotonic() + min(CLOSE_WITHIN if timeout is None else timeout, FOR_EVER)
        loop = asyncio.get_running_loop()
        self.outbox.close()
        if self._unfinished():
            self._ensure_driver()
        task = self._task
        if task is not None and not task.done() and self._loop is loop:
            self._is_awaited = True
            try:
                await asyncio.wait({task}, timeout=max(0.0, deadline - time.monotonic()))
                await _in_executor(self._finish)
            finally:
                self._is_awaited = False
                if task.done():
                    self.close_soon()  # has nothing to do unless this was cancelled
                else:
                    task.cancel()
        elif self._thread is not None:
            await loop.run_in_executor(None, self._thread.join, max(0.0, deadline - time.monotonic()))
        client = self._clients.pop(loop, None)
        if client is not None:
            await client.aclose()
        await _in_executor(self._finish)

    def close_soon(self) -> None:
        if self._has_task():
            self.outbox.close()  # the task ends when it has delivered, or with its loop
        else:
            super().close_soon()

    def _has_task(self) -> bool:
        return self._task is not None and not self._task.done() and self._loop is not None and not self._loop.is_closed()

    def _ensure_driver(self) -> None:
        if self._thread is not None or self._has_task():
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._start()
            return
        if self._task is not None and not self._task.done():  # its loop was closed without ending it
            self.outbox.put_back(self.outbox.in_flight())
        self._loop = loop
        self._task = loop.create_task(self._run_task(), name="sentrial")
        self._task.add_done_callback(self._task_ended)

    async def _run_task(self) -> None:
        loop = asyncio.get_running_loop()
        signal = asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(signal.set)

        self.outbox.wake = wake
        steps = self._delivery()
        response: Response | Failure | None = None
        try:
            client = self._client()
            with contextlib.suppress(StopIteration):
                while True:
                    step = steps.send(response)
                    if isinstance(step, Request):
                        response = await self._post(client, step)
                        continue
                    response = None
                    if isinstance(step, DiskWork):
                        await _in_executor(step.do)
                    else:
                        with contextlib.suppress(asyncio.TimeoutError):
                            await asyncio.wait_for(signal.wait(), step.seconds)
                        signal.clear()
        finally:
            steps.close()

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        """Also where the loop ended before the task began."""
        if not task.cancelled() and task.exception() is not None:
            _log.error("The delivery of events ended by a fault of the SDK; please report it", exc_info=task.exception())
        self.outbox.wake = self._wake
        self.outbox.put_back(self.outbox.in_flight())
        if self.outbox.closed:
            if not self._is_awaited:
                self.close_soon()
        elif self._unfinished():
            self._start()

    async def _post(self, client: httpx.AsyncClient, request: Request) -> Response | Failure:
        try:
            answer = await client.post(
                self.settings.graphql_url, content=request.body, headers=headers_for(self.settings.api_key, request)
            )
        except Exception as error:  # httpx.HTTPError, and what a strange answer or a closed client may cause
            return Failure(f"{self.settings.api_url}: {type(error).__name__}{f': {error}' if str(error) else ''}")
        return Response(answer.status_code, answer.content, retry_after(answer.headers.get("Retry-After")))

    def _client(self) -> httpx.AsyncClient:
        """The running loop's: a connection belongs to its loop."""
        import httpx

        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = httpx.AsyncClient(timeout=self.settings.timeout)
        return client


async def _in_executor(work: Callable[[], None]) -> None:
    try:
        done = asyncio.get_running_loop().run_in_executor(None, work)
    except RuntimeError:  # the interpreter is ending: no new threads
        work()
    else:
        await done
