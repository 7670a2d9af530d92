"""A subagent's session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .claude_script import assistant, drain, init, model_usage, result, system, text, tool_result, tool_use, tools

if TYPE_CHECKING:
    from sentrial import AsyncSentrialClient

    from .conftest import FakeClaude, Recorded


async def test_a_subagent_is_a_session_of_its_own_below_the_run(
    claude: FakeClaude, tracked: Any, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    agent = tool_use("toolu_a", "Agent", subagent_type="reviewer", description="Review auth", prompt="Review src/auth.py")
    claude.play(
        [
            init(),
            assistant(agent),
            assistant(tool_use("toolu_b", "Read", file_path="src/auth.py"), parent="toolu_a", message_id="msg_sub"),
            tool_result("toolu_b", "def login()", parent="toolu_a"),
            tool_result(
                "toolu_a", [{"type": "text", "text": "Looks good"}], tool_use_result={"status": "completed", "agentId": "a1"}
            ),
            result("Reviewed", model_usage=model_usage(input=3200, output=50)),
        ]
    )
    await drain(tracked(prompt="Have it reviewed"))
    await async_client.flush()
    run, child = recorded.sessions()
    assert child["parentSessionId"] == run["id"]
    assert (child["agentName"], child["name"]) == ("reviewer", "Review auth")
    assert (child["userInput"], child["assistantOutput"], child["status"]) == ("Review src/auth.py", "Looks good", "COMPLETED")
    assert [event["toolName"] for event in tools(child)] == ["Read"]
    [delegated] = tools(run)
    assert (delegated["toolName"], delegated["toolOutput"]) == ("Agent", "Looks good")
    assert delegated["metadata"]["child_session_id"] == child["id"]
    assert run["promptTokens"] == 3200
    assert child["promptTokens"] == 0  # they count in the run's totals


async def test_a_subagent_in_the_background_ends_with_its_notification(
    claude: FakeClaude, tracked: Any, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    launched = {"isAsync": True, "status": "async_launched", "agentId": "task-1"}
    claude.play(
        [
            init(),
            assistant(tool_use("toolu_a", "Task", subagent_type="builder", prompt="Build")),
            system("task_started", task_id="task-1", tool_use_id="toolu_a", description="Build"),
            tool_result("toolu_a", "Launched", tool_use_result=launched),
            assistant(tool_use("toolu_b", "Bash", command="make"), parent="toolu_a", message_id="msg_sub"),
            result("Started it", cost=0.01),
            tool_result("toolu_b", "ok", parent="toolu_a"),
            system("task_notification", task_id="task-1", status="completed", output_file="", summary="Built"),
            init(),
            result("It is built", cost=0.02),
        ]
    )
    await drain(tracked(prompt="Build in the background"))
    await async_client.flush()
    run, child = recorded.sessions()
    assert (run["assistantOutput"], run["estimatedCost"]) == ("It is built", 0.02)
    assert (child["status"], child["assistantOutput"]) == ("COMPLETED", "Built")
    assert [event["toolOutput"] for event in tools(child)] == ["ok"]


async def test_a_subagent_that_is_told_of_late_or_never_ends_once(
    claude: FakeClaude, tracked: Any, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    launched = {"isAsync": True, "status": "async_launched"}
    claude.play(
        [
            init(),
            assistant(tool_use("toolu_a", "Agent", prompt="Quick")),
            assistant(tool_use("toolu_b", "Agent", prompt="Slow"), message_id="msg_b"),
            assistant(text("on it"), parent="toolu_a", message_id="msg_sub"),
            # The end of the first is told before its launch, and it says something afterwards.
            system(
                "task_notification", task_id="1", tool_use_id="toolu_a", status="completed", output_file="", summary="Quick done"
            ),
            tool_result("toolu_a", "Launched", tool_use_result=launched),
            assistant(text("bye"), parent="toolu_a", message_id="msg_sub"),
            tool_result("toolu_b", "Launched", tool_use_result=launched),
            result(),
        ]
    )
    await drain(tracked(prompt="Go"))
    await async_client.flush()
    run, quick, slow = recorded.sessions()
    assert (run["status"], quick["status"], quick["assistantOutput"]) == ("COMPLETED", "COMPLETED", "Quick done")
    assert (slow["status"], slow["failureReason"]) == ("CANCELLED", "The run ended before this subagent did")
