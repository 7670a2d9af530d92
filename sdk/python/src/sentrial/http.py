"""One POST over a kept connection, by the standard library alone."""

from __future__ import annotations

import contextlib
import http.client
import platform
import ssl
import urllib.request
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from .graphql import Failure, Request, Response
from .version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_ANSWER = 64 * 1024 * 1024
USER_AGENT = f"sentrial-python/{__version__} python/{platform.python_version()}"


def headers_for(api_key: str, request: Request) -> dict[str, str]:
    headers = {
        "Authorization": f"Bearer {api_key}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": USER_AGENT,
    }
    if request.key is not None:
        headers["Idempotency-Key"] = request.key
    return headers


def retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header; None for a date, which this server does not send."""
    try:
        return float(value) if value is not None else None
    except ValueError:
        return None


class Connection:
    """A connection to one URL, opened when needed. Not thread-safe. Obeys ``HTTP_PROXY`` and its kin."""

    def __init__(self, url: str, api_key: str, timeout: float) -> None:
        self._url = urlsplit(url)
        self._key = api_key
        self._timeout = timeout
        self._open: http.client.HTTPConnection | None = None
        self._target = self._url.path

    def post(self, request: Request, timeout: float | None = None) -> Response | Failure:
        """Never raises. A kept connection that turns out closed is opened anew, once."""
        kept = self._open is not None
        answer = self._try(request, timeout)
        if kept and isinstance(answer, Failure):
            answer = self._try(request, timeout)
        return answer

    def close(self) -> None:
        if self._open is not None:
            with contextlib.suppress(Exception):
                self._open.close()
            self._open = None

    def _try(self, request: Request, timeout: float | None) -> Response | Failure:
        try:
            if self._open is None:
                self._open = self._connect()
            self._open.timeout = timeout or self._timeout
            if self._open.sock is not None:
                self._open.sock.settimeout(timeout or self._timeout)
            self._open.request("POST", self._target, request.body, headers_for(self._key, request))
            answer = self._open.getresponse()
            body = answer.read(LARGEST_ANSWER)
            if not answer.isclosed():
                self.close()
            return Response(answer.status, body, retry_after(answer.getheader("Retry-After")))
        except Exception as error:  # OSError, http.client.HTTPException, and what a strange answer may cause
            self.close()
            return Failure(f"{self._url.netloc}: {type(error).__name__}{f': {error}' if str(error) else ''}")

    def _connect(self) -> http.client.HTTPConnection:
        host, secure = self._url.hostname or "", self._url.scheme == "https"
        port = self._url.port or (443 if secure else 80)
        proxy = None if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(self._url.scheme)
        via = urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else None
        at, at_port = (via.hostname or "", via.port or 80) if via else (host, port)
        self._target = self._url.path
        if not secure:
            if via:
                self._target = f"{self._url.scheme}://{self._url.netloc}{self._url.path}"
            return http.client.HTTPConnection(at, at_port, timeout=self._timeout)
        connection = http.client.HTTPSConnection(at, at_port, timeout=self._timeout, context=ssl.create_default_context())
        if via:
            connection.set_tunnel(host, port, _proxy_headers(via.username, via.password))
        return connection


def _proxy_headers(username: str | None, password: str | None) -> Mapping[str, str]:
    if username is None:
        return {}
    secret = f"{unquote(username)}:{unquote(password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(secret.encode()).decode()}"}
