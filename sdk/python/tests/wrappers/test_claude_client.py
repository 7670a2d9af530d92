from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, CLINotFoundError

from sentrial.claude_code import wrap_claude_client

from .claude_script import assistant, init, model_usage, result, text, tool_result, tool_use

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sentrial import AsyncSentrialClient

    from .conftest import FakeClaude, Recorded


async def test_each_turn_is_a_session_of_the_conversation_with_its_own_tokens_and_cost(
    claude: FakeClaude, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    claude.play(
        [
            init(),
            assistant(tool_use("toolu_1", "Grep", pattern="@app.route")),
            tool_result("toolu_1", "3 routes"),
            result(
                "There are three", cost=0.0003, input_tokens=100, output_tokens=10, model_usage=model_usage(input=100, output=10)
            ),
        ],
        [init(), result("Added", cost=0.0008, input_tokens=200, output_tokens=20, model_usage=model_usage(input=300, output=30))],
    )
    tracked = wrap_claude_client(
        ClaudeSDKClient(options=ClaudeAgentOptions(permission_mode="bypassPermissions")),
        sentrial_client=async_client,
        default_agent="code-assistant",
        user_id=recorded.user_id,
        convo_id="convo-abc",
        extra_metadata={"environment": "test"},
    )
    async with tracked:
        await tracked.query("List all API routes")
        first = [message async for message in tracked.receive_response()]
        await tracked.query("Add rate limiting to /api/users")
        second = [message async for message in tracked.receive_response()]
    await async_client.flush()

    assert [message.type for message in first] == ["system", "assistant", "user", "result"]
    assert second[-1].result == "Added"
    one, two = recorded.sessions()
    assert {one["convoId"], two["convoId"]} == {"convo-abc"}
    assert {one["agentName"], two["agentName"]} == {"code-assistant"}
    assert [one["userInput"], two["userInput"]] == ["List all API routes", "Add rate limiting to /api/users"]
    assert [one["assistantOutput"], two["assistantOutput"]] == ["There are three", "Added"]
    assert (one["estimatedCost"], one["promptTokens"], one["completionTokens"]) == (0.0003, 100, 10)
    assert (two["estimatedCost"], two["promptTokens"], two["completionTokens"]) == (0.0005, 200, 20)
    assert [event["toolName"] for event in one["events"]] == ["Grep"]
    assert one["metadata"]["environment"] == "test"


async def test_all_other_methods_and_attributes_are_the_clients(
    claude: FakeClaude, async_client: AsyncSentrialClient, user_id: str
) -> None:
    claude.play([init(), result()])
    client = ClaudeSDKClient()
    tracked = wrap_claude_client(client, sentrial_client=async_client, user_id=user_id)
    assert tracked.options is client.options
    await tracked.connect()
    await tracked.set_model("claude-haiku-4-5")
    await tracked.set_permission_mode("plan")
    await tracked.interrupt()
    assert await tracked.get_server_info() == await client.get_server_info()
    await tracked.query("Go", session_id="mine")
    async for message in tracked.receive_messages():
        if type(message).__name__ == "ResultMessage":
            break
    await tracked.disconnect()
    asked = [entry["request"]["subtype"] for entry in claude.heard() if entry.get("type") == "control_request"]
    assert asked == ["initialize", "set_model", "set_permission_mode", "interrupt"]
    assert [entry["session_id"] for entry in claude.heard() if entry.get("type") == "user"] == ["mine"]
    with pytest.raises(AttributeError):
        _ = tracked.no_such_thing


async def test_a_streamed_prompt_and_the_prompt_of_connect_are_recorded_too(
    claude: FakeClaude, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    async def prompts(*words: str) -> AsyncIterator[dict[str, Any]]:
        for word in words:
            yield {"type": "user", "message": {"role": "user", "content": [{"type": "text", "text": word}]}}

    for connect_with, query_with in ((prompts("One"), None), ("One", None), (None, prompts("One", "more"))):
        claude.play([init(), result("1")], [init(), result("2")])
        tracked = wrap_claude_client(ClaudeSDKClient(), sentrial_client=async_client, user_id=recorded.user_id)
        await tracked.connect(connect_with)
        if query_with is not None:
            await tracked.query(query_with)
        async for _ in tracked.receive_response():
            pass
        await tracked.disconnect()
    await async_client.flush()
    assert [session["userInput"] for session in recorded.sessions()] == ["One", "One", ["One", "more"]]
    assert [session["assistantOutput"] for session in recorded.sessions()] == ["1", "1", "1"]


async def test_leaving_a_response_early_fails_that_turn_alone(
    claude: FakeClaude, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    claude.play([init(), assistant(text("Working")), result("1")], [init(), result("2")])
    tracked = wrap_claude_client(ClaudeSDKClient(), sentrial_client=async_client, user_id=recorded.user_id)
    async with tracked:
        await tracked.query("One")
        async for message in tracked.receive_response():
            if message.type == "assistant":
                break
        async for _ in tracked._sdk_client.receive_response():  # the rest of the turn, unrecorded
            pass
        await tracked.query("Two")
        async for _ in tracked.receive_response():
            pass
    await async_client.flush()
    one, two = recorded.sessions()
    assert (one["status"], one["failureReason"]) == ("FAILED", "Session interrupted (generator closed early)")
    assert two["status"] == "COMPLETED"


async def test_a_cli_that_cannot_start_raises_as_without_the_wrapper(async_client: AsyncSentrialClient, user_id: str) -> None:
    client = ClaudeSDKClient(options=ClaudeAgentOptions(cli_path="/nowhere/claude"))
    with pytest.raises(CLINotFoundError):
        async with wrap_claude_client(client, sentrial_client=async_client, user_id=user_id):
            pass


async def test_a_query_that_cannot_be_sent_is_a_failed_session(async_client: AsyncSentrialClient, recorded: Recorded) -> None:
    tracked = wrap_claude_client(ClaudeSDKClient(), sentrial_client=async_client, user_id=recorded.user_id)
    with pytest.raises(Exception, match="Not connected") as raised:
        await tracked.query("Hello?")
    await async_client.flush()
    session = recorded.session()
    assert (session["status"], session["failureReason"], session["userInput"]) == ("FAILED", str(raised.value), "Hello?")
