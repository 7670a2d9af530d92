"""What the SDK logs, to be waited for."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Log(logging.Handler):
    """The messages of the logger ``sentrial``, from ``debug`` up."""

    def __init__(self) -> None:
        super().__init__()
        self._said: list[str] = []
        self._more = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self._more:
            self._said.append(record.getMessage())
            self._more.notify_all()

    def wait_for(self, text: str, within: float = 30) -> None:
        """Returns when a message with that text has come since the last such wait, or the beginning."""
        with self._more:
            assert self._more.wait_for(lambda: any(text in said for said in self._said), within), f"never said: {text}"
            while text not in self._said.pop(0):
                pass


@contextlib.contextmanager
def listen() -> Iterator[Log]:
    """What is logged in the block."""
    logger, log = logging.getLogger("sentrial"), Log()
    before = logger.level
    logger.addHandler(log)
    logger.setLevel(logging.DEBUG)
    try:
        yield log
    finally:
        logger.removeHandler(log)
        logger.setLevel(before)
