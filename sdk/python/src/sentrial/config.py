from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import SupportsFloat, SupportsIndex, Union
from urllib.parse import urlsplit

from .errors import ConfigurationError

DEFAULT_API_URL = "http://localhost:3001"
FOR_EVER = 1_000_000.0
"""Seconds, or tries, that are as good as for ever. Sockets refuse a timeout beyond 2³¹ milliseconds."""
DEFAULT_SPOOL = os.path.join("~", ".sentrial", "spool")

PathLike = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class BatcherConfig:
    """How events are collected before they are sent.

    ``flush_interval``: seconds that an event waits for others. ``flush_threshold``: this many are sent at once.
    ``max_bytes``: what may wait in memory (32 MiB). ``max_queue_size``: how many may wait; None is no limit but bytes.
    With ``enabled=False`` each call waits until the server has answered.
    """

    enabled: bool = True
    flush_interval: float = 0.25
    flush_threshold: int = 200
    max_queue_size: int | None = None
    max_bytes: int = 32 * 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """What a client was told, by its arguments, else by the environment."""

    api_key: str
    api_url: str
    project_id: str | None
    timeout: float
    max_retries: int
    fail_silently: bool
    batching: BatcherConfig
    spool: str | None
    """A folder, perhaps one that begins with ``~``; None: no spool."""

    @property
    def graphql_url(self) -> str:
        return f"{self.api_url}/graphql"


def read_settings(
    *,
    api_key: str | None,
    project_id: str | None,
    api_url: str | None,
    timeout: float,
    max_retries: int,
    fail_silently: bool,
    batching: BatcherConfig | bool | None,
    spool: PathLike | bool | None,
) -> Settings:
    """Fills in ``SENTRIAL_API_KEY``, ``SENTRIAL_PROJECT_ID``, ``SENTRIAL_API_URL`` and ``SENTRIAL_SPOOL_DIR``.

    Raises ConfigurationError where one of them cannot be used.
    """
    url = (api_url or os.environ.get("SENTRIAL_API_URL") or DEFAULT_API_URL).rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(f"api_url: expected http://host:port or https://host, got {url!r}")
    key = (api_key or os.environ.get("SENTRIAL_API_KEY") or "").strip()
    if not key:
        raise ConfigurationError("No API key: set SENTRIAL_API_KEY or give api_key")
    if not (key.isascii() and key.isprintable()):
        raise ConfigurationError("api_key: expected printable ASCII, such as sentrial_live_…")
    if batching is None:
        batching = fail_silently  # an error can be raised only where the call waits for it
    if not isinstance(batching, BatcherConfig):
        batching = BatcherConfig(enabled=bool(batching))
    return Settings(
        api_key=key,
        api_url=url,
        project_id=project_id or os.environ.get("SENTRIAL_PROJECT_ID") or None,
        timeout=_number("timeout", timeout, 0.001),
        max_retries=int(_number("max_retries", max_retries, 0)),
        fail_silently=fail_silently,
        batching=batching,
        spool=_spool_folder(spool),
    )


def _spool_folder(spool: object) -> str | None:
    if spool is False:
        return None
    if spool is None or spool is True or spool == "":
        return os.environ.get("SENTRIAL_SPOOL_DIR") or DEFAULT_SPOOL
    if not isinstance(spool, (str, bytes, os.PathLike)):
        raise ConfigurationError(f"spool: expected a folder, or False for none, got {spool!r:.40}")
    return os.fsdecode(spool)


def _number(name: str, value: object, least: float) -> float:
    try:
        number = float(value) if isinstance(value, (str, SupportsFloat, SupportsIndex)) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if math.isnan(number):
        raise ConfigurationError(f"{name}: expected a number, got {value!r:.40}")
    return min(max(least, number), FOR_EVER)


NOTHING = Settings("", DEFAULT_API_URL, None, 30, 0, True, BatcherConfig(), None)
"""Of a client that cannot work as it was told, and records nothing."""
