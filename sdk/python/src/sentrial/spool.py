from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .ids import new_id
from .operation import Operation

if TYPE_CHECKING:
    from collections.abc import Sequence

_log = logging.getLogger("sentrial")

LARGEST_SPOOL = 256 * 1024 * 1024
_KINDS = {"createSession", "event", "updateSession", "completeSession"}


class Spool:
    """Operations on disk, until there is a server again: one file for each batch, the oldest first.

    Each server and key has a folder of its own in ``folder``, named by their hash, readable by the user alone. The key
    itself is not written. Two processes may use one folder: what both send is stored once.
    """

    def __init__(self, folder: str, api_url: str, api_key: str) -> None:
        self._folder = Path(folder) / hashlib.sha256(f"{api_url}\n{api_key}".encode()).hexdigest()[:16]
        self._maybe_more = True

    def write(self, operations: Sequence[Operation]) -> bool:
        """False where the disk refuses, or the spool is full (256 MiB)."""
        if not operations:
            return True
        text = b"".join(_line(operation) for operation in operations)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if sum(path.stat().st_size for path in self._files()) + len(text) > LARGEST_SPOOL:
                _log.warning("The spool %s is full (%d bytes)", self._folder, LARGEST_SPOOL)
                return False
            path = self._folder / f"{new_id('batch')}.jsonl"
            part = path.with_suffix(".part")
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(text)
            part.replace(path)
        except OSError as error:
            _log.warning("The spool %s cannot be written: %s", self._folder, error)
            return False
        self._maybe_more = True
        return True

    def oldest(self) -> tuple[Path, list[Operation]] | None:
        """The oldest batch, to be sent and then removed; None without one. Lines that are none are left out."""
        while self._maybe_more:
            files = self._files()
            if not files:
                self._maybe_more = False
                return None
            try:
                lines = files[0].read_bytes().splitlines()
            except OSError as error:  # another process was faster, or it is not ours to read
                if files[0].exists():
                    _log.warning("The spool %s cannot be read: %s", self._folder, error)
                    self._maybe_more = False
                continue
            operations = [operation for operation in map(_operation, lines) if operation is not None]
            if len(operations) < len(lines):
                _log.warning("%d lines of %s were damaged and are lost", len(lines) - len(operations), files[0])
            return files[0], operations
        return None

    @property
    def may_hold_more(self) -> bool:
        """False once it was seen empty, until something is written."""
        return self._maybe_more

    def remove(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            path.unlink()

    def _files(self) -> list[Path]:
        try:
            return sorted(self._folder.glob("*.jsonl"))  # ids sort by time
        except OSError:
            return []


def _line(operation: Operation) -> bytes:
    head = {"kind": operation.kind, "id": operation.id, "session": operation.session_id}
    return json.dumps(head).encode()[:-1] + b',"input":' + operation.input + b"}\n"


def _operation(line: bytes) -> Operation | None:
    try:
        value = json.loads(line)
        if value["kind"] in _KINDS:
            start = line.index(b',"input":') + len(b',"input":')
            return Operation(value["kind"], str(value["id"]), str(value["session"]), line[start:-1])
    except (ValueError, KeyError, TypeError):
        pass
    return None
