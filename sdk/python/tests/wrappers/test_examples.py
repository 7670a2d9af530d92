"""The examples of the wrappers (examples/python/) run, against the real server and a scripted CLI or model."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .claude_script import assistant, init, result, tool_result, tool_use
from .llm_stub import chat, chat_chunks, claude_events

if TYPE_CHECKING:
    from ..support.server import Project
    from .conftest import FakeClaude
    from .llm_stub import LlmStub

EXAMPLES = Path(__file__).parents[4] / "examples" / "python"


@pytest.fixture(autouse=True)
def _environment(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in project.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def _model(llm: LlmStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{llm.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "dummy")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", llm.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "dummy")


def run(name: str) -> None:
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def newest(project: Project, agent: str) -> dict[str, Any]:
    return project.session(project.sessions(agentName=agent)[-1]["id"])


def test_claude_agent(claude: FakeClaude, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    read = assistant(tool_use("toolu_1", "Read", file_path="package.json"))
    claude.play([init(), read, tool_result("toolu_1", '{"name": "sentrial"}'), result("It is called sentrial.")])
    run("claude_agent.py")
    assert capsys.readouterr().out == "It is called sentrial.\n"
    session = newest(project, "repo-guide")
    assert (session["status"], session["assistantOutput"], session["toolCallCount"]) == ("COMPLETED", "It is called sentrial.", 1)


@pytest.mark.usefixtures("_model")
def test_langchain_agent(llm: LlmStub, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    search = {"name": "search_knowledge_base", "arguments": '{"query": "password"}'}
    llm.then(chat("Let me look.", tool_calls=[{"id": "call_1", "type": "function", "function": search}]), chat("Use the link."))
    run("langchain_agent.py")
    assert capsys.readouterr().out.endswith("Use the link.\n")
    session = newest(project, "support-agent")
    assert (session["status"], session["assistantOutput"]) == ("COMPLETED", "Use the link.")
    assert (session["llmCallCount"], session["toolCallCount"], session["totalTokens"]) == (2, 1, 3000)


@pytest.mark.usefixtures("_model")
def test_openai_chat(llm: LlmStub, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    llm.then(chat("Click."), chat_chunks("Please ", "click."))
    run("openai_chat.py")
    assert capsys.readouterr().out == "Please click.\n"
    session = newest(project, "support-agent")
    assert (session["status"], session["assistantOutput"]) == ("COMPLETED", "Please click.")
    assert (session["llmCallCount"], session["totalTokens"]) == (2, 3000)


@pytest.mark.usefixtures("_model")
def test_anthropic_chat(llm: LlmStub, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    llm.then(claude_events("Click ", "there."))
    run("anthropic_chat.py")
    assert capsys.readouterr().out == "Click there.\n"
    session = newest(project, "support-agent")
    assert (session["assistantOutput"], session["llmCallCount"], session["totalTokens"]) == ("Click there.", 1, 1500)
