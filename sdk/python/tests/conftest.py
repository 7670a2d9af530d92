"""The real server, started once for the run, and a project of its own for each test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sentrial import SentrialClient

from .support.server import Project, Server, start_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The built server (`dist/main.js`) on its embedded database, with an environment built from nothing."""
    with start_server(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def project(server: Server) -> Project:
    """The server's project with a key of this test's own."""
    return server.project()


@pytest.fixture(autouse=True)
def _environment_of_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees the caller's keys, servers or proxies, nor touches the home folder."""
    monkeypatch.setenv("SENTRIAL_SPOOL_DIR", str(tmp_path_factory.mktemp("spool")))
    for name in ("SENTRIAL_API_KEY", "SENTRIAL_API_URL", "SENTRIAL_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def client(project: Project) -> Iterator[SentrialClient]:
    """A client of the real server, closed at the end."""
    with SentrialClient(api_key=project.key, api_url=project.url) as opened:
        yield opened


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With ``CI=true`` a test that was skipped is a failure: what it needs has to be there."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
