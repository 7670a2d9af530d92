"""An HTTP server that answers as told, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Callable, Union

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Answer:
    """``cut``: where the connection is closed instead: before the answer, or in the middle of its body."""

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: str = ""


@dataclass(frozen=True)
class Asked:
    headers: Mapping[str, str]
    body: bytes
    path: str

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """The inputs of its mutation."""
        given = json.loads(self.body)["variables"]["input"]
        return given if isinstance(given, list) else [given]


Script = Union[Answer, Callable[[Asked], Answer]]


def stored(asked: Asked) -> Answer:
    """What the real server says when it has stored everything."""
    sent = json.loads(asked.body)
    given = sent["variables"]["input"]
    if isinstance(given, list):
        return Answer(body=json.dumps({"data": {"recordEvents": [{"error": None}] * len(given)}}))
    name = sent["query"].split("{", 1)[1].split("(", 1)[0].strip()
    return Answer(body=json.dumps({"data": {name: {"id": given["id"]}}}))


def graphql_error(code: str, message: str = "no", status: int = 200, **extensions: Any) -> Answer:
    """A request that failed as a whole, as the real server says it."""
    return Answer(status, json.dumps({"data": None, "errors": [{"message": message, "extensions": {"code": code, **extensions}}]}))


class Stub:
    """Answers by ``script``, one entry for each request, and by ``stored`` after its end."""

    def __init__(self, script: list[Script]) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.url = ""
        self.release = threading.Event()
        """Set at the end: whatever hangs is let go."""

    def next(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        answer = self.script.pop(0) if self.script else stored
        return answer if isinstance(answer, Answer) else answer(asked)


@contextlib.contextmanager
def start_stub(*script: Script, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Stub]:
    stub = Stub(list(script))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = stub.next(Asked(dict(self.headers), body, self.path))
            if answer.cut == "before":
                self.close_connection = True
                return
            text = answer.body.encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if answer.cut == "within":
                self.wfile.write(text[: len(text) // 2])
                self.close_connection = True
                return
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that has hung up is part of the tests."""

    server = Server(("127.0.0.1", port), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    stub.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
