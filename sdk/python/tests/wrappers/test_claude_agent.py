from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from claude_agent_sdk import AssistantMessage, ClaudeAgentOptions, ResultMessage, query

from sentrial import AsyncSentrialClient, SentrialClient
from sentrial.claude_code import wrap_claude_agent

from .claude_script import assistant, drain, init, model_usage, result, text, thinking, tool_result, tool_use, tools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .conftest import FakeClaude, Recorded


async def test_a_run_is_a_session_with_prompt_answer_tokens_cost_and_duration(
    claude: FakeClaude, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    claude.play([init(), assistant(text("Fixed.")), result("Fixed.", cost=0.0123, cache_read=700, cache_creation=30)])
    tracked = wrap_claude_agent(
        query,
        client=async_client,
        default_agent="coder",
        user_id=recorded.user_id,
        convo_id="convo-abc",
        extra_metadata={"environment": "production", "version": "1.2.0"},
    )
    await drain(tracked(prompt="Fix the failing tests\nin src/auth.py"))
    await async_client.flush()

    session = recorded.session()
    assert session["status"] == "COMPLETED"
    assert session["success"] is True
    assert session["agentName"] == "coder"
    assert session["name"] == "Fix the failing tests"
    assert session["convoId"] == "convo-abc"
    assert session["userInput"] == "Fix the failing tests\nin src/auth.py"
    assert session["assistantOutput"] == "Fixed."
    assert session["estimatedCost"] == 0.0123
    assert (session["promptTokens"], session["completionTokens"], session["totalTokens"]) == (1930, 340, 2270)
    assert 0 < session["durationMs"] < 10_000
    metadata = session["metadata"]
    assert metadata["environment"] == "production"
    assert metadata["version"] == "1.2.0"
    assert metadata["model"] == "claude-sonnet-4-20250514"
    assert metadata["duration_api_ms"] == 700
    assert metadata["claude_session_id"]


async def test_every_message_comes_unchanged_and_in_order_with_a_type(claude: FakeClaude, tracked: Any) -> None:
    script = [init(), assistant(thinking("Hm"), text("Yes")), {"raw": "not json"}, result("Yes")]
    claude.play(script)
    plain = await drain(query(prompt="Hello"))
    claude.play(script)
    seen = await drain(tracked(prompt="Hello"))
    assert seen == plain
    assert [message.type for message in seen] == ["system", "assistant", "result"]
    assert isinstance(seen[1], AssistantMessage)
    assert isinstance(seen[2], ResultMessage)


async def test_a_tool_call_has_its_input_output_id_duration_and_the_words_that_led_to_it(
    claude: FakeClaude, tracked: Any, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    claude.play(
        [
            init(),
            # One API answer, one message per block, as the CLI sends it.
            assistant(thinking("The manifest has the name."), message_id="msg_a"),
            assistant(text("I will read it."), message_id="msg_a"),
            assistant(tool_use("toolu_1", "Read", file_path="package.json"), message_id="msg_a"),
            tool_result("toolu_1", [{"type": "text", "text": '{"name": "sentrial"}'}]),
            assistant(tool_use("toolu_2", "Bash", command="ls"), message_id="msg_b"),
            tool_result("toolu_2", "src"),
            result(),
        ]
    )
    await drain(tracked(prompt="Read package.json"))
    await async_client.flush()

    read, bash = tools(recorded.session())
    assert (read["toolName"], read["toolInput"], read["toolOutput"]) == (
        "Read",
        {"file_path": "package.json"},
        '{"name": "sentrial"}',
    )
    assert (read["status"], read["toolError"]) == ("success", None)
    assert read["metadata"]["tool_use_id"] == "toolu_1"
    assert read["reasoning"] == "The manifest has the name.\n\nI will read it."
    assert read["durationMs"] >= 0
    assert (bash["toolOutput"], bash["reasoning"]) == ("src", None)


async def test_parallel_tools_are_matched_by_id_whatever_the_order_of_their_results(
    claude: FakeClaude, tracked: Any, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    claude.play(
        [
            init(),
            assistant(tool_use("toolu_1", "Read", file_path="a"), tool_use("toolu_2", "Read", file_path="b")),
            assistant(tool_use("toolu_3", "Read", file_path="c")),
            tool_result("toolu_3", "C"),
            tool_result("toolu_1", "A"),
            tool_result("toolu_2", "B"),
            result(),
        ]
    )
    await drain(tracked(prompt="Read them"))
    await async_client.flush()
    assert {event["toolInput"]["file_path"]: event["toolOutput"] for event in tools(recorded.session())} == {
        "a": "A",
        "b": "B",
        "c": "C",
    }


async def test_a_failed_tool_is_an_error_and_the_run_may_still_succeed(
    claude: FakeClaude, tracked: Any, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    claude.play(
        [
            init(),
            assistant(tool_use("toolu_1", "Bash", command="false")),
            tool_result("toolu_1", "Exit code 1", is_error=True),
            result(),
        ]
    )
    await drain(tracked(prompt="Try"))
    await async_client.flush()
    session = recorded.session()
    [call] = tools(session)
    assert (call["status"], call["toolError"]) == ("error", {"message": "Exit code 1"})
    assert (session["status"], session["errorCount"]) == ("COMPLETED", 1)


async def test_a_tool_without_a_result_is_an_error_at_the_end(
    claude: FakeClaude, tracked: Any, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    """As after a budget that ran out: no hook fires, and no result comes."""
    claude.play(
        [
            init(),
            assistant(tool_use("toolu_1", "Bash", command="sleep 9")),
            result(None, subtype="error_max_budget_usd", is_error=True),
        ]
    )
    await drain(tracked(prompt="Try"))
    await async_client.flush()
    session = recorded.session()
    [call] = tools(session)
    assert call["status"] == "error"
    assert call["toolError"]["message"] == "No result: error_max_budget_usd"
    assert (session["status"], session["failureReason"]) == ("FAILED", "error_max_budget_usd")
    [error] = [event for event in session["events"] if event["eventType"] == "ERROR"]
    assert (error["errorMessage"], error["errorType"]) == ("error_max_budget_usd", "error_max_budget_usd")


async def test_several_results_of_one_query_are_one_session_with_the_totals_counted_once(
    claude: FakeClaude, tracked: Any, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    """A result's usage is of its turn; its cost and model_usage count from the start."""

    async def prompts() -> AsyncIterator[dict[str, Any]]:
        for words in ("One", "Two"):
            yield {"type": "user", "message": {"role": "user", "content": words}, "parent_tool_use_id": None, "session_id": ""}

    claude.play(
        [
            init(),
            result(
                "1", cost=0.0003, input_tokens=100, output_tokens=10, model_usage=model_usage(input=100, output=10, cost=0.0003)
            ),
        ],
        [
            init(),
            result(
                "2", cost=0.0008, input_tokens=200, output_tokens=20, model_usage=model_usage(input=300, output=30, cost=0.0008)
            ),
        ],
    )
    await drain(tracked(prompt=prompts()))
    await async_client.flush()
    session = recorded.session()
    assert session["estimatedCost"] == 0.0008
    assert (session["promptTokens"], session["completionTokens"]) == (300, 30)
    assert session["userInput"] == ["One", "Two"]
    assert session["assistantOutput"] == "2"


async def test_a_resumed_session_costs_what_was_added(
    claude: FakeClaude, tracked: Any, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    claude.play([init(), result("1", cost=0.0004, model_usage=model_usage(input=100, output=10, cost=0.0004))])
    first = await drain(tracked(prompt="One"))
    claude.play([init(), result("2", cost=0.0009, model_usage=model_usage(input=250, output=30, cost=0.0009))])
    await drain(tracked(prompt="Two", options={"resume": first[-1].session_id}))
    await async_client.flush()
    one, two = recorded.sessions()
    assert (one["estimatedCost"], one["promptTokens"], one["completionTokens"]) == (0.0004, 100, 10)
    assert (two["estimatedCost"], two["promptTokens"], two["completionTokens"]) == (0.0005, 150, 20)


async def test_the_cost_of_a_session_resumed_from_another_process_is_unknown_rather_than_counted_twice(
    claude: FakeClaude, tracked: Any, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    claude.play(
        [init(), result("2", cost=0.9, input_tokens=50, output_tokens=5, model_usage=model_usage(input=9000, output=900, cost=0.9))]
    )
    await drain(tracked(prompt="Two", options=ClaudeAgentOptions(resume="0b7d9c1e-6f0a-4c53-9a54-2f8f5ab01a11")))
    await async_client.flush()
    session = recorded.session()
    assert session["estimatedCost"] == 0
    assert (session["promptTokens"], session["completionTokens"]) == (50, 5)
    assert session["metadata"]["total_cost_usd"] == 0.9


async def test_dict_options_reach_the_sdk_and_unknown_ones_are_refused_as_it_refuses_them(claude: FakeClaude, tracked: Any) -> None:
    claude.play([init(), result()])
    await drain(tracked(prompt="Go", options={"max_turns": 10, "permission_mode": "bypassPermissions"}))
    arguments = claude.heard()[0]["argv"]
    assert arguments[arguments.index("--max-turns") + 1] == "10"
    assert arguments[arguments.index("--permission-mode") + 1] == "bypassPermissions"
    with pytest.raises(TypeError, match="maxTurns"):
        tracked(prompt="Go", options={"maxTurns": 10})


async def test_a_run_inside_an_active_session_is_its_child(
    claude: FakeClaude, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    claude.play([init(), result()])
    tracked = wrap_claude_agent(query, client=async_client, user_id=recorded.user_id)
    async with await async_client.begin(user_id=recorded.user_id, event="support") as interaction:
        await drain(tracked(prompt="Go"))
    await async_client.flush()
    _, run = recorded.sessions()
    assert run["parentSessionId"] == interaction.session_id


async def test_runs_at_once_do_not_mix(
    claude: FakeClaude, tracked: Any, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    claude.play([init(), assistant(tool_use("toolu_1", "Read", file_path="a")), tool_result("toolu_1", "A"), result()])
    await asyncio.gather(*(drain(tracked(prompt=f"Prompt {number}")) for number in range(3)))
    await async_client.flush()
    sessions = recorded.sessions()
    assert sorted(session["userInput"] for session in sessions) == ["Prompt 0", "Prompt 1", "Prompt 2"]
    assert [len(tools(session)) for session in sessions] == [1, 1, 1]


async def test_messages_pass_unchanged_when_the_server_is_gone(claude: FakeClaude) -> None:
    claude.play([init(), assistant(tool_use("toolu_1", "Read", file_path="a")), tool_result("toolu_1", "A"), result("Done")])
    gone = AsyncSentrialClient(api_key="sentrial_live_x", api_url="http://127.0.0.1:9")
    messages = await drain(wrap_claude_agent(query, client=gone)(prompt="Go"))
    assert [message.type for message in messages] == ["system", "assistant", "user", "result"]
    await gone.close(timeout=0.1)


async def test_messages_pass_unchanged_when_the_client_raises(claude: FakeClaude) -> None:
    class Broken(AsyncSentrialClient):
        async def create_session(self, *_: Any, **__: Any) -> str:
            raise RuntimeError("broken")

    class HalfBroken(AsyncSentrialClient):
        async def track_tool_call(self, *_: Any, **__: Any) -> str:
            raise RuntimeError("broken")

    for kind in (Broken, HalfBroken):
        claude.play([init(), assistant(tool_use("toolu_1", "Read", file_path="a")), tool_result("toolu_1", "A"), result("Done")])
        broken = kind(api_key="sentrial_live_x", api_url="http://127.0.0.1:9")
        messages = await drain(wrap_claude_agent(query, client=broken)(prompt="Go"))
        assert [message.type for message in messages] == ["system", "assistant", "user", "result"]
        await broken.close(timeout=0.1)


async def test_a_client_of_the_wrong_kind_costs_the_caller_nothing(claude: FakeClaude) -> None:
    claude.play([init(), result("Done")])
    wrong: Any = SentrialClient(api_key="sentrial_live_x", api_url="http://127.0.0.1:9")
    messages = await drain(wrap_claude_agent(query, client=wrong)(prompt="Go"))
    assert messages[-1].result == "Done"
    wrong.close(timeout=0.1)
