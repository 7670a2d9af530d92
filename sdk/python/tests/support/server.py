"""The built server as a process, and a client of its GraphQL door that shares no code with the SDK."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MAIN = Path(__file__).parents[4] / "dist" / "main.js"
READY_WITHIN = 240

SESSION = """query($id: ID!) { session(id: $id) {
  id name agentName userId convoId parentSessionId status success failureReason summary userInput assistantOutput metadata
  customMetrics promptTokens completionTokens totalTokens estimatedCost durationMs eventCount toolCallCount decisionCount
  llmCallCount stateChangeCount errorCount clientTimestamp
  events(first: 100, after: AFTER) { pageInfo { hasNextPage endCursor } edges { node {
    __typename id eventType reasoning estimatedCost durationMs totalTokens traceId spanId
    parentEventId branchName stateBefore stateAfter metadata clientTimestamp
    ... on ToolCallEvent { toolName toolInput toolOutput toolError status }
    ... on LlmDecisionEvent { alternativesConsidered chosen confidence }
    ... on LlmCallEvent { toolName model prompt response promptTokens completionTokens toolError status }
    ... on ErrorEvent { toolName toolError errorType errorMessage errorStack recoverable recoveryAction } } } } } }"""


@dataclass(frozen=True)
class Project:
    """A key of a project, and what the server answers to it."""

    url: str
    key: str

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an operation that must have no errors."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/graphql", body, headers)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            result = json.load(answer)
        assert "errors" not in result, result["errors"]
        data: dict[str, Any] = result["data"]
        return data

    def session(self, id: str) -> dict[str, Any]:
        """The session with all its events, oldest first, as ``events``."""
        session: dict[str, Any] = {}
        events: list[dict[str, Any]] = []
        after = "null"
        while True:
            session = self.graphql(SESSION.replace("AFTER", after), id=id)["session"]
            page = session["events"]
            events += [edge["node"] for edge in page["edges"]]
            if not page["pageInfo"]["hasNextPage"]:
                return {**session, "events": events}
            after = json.dumps(page["pageInfo"]["endCursor"])

    def tool_names(self, session_id: str) -> list[str]:
        """The tools that were called in a session, oldest call first."""
        return [event["toolName"] for event in self.session(session_id)["events"]]

    def sessions(self, **filter: Any) -> list[dict[str, Any]]:
        """Ids, names and states of the newest 100 sessions that match, oldest first."""
        query = "query($filter: SessionFilter) { sessions(first: 100, filter: $filter) { edges { node { id name status } } } }"
        return [edge["node"] for edge in self.graphql(query, filter=filter)["sessions"]["edges"]][::-1]

    def environment(self) -> dict[str, str]:
        """What a program needs to find this server, and the test's own spool."""
        spool = os.environ["SENTRIAL_SPOOL_DIR"]
        return {"SENTRIAL_API_URL": self.url, "SENTRIAL_API_KEY": self.key, "SENTRIAL_SPOOL_DIR": spool}


class Server:
    """A running server. ``kill`` and ``restart`` keep its data and its address."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.key = f"sentrial_live_{secrets.token_hex(16)}"
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def project(self) -> Project:
        """Its project, with a new key of all scopes."""
        made = Project(self.url, self.key).graphql(
            "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { key } }",
            input={"name": "test", "scopes": ["SESSIONS_WRITE", "EVENTS_WRITE", "READ", "ADMIN"]},
        )
        return Project(self.url, made["createApiKey"]["key"])

    def start(self) -> None:
        """Starts it, and returns when it listens."""
        if not MAIN.exists():
            raise RuntimeError("dist/main.js is missing: run `npm run build` first")
        node = shutil.which("node")
        assert node, "node is not in PATH"
        self._process = subprocess.Popen(
            [node, str(MAIN)],
            cwd=self.folder,
            env={
                "PATH": os.environ.get("PATH", ""),
                "HOME": str(self.folder),
                "PORT": str(self.port),
                "SENTRIAL_DATA_DIR": str(self.folder / "data"),
                "SENTRIAL_BOOTSTRAP_API_KEY": self.key,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_die_with_parent,
        )
        written: list[str] = []
        ready = threading.Event()
        threading.Thread(target=self._read, args=(self._process, written, ready), daemon=True).start()
        if not ready.wait(READY_WITHIN) or not self.url:
            self.kill()
            raise RuntimeError("The server did not start. It wrote:\n" + "".join(written))

    def _read(self, process: subprocess.Popen[str], written: list[str], ready: threading.Event) -> None:
        assert process.stdout
        for line in process.stdout:
            if not ready.is_set():
                written.append(line)
            with contextlib.suppress(ValueError):
                said = json.loads(line)
                if str(said.get("msg", "")).startswith("listening"):
                    self.url = said["url"]
                    ready.set()
        ready.set()

    def kill(self) -> None:
        """kill -9, at once."""
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """SIGTERM, and waits."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None


@contextlib.contextmanager
def start_server(folder: Path) -> Iterator[Server]:
    """A new server on a free port, with its data in ``folder``; killed at the end."""
    server = Server(folder, free_port())
    try:
        server.start()
        yield server
    finally:
        server.kill()


def free_port() -> int:
    """A port that was free a moment ago. (A restarted server needs the same one, so it cannot be 0.)

    Not one of those that outgoing connections get (32768 and up on Linux): one of them might take it while nobody listens.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _die_with_parent() -> None:
    """On Linux the server ends when the test run does, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
