"""The real Claude Code executable against a scripted model: keeps the scripted executable of the other tests honest.

The wheel of claude-agent-sdk brings it; requirements-dev.txt installs the sdist, which does not: conftest.py collects
this file where the executable is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import claude_agent_sdk
import pytest
from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, query

from sentrial.claude_code import wrap_claude_agent, wrap_claude_client

from .llm_stub import claude_events

if TYPE_CHECKING:
    from sentrial import AsyncSentrialClient

    from .conftest import Recorded
    from .llm_stub import LlmStub

BINARY = Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"

# What one scripted answer is worth: 1000 tokens read, 500 written.
COST = 0.0105


@pytest.fixture
def options(llm: LlmStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Options of a run that touches nothing but ``tmp_path`` and the scripted model."""
    for name in os.environ:
        if name not in ("PATH", "LANG") and not name.startswith("PYTEST_"):
            monkeypatch.delenv(name)
    quiet = ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING", "DISABLE_AUTOUPDATER")
    for name in (*quiet, "IS_SANDBOX"):
        monkeypatch.setenv(name, "1")
    for name in ("HOME", "TMPDIR", "CLAUDE_CODE_TMPDIR", "CLAUDE_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("ANTHROPIC_BASE_URL", llm.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "dummy")
    monkeypatch.setenv("CLAUDE_CODE_MAX_RETRIES", "0")
    return {
        "cli_path": str(BINARY),
        "model": "claude-sonnet-4-6",
        "permission_mode": "bypassPermissions",
        "setting_sources": [],
        "tools": ["Bash"],
        "cwd": str(tmp_path),
    }


async def test_a_run_and_its_resumption(
    llm: LlmStub, options: dict[str, Any], async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    bash = ("Bash", {"command": "echo hi", "description": "Says hi"})
    llm.then(claude_events("I will say it.", tool=bash), claude_events("Said."), claude_events("Again."))
    tracked = wrap_claude_agent(query, client=async_client, user_id=recorded.user_id)
    async for message in tracked(prompt="Say hi", options=options):
        last = message
    async for _ in tracked(prompt="And again", options={**options, "resume": last.session_id}):
        pass
    await async_client.flush()
    first, second = recorded.sessions()
    [call] = first["events"]
    assert (call["toolName"], call["toolOutput"], call["reasoning"]) == ("Bash", "hi", "I will say it.")
    assert (first["status"], first["assistantOutput"]) == ("COMPLETED", "Said.")
    assert (first["promptTokens"], first["completionTokens"], first["estimatedCost"]) == (2000, 1000, 2 * COST)
    assert (second["status"], second["assistantOutput"]) == ("COMPLETED", "Again.")
    assert (second["promptTokens"], second["completionTokens"], second["estimatedCost"]) == (1000, 500, COST)


async def test_two_turns_of_a_client(
    llm: LlmStub, options: dict[str, Any], async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    llm.then(claude_events("One"), claude_events("Two"))
    tracked = wrap_claude_client(
        ClaudeSDKClient(ClaudeAgentOptions(**options)), sentrial_client=async_client, user_id=recorded.user_id
    )
    async with tracked:
        for prompt in ("1", "2"):
            await tracked.query(prompt)
            async for _ in tracked.receive_response():
                pass
    await async_client.flush()
    sessions = recorded.sessions()
    assert [(session["userInput"], session["assistantOutput"]) for session in sessions] == [("1", "One"), ("2", "Two")]
    assert [(session["totalTokens"], session["estimatedCost"]) for session in sessions] == [(1500, COST)] * 2


async def test_a_model_that_refuses(
    llm: LlmStub, options: dict[str, Any], async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    # A 400 is sent again a few times, with fewer features.
    llm.then(*[{"status": 400, "error": {"type": "invalid_request_error", "message": "bad"}} for _ in range(9)])
    tracked = wrap_claude_agent(query, client=async_client, user_id=recorded.user_id)
    with pytest.raises(Exception, match="bad") as raised:
        async for _ in tracked(prompt="Say hi", options=options):
            pass
    await async_client.flush()
    session = recorded.session()
    assert (session["status"], session["failureReason"], session["errorCount"]) == ("FAILED", str(raised.value), 1)
