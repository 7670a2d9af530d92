from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from .async_client import AsyncSentrialClient
from .client import SentrialClient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .config import BatcherConfig, PathLike
    from .interaction import AsyncInteraction, Interaction
    from .redact import PiiConfig

_lock = threading.RLock()
_client: SentrialClient | None = None
_async_client: AsyncSentrialClient | None = None


def configure(
    api_key: str | None = None,
    api_url: str | None = None,
    fail_silently: bool = True,
    pii: PiiConfig | bool | None = None,
    batching: BatcherConfig | bool | None = None,
    *,
    project_id: str | None = None,
    timeout: float = 30,
    max_retries: int = 3,
    spool: PathLike | bool | None = None,
) -> SentrialClient:
    """Makes the default client, which ``begin``, ``@session`` and ``@tool`` use; arguments as of ``SentrialClient``.

    The default client of before is closed. Without this call there is one made from the environment at first use.
    """
    global _client
    client = SentrialClient(
        api_key=api_key,
        project_id=project_id,
        api_url=api_url,
        timeout=timeout,
        max_retries=max_retries,
        fail_silently=fail_silently,
        batching=batching,
        pii=pii,
        spool=spool,
    )
    with _lock:
        before, _client = _client, client
    if before is not None:
        before.close()
    return client


def configure_async(
    api_key: str | None = None,
    api_url: str | None = None,
    fail_silently: bool = True,
    pii: PiiConfig | bool | None = None,
    batching: BatcherConfig | bool | None = None,
    **more: Any,
) -> AsyncSentrialClient:
    """Makes the default asynchronous client, which ``begin_async`` uses. The one of before still sends what it has."""
    global _async_client
    client = AsyncSentrialClient(api_key=api_key, api_url=api_url, fail_silently=fail_silently, pii=pii, batching=batching, **more)
    with _lock:
        _async_client = client
    return client


def default_client() -> SentrialClient:
    """The default client; made from the environment if there is none."""
    global _client
    with _lock:
        if _client is None:
            _client = SentrialClient()
        return _client


def default_async_client() -> AsyncSentrialClient:
    """The default asynchronous client; made from the environment if there is none."""
    global _async_client
    with _lock:
        if _async_client is None:
            _async_client = AsyncSentrialClient()
        return _async_client


def begin(
    user_id: str,
    event: str,
    input: Any = None,
    event_id: str | None = None,
    convo_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Interaction:
    """``SentrialClient.begin`` of the default client."""
    return default_client().begin(user_id, event, input, event_id, convo_id, metadata)


async def begin_async(
    user_id: str,
    event: str,
    input: Any = None,
    event_id: str | None = None,
    convo_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> AsyncInteraction:
    """``AsyncSentrialClient.begin`` of the default asynchronous client."""
    return await default_async_client().begin(user_id, event, input, event_id, convo_id, metadata)
