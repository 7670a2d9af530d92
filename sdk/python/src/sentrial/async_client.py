from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from .async_courier import AsyncCourier
from .calls import Calls, as_coroutine_functions
from .core import READ_AFTER, session_of
from .errors import SentrialError
from .graphql import SESSION_QUERY, data_of, query, request_for
from .interaction import AsyncInteraction
from .types import Session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from .core import Write

T = TypeVar("T")


class AsyncSentrialClient(Calls[Coroutine[Any, Any, str], Coroutine[Any, Any, Session], Coroutine[Any, Any, None]]):
    """The asynchronous client: the same methods and arguments as ``SentrialClient``, to be awaited. Needs ``httpx``.

    By default every call returns at once. A task of the running event loop sends what was recorded; what is left when
    the loop has ended is sent at the end of the process. One client may be used in several loops, one after another.
    """

    _courier: AsyncCourier

    def _make_courier(self) -> AsyncCourier:
        return AsyncCourier(self._settings)

    async def get_session(self, session_id: str) -> Session:
        """See ``SentrialClient.get_session``."""
        return await self._read(session_id)

    async def begin(
        self,
        user_id: str,
        event: str,
        input: Any = None,
        event_id: str | None = None,
        convo_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> AsyncInteraction:
        """See ``SentrialClient.begin``."""
        creation, event_id = self._beginning(user_id, event, input, event_id, convo_id, metadata)
        return AsyncInteraction(self, await self._write(creation), event_id, user_id, event, input)

    async def flush(self, timeout: float | None = None) -> bool:
        """See ``SentrialClient.flush``."""
        return await self._flush(timeout)

    async def close(self, timeout: float | None = None) -> None:
        """See ``SentrialClient.close``."""
        await self._courier.close_async(timeout)

    async def shutdown(self) -> None:
        """See ``SentrialClient.shutdown``."""
        await self.close()

    async def __aenter__(self) -> AsyncSentrialClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    def _gives_id(self, write: Write[str]) -> Coroutine[Any, Any, str]:
        return self._write(write)

    def _gives_session(self, write: Write[Session]) -> Coroutine[Any, Any, Session]:
        return self._write(write)

    def _gives_none(self, write: Write[None]) -> Coroutine[Any, Any, None]:
        return self._write(write)

    async def _write(self, write: Write[T]) -> T:
        if self._settings.batching.enabled or write.operation is None or not self._settings.api_key:
            return self._enqueue(write)
        try:
            await self._courier.call_async(request_for([write.operation]))
        except SentrialError as error:
            self._complain(error)
        return write.result

    async def _read(self, session_id: str) -> Session:
        if not self._settings.api_key:
            return Session()
        try:
            await self._courier.wait_async(min(READ_AFTER, self._settings.timeout))
            answer = await self._courier.call_async(query(SESSION_QUERY, id=session_id))
            return session_of(data_of(answer)["session"])
        except Exception as error:
            self._complain(error)
            return Session()

    async def _flush(self, timeout: float | None) -> bool:
        seconds = self._settings.timeout if timeout is None else timeout
        in_time = await self._courier.wait_async(seconds)
        return self._flushed(in_time, seconds)


as_coroutine_functions(Calls, AsyncSentrialClient, *(name for name in vars(Calls) if not name.startswith("_")))
