"""What is put into a spool, and what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sentrial import SentrialClient


def record(client: SentrialClient, session: str, count: int) -> None:
    client.create_session(name="spooled", session_id=session)
    for number in range(count):
        client.track_tool_call(session, f"tool_{number}")
    client.complete_session(session)


def files(spool: Path) -> list[Path]:
    return sorted(path for path in spool.rglob("*") if path.is_file())
