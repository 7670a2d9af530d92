"""Each sample of the integration page of the Claude Agent SDK, and the LangChain sample of the reference page, runs as
printed (tests/samples/). What is put in: the API key, and a scripted CLI or model."""

from __future__ import annotations

import ast
import inspect
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import langchain.agents
import langchain_classic.agents
import pytest
from claude_agent_sdk import query
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool

from sentrial.claude_code import wrap_claude_agent

from .claude_script import assistant, init, result, tool_result, tool_use

if TYPE_CHECKING:
    from sentrial import AsyncSentrialClient

    from ..support.server import Project
    from .conftest import FakeClaude

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture(autouse=True)
def _server(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRIAL_API_URL", project.url)


def sample(name: str, project: Project) -> str:
    """The sample as printed, with a real key."""
    text = (SAMPLES / f"{name}.py").read_text()
    return text.replace("sentrial_live_xxx", project.key).replace('api_key="..."', f'api_key="{project.key}"')


async def run(name: str, project: Project, **given: Any) -> dict[str, Any]:
    """Runs a sample, which may await at its top level, where the names in ``given`` exist."""
    space: dict[str, Any] = dict(given)
    code = compile(sample(name, project), name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(code, space)
    if inspect.isawaitable(running):
        await running
    return space


def found(project: Project, **filter: Any) -> list[dict[str, Any]]:
    return [project.session(session["id"]) for session in project.sessions(**filter)]


async def test_quick_start(claude: FakeClaude, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    claude.play(
        [init(), assistant(tool_use("toolu_1", "Bash", command="pytest")), tool_result("toolu_1", "1 passed"), result("Fixed.")]
    )
    await run("claude_quick_start", project)
    assert capsys.readouterr().out == "Fixed.\n"
    session = found(project, userId="user-123", agentName="my-agent")[-1]
    assert (session["status"], session["userInput"]) == ("COMPLETED", "Fix the failing tests in src/auth.py")
    assert (session["assistantOutput"], session["totalTokens"], session["estimatedCost"]) == ("Fixed.", 1540, 0.0123)
    assert [event["toolName"] for event in session["events"]] == ["Bash"]


async def test_configuration_options(claude: FakeClaude, project: Project, async_client: AsyncSentrialClient) -> None:
    claude.play([init(), result()])
    configured = await run("claude_configuration", project, sentrial=async_client, wrap_claude_agent=wrap_claude_agent, query=query)
    async for _ in configured["tracked_query"](prompt="Hello"):
        pass
    await async_client.flush()
    session = found(project, userId="user-123", agentName="my-agent", convoId="convo-abc")[-1]
    assert session["metadata"].items() >= {"environment": "production", "version": "1.2.0"}.items()


async def test_conversation_threading(
    claude: FakeClaude, project: Project, async_client: AsyncSentrialClient, user_id: str
) -> None:
    claude.play([init(), result()])
    names = {"wrap_claude_agent": wrap_claude_agent, "query": query, "uuid": uuid, "user_id": user_id}
    space = await run("claude_threading", project, sentrial=async_client, **names)
    await async_client.flush()
    sessions = found(project, userId=user_id, convoId=space["convo_id"])
    assert [session["userInput"] for session in sessions] == [
        "List all API routes and their handlers",
        "Add rate limiting to the /api/users endpoint",
    ]


async def test_claude_sdk_client(claude: FakeClaude, project: Project) -> None:
    claude.play([init(), result("Three routes")], [init(), result("Added")])
    await run("claude_client", project)
    sessions = found(project, userId="user-123", agentName="code-assistant", convoId="convo-abc")[-2:]
    assert [session["assistantOutput"] for session in sessions] == ["Three routes", "Added"]


async def test_tool_tracking(claude: FakeClaude, project: Project, async_client: AsyncSentrialClient, user_id: str) -> None:
    claude.play([init(), assistant(tool_use("toolu_1", "Read", file_path="package.json")), tool_result("toolu_1", "{}"), result()])
    tracked = wrap_claude_agent(query, client=async_client, user_id=user_id)
    await run("claude_tools", project, tracked_query=tracked)
    await async_client.flush()
    [session] = found(project, userId=user_id)
    [event] = session["events"]
    assert (event["toolName"], event["toolInput"], event["toolOutput"]) == ("Read", {"file_path": "package.json"}, "{}")
    arguments = claude.heard()[0]["argv"]
    assert arguments[arguments.index("--max-turns") + 1] == "5"


async def test_error_handling(
    claude: FakeClaude, project: Project, async_client: AsyncSentrialClient, user_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    claude.play([init(), {"exit": 3}])
    tracked = wrap_claude_agent(query, client=async_client, user_id=user_id)
    await run("claude_errors", project, tracked_query=tracked)
    await async_client.flush()
    [session] = found(project, userId=user_id)
    assert session["status"] == "FAILED"
    assert capsys.readouterr().out == f"Agent failed: {session['failureReason']}\n"


def test_full_production_example(claude: FakeClaude, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    claude.play([init(), result("No issues found")])
    exec(compile(sample("claude_production", project), "claude_production", "exec"), {})
    assert capsys.readouterr().out == "No issues found\n"
    session = found(project, userId="user-42", agentName="code-review-agent")[-1]
    assert session["convoId"].startswith("session-user-42-")
    assert (session["status"], session["metadata"]["environment"]) == ("COMPLETED", "production")


def test_langchain_handler(project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """LangChain 1 has moved AgentExecutor, itself unchanged, to langchain_classic: it is put back for the sample's import."""
    monkeypatch.setattr(langchain.agents, "AgentExecutor", langchain_classic.agents.AgentExecutor, raising=False)

    @tool
    def search_knowledge_base(query: str) -> str:
        """Finds articles."""
        return f"An article on {query}"

    class Model(FakeMessagesListChatModel):
        def bind_tools(self, *_: Any, **__: Any) -> Any:
            return self

    wanted: Any = {"name": "search_knowledge_base", "args": {"query": "password reset"}, "id": "call_1"}
    usage: Any = {"input_tokens": 20, "output_tokens": 5, "total_tokens": 25}
    searching = AIMessage("Let me look it up.", tool_calls=[wanted], usage_metadata=usage)
    prompt = ChatPromptTemplate.from_messages([("user", "{input}"), ("placeholder", "{agent_scratchpad}")])
    tools = [search_knowledge_base]
    model = Model(responses=[searching, AIMessage("Click on 'Forgot password'.")])
    agent = langchain_classic.agents.create_tool_calling_agent(model, tools, prompt)
    space: dict[str, Any] = {"agent": agent, "tools": tools}
    exec(compile(sample("langchain_handler", project), "langchain_handler", "exec"), space)
    assert space["result"]["output"] == "Click on 'Forgot password'."
    space["client"].close()

    session = project.session(space["session_id"])
    assert [event["eventType"] for event in session["events"]] == [
        "LLM_CALL",
        "LLM_DECISION",
        "TOOL_CALL",
        "LLM_CALL",
        "LLM_DECISION",
    ]
    model_call, thought, call, _, end = session["events"]
    assert (model_call["prompt"][0]["content"], model_call["totalTokens"]) == ("Help the user", 25)
    assert thought["reasoning"] == "Let me look it up."
    assert (call["toolInput"], call["toolOutput"]) == ({"query": "password reset"}, "An article on password reset")
    assert end["reasoning"] == "Agent completed: Click on 'Forgot password'."
    assert (session["status"], session["assistantOutput"]) == ("COMPLETED", "Click on 'Forgot password'.")
    assert "[Sentrial] tool call · search_knowledge_base · success" in capsys.readouterr().out
