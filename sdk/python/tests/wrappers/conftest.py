"""Clients for this test's own user, a scripted Claude Code executable, and a scripted model provider."""

from __future__ import annotations

import importlib.util
import json
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable
from uuid import uuid4

import pytest
import pytest_asyncio

from sentrial import AsyncSentrialClient, SentrialClient

from .llm_stub import LlmStub, start_llm_stub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from sentrial import SentrialCallbackHandler

    from ..support.server import Project
    from .claude_script import Step

_claude = importlib.util.find_spec("claude_agent_sdk")
_has_executable = (
    _claude is not None and _claude.origin is not None and (Path(_claude.origin).parent / "_bundled" / "claude").exists()
)
# The real executable comes with the wheel of claude-agent-sdk only. Where it is, it is tested too.
collect_ignore = [] if _has_executable else ["test_claude_binary.py"]


@dataclass
class Recorded:
    """What the server has of this test's user."""

    project: Project
    user_id: str

    def sessions(self) -> list[dict[str, Any]]:
        """All sessions, oldest first."""
        return [self.project.session(found["id"]) for found in self.project.sessions(userId=self.user_id)]

    def session(self) -> dict[str, Any]:
        """The only session."""
        [session] = self.sessions()
        return session


@dataclass
class FakeClaude:
    """The scripted executable. ``play`` gives it the script for the next runs, one list of steps for each user message."""

    cli_path: str
    script: Path
    trace: Path

    def play(self, *turns: list[Step]) -> None:
        self.script.write_text(json.dumps(turns))

    def heard(self) -> list[dict[str, Any]]:
        """What the SDK sent to it: the arguments first, then line by line."""
        return [json.loads(line) for line in self.trace.read_text().splitlines()]


@pytest.fixture
def user_id() -> str:
    return f"user-{uuid4().hex}"


@pytest.fixture
def recorded(project: Project, user_id: str) -> Recorded:
    return Recorded(project, user_id)


@pytest_asyncio.fixture
async def async_client(project: Project) -> AsyncIterator[AsyncSentrialClient]:
    async with AsyncSentrialClient(api_key=project.key, api_url=project.url) as client:
        yield client


@pytest.fixture
def session_id(client: SentrialClient, user_id: str) -> str:
    """A session of this test's user."""
    return client.create_session("A session", agent_name="agent", user_id=user_id)


@pytest.fixture
def llm() -> Iterator[LlmStub]:
    with start_llm_stub() as stub:
        yield stub


@pytest.fixture
def claude(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeClaude:
    """Makes ``claude-agent-sdk`` start the fake, found as the real one is, in an environment built from nothing."""
    transport = pytest.importorskip("claude_agent_sdk._internal.transport.subprocess_cli").SubprocessCLITransport
    for name in os.environ:
        if name not in ("PATH", "LANG") and not name.startswith(("SENTRIAL_", "PYTEST_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "bin"
    folder.mkdir()
    executable = folder / "claude"
    fake = Path(__file__).with_name("fake_claude.py")
    executable.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{fake}" "$@"\n')
    executable.chmod(executable.stat().st_mode | stat.S_IXUSR)
    script, trace = tmp_path / "script.json", tmp_path / "trace.jsonl"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FAKE_CLAUDE_SCRIPT", str(script))
    monkeypatch.setenv("FAKE_CLAUDE_TRACE", str(trace))
    monkeypatch.setenv("CLAUDE_AGENT_SDK_SKIP_VERSION_CHECK", "1")
    # Where the SDK was installed as a wheel, it has the real executable, which it would prefer.
    monkeypatch.setattr(transport, "_find_bundled_cli", lambda _: None)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return FakeClaude(str(executable), script, trace)


@pytest.fixture
def tracked(async_client: AsyncSentrialClient, user_id: str) -> Any:
    """``query`` of ``claude-agent-sdk``, wrapped."""
    from claude_agent_sdk import query  # here, as a test may run without the library

    from sentrial.claude_code import wrap_claude_agent

    return wrap_claude_agent(query, client=async_client, default_agent="coder", user_id=user_id)


@pytest.fixture
def handler(client: SentrialClient, session_id: str) -> SentrialCallbackHandler:
    from sentrial import SentrialCallbackHandler  # the same

    return SentrialCallbackHandler(client=client, session_id=session_id)


@pytest.fixture
def read(client: SentrialClient, recorded: Recorded) -> Callable[[], dict[str, Any]]:
    """The session, after everything that was recorded has arrived."""

    def session() -> dict[str, Any]:
        client.flush()
        return recorded.session()

    return session
