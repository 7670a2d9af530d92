from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .ids import new_id
from .operation import Operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .config import Settings

_log = logging.getLogger("sentrial")

LARGEST_SPOOL = 64 * 1024 * 1024
SMALL_FILE = 256 * 1024
LONGEST_WRITE = 3_600  # seconds
_KINDS = {"createSession", "event", "updateSession", "completeSession"}


SpoolFile = tuple[Path, list[Operation]]

_unusable: set[str] = set()
"""The folders of which it was said."""


def open_spool(settings: Settings) -> Spool | None:
    """The spool of this server and key; None where there is to be none, or its folder cannot be used: that is logged once."""
    if settings.spool is None or not settings.api_key:
        return None
    try:
        return Spool(Path(settings.spool).expanduser(), settings.api_url, settings.api_key)
    except (OSError, RuntimeError, LookupError, ValueError) as error:  # RuntimeError, in Python 3.9 KeyError: no home
        if settings.spool not in _unusable:
            _unusable.add(settings.spool)
            _log.warning(
                "What cannot be delivered is kept in memory only, as the spool %s cannot be used: %s. "
                "SENTRIAL_SPOOL_DIR may name another folder; spool=False turns it off",
                settings.spool,
                error,
            )
        return None


class Spool:
    """Operations on disk, until there is a server again: in files, the oldest first.

    Each server and key has a folder of its own in ``root``, named by their hash, readable by the user alone. The key
    itself is not written. Two processes may use one folder: what both send is stored once. The TypeScript SDK may use
    the same ``root``; its folders have other names.

    Raises OSError where the folder can be neither made nor used, ValueError where it cannot be the name of one.
    """

    def __init__(self, root: Path, api_url: str, api_key: str) -> None:
        destination = hashlib.sha256(f"{api_url}\n{api_key}".encode()).hexdigest()[:16]
        self.folder = root / f"python-{destination}"
        self._make_folder()
        if not os.access(self.folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(f"{self.folder} is not this user's")
        self._remove_torn()
        self._maybe_more = bool(self._files())
        self._failing = False
        self._written: Path | None = None
        self._reading: Path | None = None

    def write(self, operations: Sequence[Operation]) -> bool:
        """Whether they are on disk, synced; not where the disk refuses, or the spool is full (64 MiB)."""
        if not operations:
            return True
        text = b"".join(_line(operation) for operation in operations)
        try:
            self._make_folder()  # someone may have removed it
            if sum(map(_size, self._files())) + len(text) > LARGEST_SPOOL:
                self._say(f"is full ({LARGEST_SPOOL} bytes)")
                return False
            before, begun = self._begun()
            path = self.folder / f"{new_id('batch')}.jsonl"
            part = path.with_suffix(".part")
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(begun + text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            _sync_folder(self.folder)
            if before is not None:
                self.remove(before)
            self._written = path
        except OSError as error:
            self._say(f"cannot be written: {error}")
            return False
        self._maybe_more = True
        self._failing = False
        return True

    def oldest(self) -> SpoolFile | None:
        """The oldest file, to be sent and then removed; None without one. Lines that are none are left out."""
        while self._maybe_more:
            files = self._files()
            if not files:
                self._maybe_more = False
                return None
            self._reading = files[0]
            try:
                lines = files[0].read_bytes().splitlines()
            except OSError as error:  # another process was faster, or it is not ours to read
                if files[0].exists():
                    _log.warning("The spool %s cannot be read: %s", self.folder, error)
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

    def _begun(self) -> tuple[Path | None, bytes]:
        """The file written last and its content, where it is small: to be replaced by one that holds what follows, too.

        So a long outage leaves few files. Not one that is being sent: it is removed after that.
        """
        last = self._written
        if last is not None and last != self._reading and _size(last) < SMALL_FILE:
            with contextlib.suppress(OSError):  # another process has just sent it
                return last, last.read_bytes()
        return None, b""

    def _remove_torn(self) -> None:
        """What a process that was killed had only begun to write."""
        for part in self.folder.glob("*.part"):
            with contextlib.suppress(OSError):
                if time.time() - part.stat().st_mtime > LONGEST_WRITE:
                    part.unlink()

    def _make_folder(self) -> None:
        for folder in (*reversed(self.folder.parents), self.folder):  # `parents=True` would let others read the parents
            folder.mkdir(mode=0o700, exist_ok=True)

    def _say(self, what: str) -> None:
        """Once, until it can be written again."""
        if not self._failing:
            self._failing = True
            _log.warning("The spool %s %s", self.folder, what)

    def _files(self) -> list[Path]:
        try:
            return sorted(self.folder.glob("*.jsonl"))  # ids sort by time
        except OSError:
            return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # another process has just sent it
        return 0


def _sync_folder(folder: Path) -> None:
    """So that the new file's name outlives a power cut, too. Windows opens no folders."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


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
