"""What cannot be delivered is kept on disk, bounded and private, and delivered later, once."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from sentrial import BatcherConfig, SentrialClient

from .support.programs import run_program, start_program
from .support.server import free_port
from .support.stub import Answer, start_stub

if TYPE_CHECKING:
    from pathlib import Path

    from .support.server import Project, Server


def record(client: SentrialClient, session: str, count: int) -> None:
    client.create_session(name="spooled", session_id=session)
    for number in range(count):
        client.track_tool_call(session, f"tool_{number}")
    client.complete_session(session)


def names(project: Project, session: str) -> list[str]:
    return [event["toolName"] for event in project.session(session)["events"]]


def files(spool: Path) -> list[Path]:
    return sorted(path for path in spool.rglob("*") if path.is_file())


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
    assert names(project, session) == [f"tool_{number}" for number in range(10)]
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


def test_a_client_with_an_empty_spool_starts_no_thread_for_nothing(tmp_path: Path) -> None:
    import threading

    before = threading.active_count()
    SentrialClient(api_key="key", spool=tmp_path / "not there yet").close()
    assert threading.active_count() == before


def test_sent_by_two_processes_it_is_stored_once(project: Project, tmp_path: Path) -> None:
    session = f"twice-{project.key[-8:]}"
    with SentrialClient(api_key=project.key, api_url="http://127.0.0.1:9", spool=tmp_path) as away:
        record(away, session, 50)
    (written,) = files(tmp_path)
    # The spool belongs to a server and a key: this is where it would be for the real one.
    from sentrial.spool import Spool

    folder = Spool(str(tmp_path), project.url, project.key)._folder
    folder.mkdir()
    written.rename(folder / written.name)
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
    assert names(project, session) == [f"tool_{number}" for number in range(50)]
    assert files(tmp_path) == []


def test_a_long_outage_goes_to_disk_before_memory_is_full_and_comes_back_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentrial.delivery.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("sentrial.delivery.LONGEST_PAUSE", 0.01)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    batching = BatcherConfig(max_bytes=400_000, flush_interval=0.01)
    client = SentrialClient(api_key="key", api_url=url, batching=batching, spool=tmp_path)
    from .test_delivery import wait_until

    for number in range(2_000):
        if client.stats().waiting_bytes > 300_000:
            wait_until(lambda: client.stats().waiting_bytes < 200_000)
        client.track_tool_call("sess_1", f"tool_{number}", {"text": "x" * 500})
    stats = client.stats()
    assert stats.dropped == 0
    assert stats.spooled > 1_000
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


@pytest.mark.parametrize("kind", ["a file is in the way", "full"])
def test_a_spool_that_cannot_be_written_is_logged_and_harms_nobody(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    if kind == "full":
        monkeypatch.setattr("sentrial.spool.LARGEST_SPOOL", 10)
    else:
        spool.write_text("not a folder")
    with start_stub(*[Answer(503)] * 20) as stub, SentrialClient(api_key="key", api_url=stub.url, spool=spool) as client:
        client.track_error("sess_1", "lost")
    assert client.stats().dropped == 1
    assert "The spool" in caplog.text
    assert "1 events were not delivered" in caplog.text
