"""Everything arrives, once, however the process forks, ends or is interrupted."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from .support.programs import run_program, start_program
from .support.server import Project, free_port
from .support.stub import Answer, start_stub

if TYPE_CHECKING:
    from sentrial import SentrialClient

fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


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
    assert sorted(project.tool_names(session)) == ["after", "before", "child"]


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
    assert sorted(project.tool_names(session)) == ["worker_0", "worker_1", "worker_2"]


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
    assert project.tool_names(session).count("child") == 5


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
    assert project.tool_names(session) == [f"tool_{number}" for number in range(20)]
    assert project.session(session)["status"] == "COMPLETED"


def test_a_script_that_ends_by_an_exception_has_delivered_everything(project: Project) -> None:
    with start_program(SCRIPT + "raise SystemExit(7)", project.environment()) as program:
        out, _ = program.communicate(timeout=30)
    assert program.returncode == 7
    assert len(project.tool_names(out.strip())) == 20


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
    assert project.tool_names(session) == [f"tool_{number}" for number in range(20)]


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
    assert len(project.tool_names(session)) == 20


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
