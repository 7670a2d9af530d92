from __future__ import annotations

import os
import threading
import time
from random import Random

_lock = threading.RLock()  # reentrant: a signal handler may record too
_random = Random()  # of our own, seeded by the system: a program that seeds `random` must not repeat ids
_millisecond = 0
_counter = 0


def new_id(prefix: str) -> str:
    """``prefix``, ``_`` and a UUIDv7 in hex (RFC 9562): ids made later in a process sort later, as the server's do."""
    global _millisecond, _counter
    now = time.time_ns() // 1_000_000
    with _lock:
        if now > _millisecond:
            _millisecond, _counter = now, 0
        else:  # the same millisecond, or the clock went back
            _counter += 1
            if _counter > 0xFFF:
                _millisecond, _counter = _millisecond + 1, 0
        moment, count, random = _millisecond, _counter, _random.getrandbits(62)
    return f"{prefix}_{(moment << 80) | (0x7 << 76) | (count << 64) | (0x2 << 62) | random:032x}"


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()
    _random.seed()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
