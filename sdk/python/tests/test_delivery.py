"""Everything arrives, once, whatever happens to the server, the process, its threads and its children."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import threading
import time
from typing import Any

import pytest

import sentrial
from sentrial import AsyncSentrialClient, BatcherConfig, PiiConfig, PiiCustomPattern, SentrialClient

from .support.programs import run_program, start_program
from .support.server import Project, Server, free_port
from .support.stub import Answer, start_stub

fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def names(project: Project, session_id: str) -> list[str]:
    return [event["toolName"] for event in project.session(session_id)["events"]]


def delivering() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sentrial"]


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
    starting = threading.Thread(target=server.start)
    starting.start()
    record(100)
    starting.join()
    record(100)
    client.complete_session(session)
    assert client.flush(30)
    assert names(project, session) == recorded
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
    assert names(project, session) == ["last"]


@fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_keeps_tracking_and_sends_nothing_of_its_parent_twice(project: Project, client: SentrialClient) -> None:
    session = client.create_session(name="parent")
    assert client.flush()  # the thread runs, the connection is open
    client.track_tool_call(session, "before")
    child = os.fork()
    if child == 0:
        try:
            client.track_tool_call(session, "child")
            assert client.stats().waiting == 1
            os._exit(0 if client.flush(20) else 3)
        finally:
            os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    client.track_tool_call(session, "after")
    assert client.flush()
    assert sorted(names(project, session)) == ["after", "before", "child"]


def _in_worker(client: SentrialClient, session: str, number: int) -> None:
    client.track_tool_call(session, f"worker_{number}")


@fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_worker_of_multiprocessing_delivers_at_its_end(project: Project, client: SentrialClient) -> None:
    session = client.create_session(name="pool")
    client.flush()
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_in_worker, args=(client, session, number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
        assert worker.exitcode == 0
    assert sorted(names(project, session)) == ["worker_0", "worker_1", "worker_2"]


@fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_forked_while_many_threads_record_does_not_hang(project: Project, client: SentrialClient) -> None:
    session = client.create_session(name="busy")
    rounds = threading.Semaphore(0)
    over = False

    def work() -> None:
        while rounds.acquire() and not over:
            for _ in range(100):
                client.track_tool_call(session, "busy")

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            rounds.release(len(threads))
            child = os.fork()
            if child == 0:
                try:
                    client.track_tool_call(session, "child")
                    os._exit(0 if client.flush(20) else 3)
                finally:
                    os._exit(4)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        over = True
        rounds.release(len(threads))
        for thread in threads:
            thread.join()
    assert client.flush()
    assert names(project, session).count("child") == 5


SCRIPT = """
import sentrial
client = sentrial.SentrialClient()
session = client.create_session(name="script")
for number in range(20):
    client.track_tool_call(session, f"tool_{number}")
client.complete_session(session)
print(session)
"""


def test_a_script_that_just_ends_has_delivered_everything(project: Project) -> None:
    (session,), _ = run_program(SCRIPT, project.environment())
    assert names(project, session) == [f"tool_{number}" for number in range(20)]
    assert project.session(session)["status"] == "COMPLETED"


def test_a_script_that_ends_by_an_exception_has_delivered_everything(project: Project) -> None:
    with start_program(SCRIPT + "raise SystemExit(7)", project.environment()) as program:
        out, _ = program.communicate(timeout=30)
    assert program.returncode == 7
    assert len(names(project, out.strip())) == 20


def test_an_asynchronous_script_without_close_has_delivered_everything(project: Project) -> None:
    (session,), _ = run_program(
        """
        import asyncio, sentrial
        async def main():
            client = sentrial.AsyncSentrialClient()
            session = await client.create_session(name="script")
            for number in range(20):
                await client.track_tool_call(session, f"tool_{number}")
            await client.complete_session(session)
            print(session)
        asyncio.run(main())
        """,
        project.environment(),
    )
    assert names(project, session) == [f"tool_{number}" for number in range(20)]


ENDS = {
    "the server is gone": f"http://127.0.0.1:{free_port()}",
    "the server's name is unknown": "http://sentrial.invalid:3001",
}


@pytest.mark.parametrize("url", ENDS.values(), ids=ENDS)
def test_the_end_of_a_script_is_not_held_up_when(url: str) -> None:
    started = time.monotonic()
    _, err = run_program(SCRIPT, {"SENTRIAL_API_URL": url, "SENTRIAL_API_KEY": "key"}, within=20)
    assert time.monotonic() - started < 10
    assert "22 events were not delivered" in err


def test_the_end_of_a_script_is_not_held_up_when_the_server_hangs() -> None:
    def hang(_: object) -> Answer:
        stub.release.wait(60)
        return Answer(503)

    with start_stub(*[hang] * 10) as stub:
        started = time.monotonic()
        _, err = run_program(SCRIPT, {"SENTRIAL_API_URL": stub.url, "SENTRIAL_API_KEY": "key"}, within=20)
        assert time.monotonic() - started < 10
    assert "22 events were not delivered" in err


def test_control_c_ends_a_script_and_delivers_what_it_has(project: Project) -> None:
    with start_program(SCRIPT + "import sys\nsys.stdout.flush()\nsys.stdin.read()", project.environment()) as program:
        assert program.stdout
        session = program.stdout.readline().strip()
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=20)
    assert len(names(project, session)) == 20


def test_a_signal_handler_may_record_whatever_it_interrupts(client: SentrialClient) -> None:
    session = client.create_session(name="signals")
    handled = []

    def handle(*_: object) -> None:
        client.track_tool_call(session, "handler")
        handled.append(True)

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        deadline = time.monotonic() + 1
        recorded = 0
        while time.monotonic() < deadline and recorded < 1_500:
            client.track_tool_call(session, "interrupted")
            recorded += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert handled
    assert client.flush(60)
    assert client.stats().delivered == recorded + len(handled) + 1


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
    assert names(project, session) == [f"tool_{number}" for number in range(10)]


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
    assert [names(project, session) for session in sessions] == [["tool"]] * 3


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
        return names(project, interaction.session_id)

    assert asyncio.run(run()) == ["in_thread"] * 10
