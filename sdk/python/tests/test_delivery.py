"""Everything arrives, once, whatever happens to the server, the process, its threads and its children."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

import sentrial
from sentrial import AsyncSentrialClient, BatcherConfig, PiiConfig, PiiCustomPattern, SentrialClient

from .support.server import Project, Server, free_port
from .support.stub import start_stub
from .support.threads import delivering


def test_a_server_killed_and_restarted_has_every_event_once(server: Server, project: Project) -> None:
    client = SentrialClient(api_key=project.key, api_url=project.url, batching=BatcherConfig(flush_interval=0.01))
    session = client.create_session(name="long run")
    recorded: list[str] = []

    def record(count: int) -> None:
        for _ in range(count):
            recorded.append(f"tool_{len(recorded)}")
            client.track_tool_call(session, recorded[-1])

    record(100)
    assert client.flush()
    record(100)  # on their way while the server is killed
    server.kill()
    record(100)
    recording = threading.Thread(target=record, args=(100,))
    recording.start()
    server.start()
    recording.join()
    record(100)
    client.complete_session(session)
    assert client.flush(30)
    assert project.tool_names(session) == recorded
    assert project.session(session)["status"] == "COMPLETED"
    client.close()


def test_many_threads_share_a_client(project: Project, client: SentrialClient) -> None:
    def work(number: int) -> None:
        session = client.create_session(name=f"thread {number}", session_id=f"{project.key[-8:]}-{number}")
        for step in range(50):
            client.track_tool_call(session, f"tool_{step}")
        client.complete_session(session)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.flush()
    for number in range(8):
        session = project.session(f"{project.key[-8:]}-{number}")
        assert session["status"] == "COMPLETED"
        assert [event["toolName"] for event in session["events"]] == [f"tool_{step}" for step in range(50)]


def test_one_daemon_thread_serves_a_client_and_ends_with_it(project: Project) -> None:
    before = len(delivering())
    client = SentrialClient(api_key=project.key, api_url=project.url)
    assert len(delivering()) == before
    for _ in range(10):
        client.create_session(name="threads")
    assert len(delivering()) == before + 1
    assert delivering()[-1].daemon
    client.close()
    assert len(delivering()) == before


def test_a_client_that_is_forgotten_delivers_what_it_has_and_leaves_no_thread(project: Project) -> None:
    before = delivering()
    client = SentrialClient(api_key=project.key, api_url=project.url)
    session = client.create_session(name="forgotten")
    client.track_tool_call(session, "last")
    (thread,) = set(delivering()) - set(before)
    del client
    gc.collect()
    thread.join(30)
    assert not thread.is_alive()
    assert project.tool_names(session) == ["last"]


def test_memory_stays_within_its_bound_while_the_server_is_away(caplog: pytest.LogCaptureFixture) -> None:
    bound = 200_000
    url = f"http://127.0.0.1:{free_port()}"
    client = SentrialClient(api_key="key", api_url=url, batching=BatcherConfig(max_bytes=bound), spool=False)
    for _ in range(2_000):
        client.track_tool_call("sess_1", "tool", {"text": "x" * 1_000})
        assert client.stats().waiting_bytes <= bound
    stats = client.stats()
    assert stats.waiting + stats.dropped == 2_000
    assert stats.dropped > 1_500
    assert caplog.text.count("Events are dropped") == 1
    client.close(0)


def test_a_timeout_may_be_endless() -> None:
    ever = float("inf")
    with start_stub() as stub:
        client = SentrialClient(api_key="key", api_url=stub.url, timeout=ever)
        client.track_error("sess_1", "patient")
        assert client.flush(ever)
        client.close(ever)
    assert client.stats().delivered == 1


def test_a_flush_that_was_given_up_leaves_nothing_behind() -> None:
    client = SentrialClient(api_key="key", api_url=f"http://127.0.0.1:{free_port()}")
    client.track_error("sess_1", "away")
    for _ in range(3):
        assert client.flush(0.01) is False
    assert client._courier.outbox._waiters == []
    client.close(0)


def test_a_full_outbox_is_raised_where_that_was_asked_for() -> None:
    batching = BatcherConfig(max_queue_size=2)
    client = SentrialClient(api_key="key", api_url=f"http://127.0.0.1:{free_port()}", batching=batching, fail_silently=False)
    with pytest.raises(sentrial.QueueFull):
        [client.track_error("sess_1", "again") for _ in range(4)]
    with pytest.raises(sentrial.DeliveryError):
        client.flush(0)
    client.close(0)


def test_a_closed_client_records_nothing_and_does_not_raise(client: SentrialClient, caplog: pytest.LogCaptureFixture) -> None:
    client.close()
    assert client.track_error("sess_1", "late").startswith("evt_")
    assert client.stats().dropped == 1
    assert "The client is closed" in caplog.text
    client.close()


UNUSABLE: dict[str, dict[str, Any]] = {
    "No API key": {"api_key": None},
    "api_key: expected": {"api_key": "schlüssel"},
    "api_url: expected": {"api_url": "localhost:3001"},
    "timeout: expected": {"timeout": "soon"},
    "pii: '('": {"pii": PiiConfig(custom_patterns=[PiiCustomPattern("(", "X")])},
}


@pytest.mark.parametrize(("said", "wrong"), UNUSABLE.items(), ids=UNUSABLE)
def test_what_cannot_be_used_is_said_once_and_nothing_is_recorded(
    said: str, wrong: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    options = {"api_key": "key", **wrong}
    client = SentrialClient(**options)
    assert client.create_session(name="unusable").startswith("sess_")
    assert client.get_session("sess_1") == {}
    assert client.flush()
    assert client.stats().waiting == 0
    assert caplog.text.count("Nothing is recorded") == 1
    assert said in caplog.text
    with pytest.raises(sentrial.ConfigurationError):
        SentrialClient(fail_silently=False, **options)


def test_white_space_around_a_key_is_not_part_of_it(project: Project) -> None:
    with SentrialClient(api_key=f"{project.key}\n", api_url=project.url, fail_silently=False) as client:
        client.create_session(name="from a file")


async def test_a_cancelled_task_loses_nothing_that_was_recorded(project: Project) -> None:
    client = AsyncSentrialClient(api_key=project.key, api_url=project.url)
    session = await client.create_session(name="cancelled")

    async def agent() -> None:
        for number in range(10):
            await client.track_tool_call(session, f"tool_{number}")
        await asyncio.Event().wait()

    task = asyncio.create_task(agent())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    flushing = asyncio.create_task(client.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    await client.close()
    assert project.tool_names(session) == [f"tool_{number}" for number in range(10)]


async def test_a_cancelled_close_leaves_the_rest_to_the_thread(project: Project) -> None:
    client = AsyncSentrialClient(api_key=project.key, api_url=project.url)
    session = await client.create_session(name="cancelled close")
    closing = asyncio.create_task(client.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    settled = threading.Event()
    client._courier.outbox.when_settled(settled.set)
    assert await asyncio.to_thread(settled.wait, 30)
    assert project.session(session)["name"] == "cancelled close"


def test_one_asynchronous_client_serves_one_loop_after_another(project: Project) -> None:
    client = AsyncSentrialClient(api_key=project.key, api_url=project.url)

    async def run() -> str:
        session = await client.create_session(name="loop")
        await client.track_tool_call(session, "tool")
        return session

    sessions = [asyncio.run(run()) for _ in range(3)]
    asyncio.run(client.close())
    assert [project.tool_names(session) for session in sessions] == [["tool"]] * 3


def test_an_asynchronous_client_used_by_threads_of_a_loop_delivers(project: Project) -> None:
    async def run() -> list[str]:
        async with AsyncSentrialClient(api_key=project.key, api_url=project.url) as client:
            session = await client.create_session(name="executor")

            @sentrial.tool("in_thread")
            def blocking(number: int) -> int:
                return number

            async with await client.begin(user_id="u", event="executor") as interaction:
                await asyncio.gather(*(asyncio.to_thread(blocking, number) for number in range(10)))
            await client.close_session(session)
        return project.tool_names(interaction.session_id)

    assert asyncio.run(run()) == ["in_thread"] * 10
