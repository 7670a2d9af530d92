"""What cannot be delivered is kept on disk, bounded and private, and delivered later, once."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
from typing import TYPE_CHECKING, Callable

import pytest

from sentrial import ConfigurationError, SentrialClient
from sentrial.spool import Spool

from .support.programs import run_program, start_program
from .support.server import free_port
from .support.spool import files, record
from .support.stub import Answer, start_stub

if TYPE_CHECKING:
    from pathlib import Path

    from .support.server import Project, Server


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
