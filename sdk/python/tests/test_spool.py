"""What cannot be delivered is kept on disk, bounded and private, and delivered later, once."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import stat
import threading
from typing import TYPE_CHECKING, Callable

import pytest

from sentrial import AsyncSentrialClient, BatcherConfig, ConfigurationError, SentrialClient
from sentrial.spool import Spool

from .support.log import listen
from .support.programs import run_program, start_program
from .support.server import free_port
from .support.stub import Answer, start_stub

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from .support.server import Project, Server


def record(client: SentrialClient, session: str, count: int) -> None:
    client.create_session(name="spooled", session_id=session)
    for number in range(count):
        client.track_tool_call(session, f"tool_{number}")
    client.complete_session(session)


def files(spool: Path) -> list[Path]:
    return sorted(path for path in spool.rglob("*") if path.is_file())


def delivering() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sentrial"]


def test_a_run_while_the_server_is_away_is_delivered_by_the_next_client(server: Server, project: Project, tmp_path: Path) -> None:
    session = f"spooled-{project.key[-8:]}"
    server.kill()
    try:
        with SentrialClient(api_key=project.key, api_url=project.url, spool=tmp_path) as client:
            record(client, session, 10)
        assert client.stats().spooled == 12
        assert client.stats().waiting_bytes == 0
    finally:
        server.start()
    with SentrialClient(api_key=project.key, api_url=project.url, spool=tmp_path) as client:
        after = client.create_session(name="after")
        assert client.flush()
    assert client.stats().delivered == 13
    assert project.tool_names(session) == [f"tool_{number}" for number in range(10)]
    assert project.session(session)["status"] == "COMPLETED"
    assert project.session(after)["name"] == "after"
    assert files(tmp_path) == []


def test_the_end_of_a_script_puts_what_is_left_there(tmp_path: Path) -> None:
    environment = {
        "SENTRIAL_API_URL": f"http://127.0.0.1:{free_port()}",
        "SENTRIAL_API_KEY": "sentrial_live_secret",
        "SENTRIAL_SPOOL_DIR": str(tmp_path),
    }
    run_program("import sentrial\nsentrial.SentrialClient().create_session(name='script')", environment)
    (path,) = files(tmp_path)
    (line,) = path.read_text().splitlines()
    assert json.loads(line)["input"]["name"] == "script"
    assert "sentrial_live_secret" not in path.read_text() + str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_without_a_setting_it_is_in_the_home_folder(project: Project, server: Server, tmp_path: Path) -> None:
    environment = {**project.environment(), "HOME": str(tmp_path), "SENTRIAL_SPOOL_DIR": ""}
    program = "import sentrial\nprint(sentrial.SentrialClient().create_session(name='script'))"
    server.kill()
    try:
        (session,), err = run_program(program, environment)
        (path,) = files(tmp_path)
        assert path.relative_to(tmp_path).parts[:2] == (".sentrial", "spool")
        assert f"1 events were not delivered to {project.url}, and are kept in {path.parent}" in err
    finally:
        server.start()
    run_program(program, environment)
    assert project.session(session)["name"] == "script"
    assert files(tmp_path) == []


def test_it_can_be_turned_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("SENTRIAL_SPOOL_DIR", str(tmp_path))
    client = SentrialClient(api_key="key", api_url=f"http://127.0.0.1:{free_port()}", spool=False)
    client.track_error("sess_1", "lost")
    client.close(0.2)
    assert client.stats().dropped == 1
    assert list(tmp_path.iterdir()) == []
    assert "1 events were not delivered" in caplog.text
    assert "kept" not in caplog.text


def test_a_user_without_a_home_has_none_and_is_told_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def unknown(_: int) -> None:
        raise KeyError("uid not found")

    monkeypatch.delenv("SENTRIAL_SPOOL_DIR")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    with start_stub() as stub:
        for _ in range(2):
            with SentrialClient(api_key="key", api_url=stub.url) as client:
                client.track_error("sess_1", "delivered")
            assert client.stats().delivered == 1
    assert caplog.text.count("is kept in memory only") == 1


def test_what_is_no_folder_is_said_as_any_other_wrong_setting() -> None:
    untyped: Callable[..., SentrialClient] = SentrialClient
    with pytest.raises(ConfigurationError, match="spool: expected a folder, or False for none, got 7"):
        untyped(api_key="key", spool=7, fail_silently=False)


def test_the_spool_of_the_typescript_sdk_in_the_same_place_is_left_alone(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    other = tmp_path / hashlib.sha256(f"{url}\nkey".encode()).hexdigest()[:16] / "01700000000000-00000001.host.1.abc.ndjson"
    other.parent.mkdir()
    other.write_text('{"operation":"toolCall","input":{}}\n')
    with SentrialClient(api_key="key", api_url=url, spool=tmp_path) as away:
        away.track_tool_call("sess_1", "mine")
    assert [path.parent == other.parent for path in files(tmp_path)].count(True) == 1
    with start_stub(port=port) as stub, SentrialClient(api_key="key", api_url=url, spool=tmp_path) as client:
        assert client.flush()
        assert [item["toolCall"]["toolName"] for asked in stub.asked for item in asked.inputs] == ["mine"]
    assert files(tmp_path) == [other]


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


def test_a_client_with_an_empty_spool_starts_no_thread_for_nothing(tmp_path: Path) -> None:
    before = threading.active_count()
    client = SentrialClient(api_key="key", spool=tmp_path / "not there yet")
    assert threading.active_count() == before
    client.close()
    assert threading.active_count() == before


def test_sent_by_two_processes_it_is_stored_once(project: Project, tmp_path: Path) -> None:
    session = f"twice-{project.key[-8:]}"
    with SentrialClient(api_key=project.key, api_url="http://127.0.0.1:9", spool=tmp_path) as away:
        record(away, session, 50)
    (written,) = files(tmp_path)
    # The spool belongs to a server and a key: this is where it would be for the real one.
    written.rename(Spool(tmp_path, project.url, project.key).folder / written.name)
    program = """
    import sentrial, sys
    sys.stdin.readline()
    client = sentrial.SentrialClient()
    client.flush()
    print(client.stats().refused)
    """
    environment = {**project.environment(), "SENTRIAL_SPOOL_DIR": str(tmp_path)}
    both = [start_program(program, environment) for _ in range(2)]
    for started in both:
        assert started.stdin
        started.stdin.write("go\n")
        started.stdin.flush()
    for started in both:
        out, err = started.communicate(timeout=30)
        assert (started.returncode, out) == (0, "0\n"), err
    assert project.tool_names(session) == [f"tool_{number}" for number in range(50)]
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


def test_a_damaged_line_costs_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with SentrialClient(api_key="key", api_url=url, spool=tmp_path) as away:
        for number in range(3):
            away.track_tool_call("sess_1", f"tool_{number}")
    (path,) = files(tmp_path)
    first, _, third = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([first, b'{"kind": "event", "id"', third]) + b"\n")
    with start_stub(port=port) as stub, SentrialClient(api_key="key", api_url=url, spool=tmp_path) as client:
        client.flush()
        client.close()
        assert [item["toolCall"]["toolName"] for asked in stub.asked for item in asked.inputs] == ["tool_0", "tool_2"]
    assert "1 lines of" in caplog.text


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


def test_a_file_that_a_killed_process_had_only_begun_is_removed(tmp_path: Path) -> None:
    folder = Spool(tmp_path, "http://127.0.0.1:9", "key").folder
    torn, fresh = folder / "batch_1.part", folder / "batch_2.part"
    for part in (torn, fresh):
        part.write_text("{")
    os.utime(torn, (0, 0))
    Spool(tmp_path, "http://127.0.0.1:9", "key")
    assert files(tmp_path) == [fresh]


def test_every_folder_that_it_makes_is_private(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with SentrialClient(api_key="key", api_url="http://127.0.0.1:9", spool=tmp_path / "one" / "two") as client:
            client.track_error("sess_1", "kept")
    finally:
        os.umask(before)
    made = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*")}
    assert len(made) == 4
    modes = {len(name.parts): stat.S_IMODE(path.stat().st_mode) for name, path in made.items()}
    assert modes == {1: 0o700, 2: 0o700, 3: 0o700, 4: 0o600}


@pytest.mark.parametrize("kind", ["a file is in the way", "full"])
def test_a_spool_that_cannot_be_written_is_logged_and_harms_nobody(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    if kind == "full":
        monkeypatch.setattr("sentrial.spool.LARGEST_SPOOL", 10)
    else:
        spool.write_text("not a folder")
    said = "is full" if kind == "full" else "cannot be used"
    for _ in range(2):
        with start_stub(*[Answer(503)] * 20) as stub, SentrialClient(api_key="key", api_url=stub.url, spool=spool) as client:
            client.track_error("sess_1", "lost")
        assert client.stats().dropped == 1
    assert caplog.text.count(said) == (2 if kind == "full" else 1)
    assert caplog.text.count("1 events were not delivered") == 2
