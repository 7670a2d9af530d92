from __future__ import annotations

from typing import Literal

Kind = Literal["createSession", "event", "updateSession", "completeSession"]

# What an operation weighs beside its JSON: the object, its ids, its place in a queue.
OVERHEAD = 512


class Operation:
    """One thing to tell the server. ``input`` is the JSON of the mutation's input, made once, so a repeat is the same.

    ``id`` makes repeating safe: the id of the session or event, or the idempotency key of an update.
    """

    __slots__ = ("id", "input", "kind", "misses", "sequence", "session_id")

    def __init__(self, kind: Kind, id: str, session_id: str, input: bytes) -> None:
        self.kind = kind
        self.id = id
        self.session_id = session_id
        self.input = input
        self.sequence = 0
        """Its place among all that the outbox took; set there."""
        self.misses = 0
        """How often the server did not know its session."""

    @property
    def weight(self) -> int:
        """Bytes it takes in memory, roughly."""
        return len(self.input) + OVERHEAD

    def __repr__(self) -> str:
        return f"<{self.kind} {self.id}>"
