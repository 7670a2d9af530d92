"""An outage, long or at the end of a process, costs no event and no order."""

from __future__ import annotations

import asyncio
import re
import threading
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from sentrial import AsyncSentrialClient, BatcherConfig, SentrialClient

from .support.log import listen
from .support.programs import start_program
from .support.server import free_port
from .support.spool import files, record
from .support.stub import Answer, start_stub
from .support.threads import delivering

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from .support.server import Project, Server


def test_a_run_while_the_server_is_away_is_delivered_by_the_next_client(server: Server, project: Project, tmp_path: Path) -> None:
    session = f"spooled-{project.key[-8:]}"
    server.kill()
    try:
        with SentrialClient(api_key=project.key, api_url=project.url, spool=tmp_path) as client:
            record(client, session, 10)
        assert client.stats().spooled == 12
        assert client.stats().waiting_bytes == 0
        over = datetime.now(timezone.utc)
    finally:
        server.start()
    with SentrialClient(api_key=project.key, api_url=project.url, spool=tmp_path) as client:
        after = client.create_session(name="after")
        assert client.flush()
    assert client.stats().delivered == 13
    assert project.tool_names(session) == [f"tool_{number}" for number in range(10)]
    kept = project.session(session)
    assert kept["status"] == "COMPLETED"
    began = datetime.fromisoformat(kept["clientTimestamp"].replace("Z", "+00:00"))
    assert began + timedelta(milliseconds=kept["durationMs"]) <= over
    assert project.session(after)["name"] == "after"
    assert files(tmp_path) == []


async def test_an_asynchronous_client_spools_and_replays_without_a_thread_of_its_own(tmp_path: Path) -> None:
    before = delivering()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with AsyncSentrialClient(api_key="key", api_url=url, spool=tmp_path) as away:
        for number in range(10):
            await away.track_tool_call("sess_1", f"tool_{number}")
    assert away.stats().spooled == 10
    assert len(files(tmp_path)) == 1
    with start_stub(port=port) as stub:
        async with AsyncSentrialClient(api_key="key", api_url=url, spool=tmp_path) as client:
            await client.track_tool_call("sess_1", "after")
            assert await client.flush()
            assert delivering() == before
        sent = [item["toolCall"]["toolName"] for asked in stub.asked for item in asked.inputs]
    assert sent == [*(f"tool_{number}" for number in range(10)), "after"]
    assert client.stats().delivered == 11
    assert files(tmp_path) == []


def test_what_a_loop_has_left_on_disk_is_sent_after_its_end(tmp_path: Path) -> None:
    with start_stub(*[Answer(503)] * 3) as stub:
        client = AsyncSentrialClient(api_key="key", api_url=stub.url, spool=tmp_path, max_retries=1)

        async def run() -> None:
            with listen() as log:
                await client.track_tool_call("sess_1", "left")
                await asyncio.to_thread(log.wait_for, "events went to the spool")

        asyncio.run(run())
        settled = threading.Event()
        client._courier.outbox.when_settled(settled.set)
        assert settled.wait(30)
    assert stub.asked[-1].inputs[0]["toolCall"]["toolName"] == "left"
    asyncio.run(client.close())


async def test_a_long_outage_goes_to_disk_from_a_task_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentrial.delivery.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("sentrial.delivery.LONGEST_PAUSE", 0.01)
    before = delivering()
    port = free_port()
    batching = BatcherConfig(max_bytes=400_000, flush_interval=0.01)
    url = f"http://127.0.0.1:{port}"
    client = AsyncSentrialClient(api_key="key", api_url=url, batching=batching, spool=tmp_path, max_retries=10_000)
    with listen() as log:
        for number in range(1_000):
            while client.stats().waiting_bytes > 300_000:
                await asyncio.to_thread(log.wait_for, "events went to the spool")
            await client.track_tool_call("sess_1", f"tool_{number}", {"text": "x" * 500})
    assert client.stats().dropped == 0
    assert client.stats().spooled > 100
    with start_stub(port=port) as stub:
        assert await client.flush(30)
        assert delivering() == before
        await client.close()
        sent = [item["toolCall"]["toolName"] for asked in stub.asked for item in asked.inputs]
    assert sent == [f"tool_{number}" for number in range(1_000)]
    assert files(tmp_path) == []


