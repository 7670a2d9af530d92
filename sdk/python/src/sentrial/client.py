from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .calls import Calls
from .core import READ_AFTER, session_of
from .errors import SentrialError
from .graphql import SESSION_QUERY, data_of, query, request_for
from .interaction import Interaction
from .types import Session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from .core import Write

T = TypeVar("T")


class SentrialClient(Calls[str, Session, None]):
    """Reports sessions and events to a Sentrial server. Thread-safe; works on in a forked process.

    By default every call returns at once: ids are made here, and one daemon thread sends what was recorded, in batches,
    again and again until the server has it. Nothing raises, blocks, or grows without bound because the server is slow,
    wrong or gone; what goes wrong is logged by the logger ``sentrial``.

    With ``fail_silently=False`` each call waits for the server's answer, and raises (see ``SentrialError``).

    ``api_key``: else ``SENTRIAL_API_KEY``. ``project_id``: else ``SENTRIAL_PROJECT_ID``; kept in each session's
    metadata, while the key decides the project. ``api_url``: else ``SENTRIAL_API_URL``, else ``http://localhost:3001``.
    ``timeout``: seconds that one request may take, and that ``flush`` and ``close`` wait. ``max_retries``: how often a
    request that got no answer is repeated; then a call that waits for it gives up, and the daemon thread moves what waits
    to the spool, and goes on trying. ``batching``: see ``BatcherConfig``; False makes each call wait. ``pii``: True
    takes e-mail addresses, phone, card and social security numbers and IP addresses out of all content; see
    ``PiiConfig``. ``spool``: a folder for what cannot be delivered for so long, or before the process ends or memory is
    half full, at most 64 MiB for each server and key, sent by this client or the next one with this folder, server and
    key; else ``SENTRIAL_SPOOL_DIR``, else ``~/.sentrial/spool``. With False, or where the folder cannot be made (this is
    logged once), such data is dropped, and that is logged.
    """

    def get_session(self, session_id: str) -> Session:
        """The session as the server has it, after sending what waits; an empty dict where it cannot be had.

        With ``fail_silently=False`` raises NotFoundError, ServerUnavailable, or another SentrialError instead.
        """
        return self._read(session_id)

    def begin(
        self,
        user_id: str,
        event: str,
        input: Any = None,
        event_id: str | None = None,
        convo_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Interaction:
        """Begins a session of the agent ``event`` for a user; end it with ``finish``, or use it in a ``with``."""
        creation, event_id = self._beginning(user_id, event, input, event_id, convo_id, metadata)
        return Interaction(self, self._write(creation), event_id, user_id, event, input)

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until all that was recorded before is delivered, at most ``timeout`` seconds (default: the client's).

        True when it is; False when some waits on, or was refused or dropped since the last flush (see the log, and
        ``stats``). With ``fail_silently=False`` raises DeliveryError or the RefusedError instead of giving False.
        """
        return self._flush(timeout)

    def close(self, timeout: float | None = None) -> None:
        """Flushes, keeps what is left in the spool if there is one, and ends the thread. Later calls record nothing.

        Never takes longer than ``timeout`` seconds (default: 5). Also runs at the end of the process.
        """
        self._courier.close(timeout)

    def shutdown(self) -> None:
        """The same as ``close``."""
        self.close()

    def __enter__(self) -> SentrialClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _gives_id(self, write: Write[str]) -> str:
        return self._write(write)

    def _gives_session(self, write: Write[Session]) -> Session:
        return self._write(write)

    def _gives_none(self, write: Write[None]) -> None:
        return self._write(write)

    def _write(self, write: Write[T]) -> T:
        if self._settings.batching.enabled or write.operation is None or not self._settings.api_key:
            return self._enqueue(write)
        try:
            self._courier.call(request_for([write.operation]))
        except SentrialError as error:
            self._complain(error)
        return write.result

    def _read(self, session_id: str) -> Session:
        if not self._settings.api_key:
            return Session()
        try:
            self._courier.wait(min(READ_AFTER, self._settings.timeout))
            answer = self._courier.call(query(SESSION_QUERY, id=session_id))
            return session_of(data_of(answer)["session"])
        except Exception as error:
            self._complain(error)
            return Session()

    def _flush(self, timeout: float | None) -> bool:
        seconds = self._settings.timeout if timeout is None else timeout
        in_time = self._courier.wait(seconds)
        return self._flushed(in_time, seconds)
