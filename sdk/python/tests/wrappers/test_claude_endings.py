"""How a run of a Claude agent ends, in every way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from claude_agent_sdk import query

from sentrial.claude_code import wrap_claude_agent

from .claude_script import assistant, drain, init, result, text

if TYPE_CHECKING:
    from sentrial import AsyncSentrialClient

    from .conftest import FakeClaude, Recorded

EARLY = "Session interrupted (generator closed early)"


async def test_closing_the_generator_early_fails_the_session_with_the_documented_reason(
    claude: FakeClaude, tracked: Any, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    claude.play([init(), assistant(text("Working")), {"hold": True}])
    messages = tracked(prompt="Go")
    async for message in messages:
        if message.type == "assistant":
            break
    await messages.aclose()
    await async_client.flush()
    session = recorded.session()
    assert (session["status"], session["success"], session["failureReason"]) == ("FAILED", False, EARLY)


async def test_leaving_the_loop_early_is_recorded_though_the_client_is_closed_right_after(
    claude: FakeClaude, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    claude.play([init(), assistant(text("Working")), {"hold": True}])
    tracked = wrap_claude_agent(query, client=async_client, user_id=recorded.user_id)
    async for message in tracked(prompt="Go"):
        if message.type == "assistant":
            break
    await async_client.close()
    session = recorded.session()
    assert (session["status"], session["failureReason"]) == ("FAILED", EARLY)


async def test_leaving_the_loop_at_the_result_message_completes_the_session(
    claude: FakeClaude, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    claude.play([init(), result("All done")])
    tracked = wrap_claude_agent(query, client=async_client, user_id=recorded.user_id)
    async for message in tracked(prompt="Go"):
        if message.type == "result":
            break
    await async_client.close()
    session = recorded.session()
    assert (session["status"], session["assistantOutput"], session["agentName"]) == ("COMPLETED", "All done", "claude-agent")


async def test_an_exception_reaches_the_caller_and_its_text_is_the_failure_reason(
    claude: FakeClaude, tracked: Any, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    claude.play([init(), {"exit": 7, "stderr": "out of memory"}])
    with pytest.raises(Exception, match=r"exit code:? 7") as raised:
        await drain(tracked(prompt="Deploy to production"))
    await async_client.flush()
    session = recorded.session()
    assert (session["status"], session["failureReason"]) == ("FAILED", str(raised.value))
    [error] = session["events"]
    assert (error["errorMessage"], error["errorType"]) == (str(raised.value), type(raised.value).__name__)


async def test_an_error_result_that_the_sdk_raises_after_is_one_failure(
    claude: FakeClaude, tracked: Any, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    failed = result("API Error: 529 Overloaded", is_error=True, api_error_status=529, cost=0.0, input_tokens=0, output_tokens=0)
    claude.play(
        [init(), assistant(text("API Error: 529 Overloaded"), model="<synthetic>", error="overloaded"), failed, {"exit": 1}]
    )
    with pytest.raises(Exception) as raised:  # noqa: PT011 - the SDK's text differs by version
        await drain(tracked(prompt="Go"))
    await async_client.flush()
    session = recorded.session()
    assert (session["status"], session["failureReason"]) == ("FAILED", str(raised.value))
    assert session["errorCount"] == 1


async def test_a_stream_that_ends_without_a_result_is_a_failure(
    claude: FakeClaude, tracked: Any, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    claude.play([init(), assistant(text("Hm")), {"exit": 0}])
    await drain(tracked(prompt="Go"))
    await async_client.flush()
    session = recorded.session()
    assert (session["status"], session["failureReason"]) == ("FAILED", "The stream ended without a result")


async def test_a_cancelled_task_fails_the_session_and_stays_cancelled(
    claude: FakeClaude, tracked: Any, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    claude.play([init(), assistant(text("Working")), {"hold": True}])
    working = asyncio.Event()

    async def run() -> None:
        async for message in tracked(prompt="Go"):
            if message.type == "assistant":
                working.set()

    task = asyncio.create_task(run())
    await working.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await async_client.flush()
    session = recorded.session()
    assert (session["status"], session["failureReason"]) == ("FAILED", "Session interrupted (task cancelled)")