def test_a_long_outage_goes_to_disk_before_memory_is_full_and_comes_back_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentrial.delivery.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("sentrial.delivery.LONGEST_PAUSE", 0.01)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    batching = BatcherConfig(max_bytes=400_000, flush_interval=0.01)
    client = SentrialClient(api_key="key", api_url=url, batching=batching, spool=tmp_path, max_retries=10_000)
    with listen() as log:
        for number in range(2_000):
            while client.stats().waiting_bytes > 300_000:
                log.wait_for("events went to the spool")
            client.track_tool_call("sess_1", f"tool_{number}", {"text": "x" * 500})
    stats = client.stats()
    assert stats.dropped == 0
    assert stats.spooled > 1_000
    assert sum(path.stat().st_size < 128 * 1024 for path in files(tmp_path)) < 5  # small ones are put together
    with start_stub(port=port) as stub:
        assert client.flush(30)
        assert client.stats().delivered == 2_000
        client.close()
    assert [item["toolCall"]["toolName"] for asked in stub.asked for item in asked.inputs] == [f"tool_{n}" for n in range(2_000)]
    assert files(tmp_path) == []


@pytest.mark.parametrize(("failures", "spooled"), [(3, 0), (4, 2)])
def test_what_waits_goes_to_disk_once_the_retries_are_used_up(failures: int, spooled: int, tmp_path: Path) -> None:
    away = [Answer(503, headers={"Retry-After": "0"})] * failures
    with start_stub(*away) as stub, SentrialClient(api_key="key", api_url=stub.url, spool=tmp_path, max_retries=3) as client:
        client.create_session(name="patient", session_id="sess_1")
        client.track_tool_call("sess_1", "tool")
        assert client.flush()
        assert (client.stats().delivered, client.stats().spooled) == (2, spooled)
    assert len(stub.asked) == failures + 2
    assert files(tmp_path) == []


def killed(client: str, environment: dict[str, str]) -> None:
    """Records ten events, ten more once those are on disk, and is killed (-9) once these are, too."""
    program = f"""
    import asyncio, logging, sys, sentrial
    logging.basicConfig(stream=sys.stdout, level=logging.DEBUG, format="%(message)s")
    {client}
    """
    with start_program(program, environment) as started:
        await_spooled(started, 11)
        assert started.stdin
        started.stdin.write("go on\n")
        started.stdin.flush()
        await_spooled(started, 10)
        started.kill()


def await_spooled(program: subprocess.Popen[str], count: int) -> None:
    assert program.stdout
    for line in program.stdout:
        said = re.match(r"(\d+) events went to the spool", line)
        count -= int(said[1]) if said else 0
        if count == 0:
            return
    raise AssertionError("The program ended before")


def test_a_process_that_is_killed_in_an_outage_has_lost_nothing(server: Server, project: Project) -> None:
    session = f"killed-{project.key[-8:]}"
    server.kill()
    try:
        killed(
            f"""
    client = sentrial.SentrialClient(max_retries=1)
    client.create_session(name="killed", session_id="{session}")
    for number in range(20):
        if number == 10:
            sys.stdin.readline()
        client.track_tool_call("{session}", f"tool_{{number}}")
    sys.stdin.read()
            """,
            project.environment(),
        )
    finally:
        server.start()
    with SentrialClient(api_key=project.key, api_url=project.url) as client:
        client.track_tool_call(session, "after")
        assert client.flush()
    assert project.tool_names(session) == [*(f"tool_{number}" for number in range(20)), "after"]


def test_an_asynchronous_process_that_is_killed_in_an_outage_has_lost_nothing(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    killed(
        """
    async def main():
        client = sentrial.AsyncSentrialClient(max_retries=1)
        await client.create_session(name="killed", session_id="sess_1")
        for number in range(20):
            if number == 10:
                await asyncio.to_thread(sys.stdin.readline)
            await client.track_tool_call("sess_1", f"tool_{number}")
        await asyncio.to_thread(sys.stdin.read)
    asyncio.run(main())
        """,
        {"SENTRIAL_API_URL": url, "SENTRIAL_API_KEY": "key", "SENTRIAL_SPOOL_DIR": str(tmp_path)},
    )
    with start_stub(port=port) as stub, SentrialClient(api_key="key", api_url=url, spool=tmp_path) as client:
        assert client.flush()
    assert stub.asked[0].inputs[0]["id"] == "sess_1"
    sent = [item["toolCall"]["toolName"] for asked in stub.asked[1:] for item in asked.inputs]
    assert sent == [f"tool_{number}" for number in range(20)]
    assert files(tmp_path) == []
