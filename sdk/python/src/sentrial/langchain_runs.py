"""The runs that LangChain told us of, as the tree that they are."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from uuid import UUID

from .ids import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNS_REMEMBERED = 10_000


@dataclass
class RunOfTool:
    name: str
    input: Any
    reasoning: str | None
    call_id: str | None


@dataclass
class RunOfModel:
    model: str
    prompt: Any
    provider: str | None
    parameters: dict[str, Any]
    first_token: float | None = None


@dataclass
class Run:
    """A run that LangChain told us of, until it ends. ``of`` says what of; None is a chain."""

    parent: UUID | None
    root: UUID
    name: str | None
    metadata: Mapping[str, Any]
    of: RunOfTool | RunOfModel | None = None
    event_id: str = field(default_factory=lambda: new_id("evt"))
    began: float = field(default_factory=time.monotonic)
    timestamp: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    input: Any = None
    waits: bool = False
    """For a human, who will resume it with a new run."""

    @property
    def duration_ms(self) -> int:
        return round((time.monotonic() - self.began) * 1_000)


class Runs(dict[UUID, Run]):
    """The runs under way, by their ids."""

    def start(
        self,
        run_id: UUID,
        parent: UUID | None,
        name: str | None,
        metadata: Mapping[str, Any],
        of: RunOfTool | RunOfModel | None = None,
        input: Any = None,
    ) -> None:
        above = self.above(parent)
        self.setdefault(run_id, Run(parent, above.root if above else run_id, name, metadata, of, input=input))
        if len(self) > RUNS_REMEMBERED:  # of some the end is never told
            del self[next(iter(self))]

    def forget(self, root: UUID) -> None:
        """What is below a run that has ended cannot end any more."""
        for run_id in [run_id for run_id, run in self.items() if run.root == root]:
            del self[run_id]

    def above(self, parent: UUID | None) -> Run | None:
        return self.get(parent) if parent else None

    def tool_above(self, run: Run) -> str | None:
        """The tool call that a run is part of, as an agent is that works inside a tool."""
        above = self.above(run.parent)
        while above is not None:
            if isinstance(above.of, RunOfTool):
                return above.event_id
            above = self.above(above.parent)
        return None

    def where(self, run: Run) -> dict[str, Any]:
        """The agent and the graph's node that a run belongs to."""
        agent, above = None, run
        while True:
            parent = self.above(above.parent)
            if above.of is None and (above.parent is None or isinstance(parent and parent.of, RunOfTool)):
                agent = above.name
            if agent is not None or parent is None:
                break
            above = parent
        found = {
            "source": "langchain",
            "agent": agent,
            "node": run.metadata.get("langgraph_node"),
            "thread_id": run.metadata.get("thread_id"),
        }
        return {name: value for name, value in found.items() if value is not None}
