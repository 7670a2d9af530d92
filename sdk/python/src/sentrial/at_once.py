from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine


def finish_at_once(work: Coroutine[Any, Any, Any]) -> None:
    """Runs a coroutine of an asynchronous client from synchronous code, if it need not wait.

    A client that batches only notes what it is told. Raises RuntimeError, with ``work`` undone, for one that does not.
    """
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("an AsyncSentrialClient without batching cannot be told anything from synchronous code")
