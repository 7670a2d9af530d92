"""The two clients, and their interactions, are one interface that is waited for in two ways."""

from __future__ import annotations

import inspect
from unittest.mock import AsyncMock, create_autospec

import pytest
from typing_extensions import assert_type

from sentrial import AsyncSentrialClient, SentrialClient
from sentrial.interaction import AsyncInteraction, Interaction
from sentrial.types import Session

METHODS = [
    (sync, asynchronous, name)
    for sync, asynchronous in ((SentrialClient, AsyncSentrialClient), (Interaction, AsyncInteraction))
    for name, _ in inspect.getmembers(sync, inspect.isfunction)
    if not name.startswith("_") and name not in ("stats", "update_state", "set_output", "add_tokens")  # never wait
]


@pytest.mark.parametrize(("sync", "asynchronous", "name"), METHODS, ids=[f"{sync.__name__}.{name}" for sync, _, name in METHODS])
def test_both_have_the_same_methods_with_the_same_arguments(sync: type, asynchronous: type, name: str) -> None:
    called, awaited = getattr(sync, name), getattr(asynchronous, name)
    assert inspect.signature(called).parameters == inspect.signature(awaited).parameters
    assert (inspect.iscoroutinefunction(called), inspect.iscoroutinefunction(awaited)) == (False, True)
    assert called.__doc__
    assert awaited.__doc__


def test_what_a_call_gives_has_its_type() -> None:
    client = SentrialClient(api_key="key", api_url="http://127.0.0.1:9", spool=False)
    assert isinstance(assert_type(client.create_session(name="typed"), str), str)
    assert isinstance(assert_type(client.complete_session("sess_1"), Session), dict)
    client.close(0)


async def test_what_an_awaited_call_gives_has_its_type() -> None:
    client = AsyncSentrialClient(api_key="key", api_url="http://127.0.0.1:9", spool=False)
    assert isinstance(assert_type(await client.create_session(name="typed"), str), str)
    assert isinstance(assert_type(await client.complete_session("sess_1"), Session), dict)
    await client.close(0)


async def test_a_mock_of_the_asynchronous_client_can_be_awaited() -> None:
    client = create_autospec(AsyncSentrialClient, instance=True)
    assert isinstance(client.track_tool_call, AsyncMock)
    await client.track_tool_call("sess_1", "search", {"q": 1})
    client.track_tool_call.assert_awaited_once_with("sess_1", "search", {"q": 1})
