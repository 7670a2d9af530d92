from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain_classic.agents import AgentExecutor, create_react_agent, create_tool_calling_agent
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import PromptTemplate
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

from sentrial import AsyncSentrialCallbackHandler, AsyncSentrialClient, SentrialCallbackHandler, SentrialClient

from .langchain_script import ASK, PROMPT, Read, add, broken, calling, kinds, of_kind, scripted

if TYPE_CHECKING:
    from sentrial.types import Session

    from .conftest import Recorded


def test_an_agent_run_is_recorded_as_model_calls_thoughts_tool_calls_and_its_completion(
    handler: SentrialCallbackHandler, read: Read
) -> None:
    agent = create_agent(scripted(calling("add", {"a": 2, "b": 3}), "It is 5."), [add], name="adder")
    agent.invoke(ASK, config={"callbacks": [handler], "configurable": {"thread_id": "t1"}})
    session = read()
    assert kinds(session) == ["LLM_CALL", "LLM_DECISION", "TOOL_CALL", "LLM_CALL"]
    first, thought, call, last = session["events"]
    assert first["prompt"] == [{"role": "user", "content": "What is 2 + 3?"}]
    assert first["response"]["tool_calls"][0]["name"] == "add"
    assert (first["promptTokens"], first["completionTokens"], first["totalTokens"]) == (20, 5, 25)
    assert (thought["reasoning"], thought["chosen"]) == ("I need the sum.", "add")
    assert (call["toolName"], call["toolInput"], call["toolOutput"]) == ("add", {"a": 2, "b": 3}, "5")
    assert (call["reasoning"], call["status"]) == ("I need the sum.", "success")
    assert call["metadata"] == {
        "source": "langchain",
        "agent": "adder",
        "node": "tools",
        "thread_id": "t1",
        "tool_call_id": "call_1",
    }
    assert [message["role"] for message in last["prompt"]] == ["user", "assistant", "tool"]
    assert (last["response"], last["promptTokens"]) == ("It is 5.", None)
    assert (session["status"], session["success"]) == ("COMPLETED", True)
    assert (session["userInput"], session["assistantOutput"]) == ("What is 2 + 3?", "It is 5.")
    assert session["totalTokens"] == 25


@pytest.mark.parametrize(
    "message", [("user", "Hello?"), {"role": "user", "content": "Hello?"}, HumanMessage("Hello?"), "Hello?"], ids=type
)
def test_the_users_words_are_the_sessions_input_whatever_form_a_message_has(
    handler: SentrialCallbackHandler, read: Read, message: Any
) -> None:
    create_agent(scripted("Hi!"), [add]).invoke({"messages": [message]}, config={"callbacks": [handler]})
    assert (read()["userInput"], read()["assistantOutput"]) == ("Hello?", "Hi!")


def test_a_handler_of_a_classic_agents_constructor_is_told_of_its_models_and_tools_too(
    handler: SentrialCallbackHandler, read: Read
) -> None:
    """LangChain itself tells such a handler only of the agent's own actions."""
    agent = create_tool_calling_agent(scripted(calling("add", {"a": 2, "b": 3}), "It is 5."), [add], PROMPT)
    executor = AgentExecutor(agent=agent, tools=[add], callbacks=[handler])
    assert executor.invoke({"input": "What is 2 + 3?"})["output"] == "It is 5."
    session = read()
    assert kinds(session) == ["LLM_CALL", "LLM_DECISION", "TOOL_CALL", "LLM_CALL", "LLM_DECISION"]
    [call] = of_kind(session, "TOOL_CALL")
    assert (call["toolInput"], call["toolOutput"], call["reasoning"]) == ({"a": 2, "b": 3}, 5, "I need the sum.")
    thought, end = of_kind(session, "LLM_DECISION")
    assert (thought["reasoning"], thought["chosen"]) == ("I need the sum.", "add")
    assert (end["reasoning"], end["chosen"]) == ("Agent completed: It is 5.", "finish")
    assert (session["userInput"], session["assistantOutput"], session["status"]) == ("What is 2 + 3?", "It is 5.", "COMPLETED")
    # Nothing is left behind that would record what runs without the handler.
    scripted("Unrelated").invoke("Hello")
    assert len(read()["events"]) == 5


def test_a_handler_given_twice_records_once(handler: SentrialCallbackHandler, read: Read) -> None:
    agent = create_tool_calling_agent(scripted(calling("add", {"a": 2, "b": 3}), "It is 5."), [add], PROMPT)
    executor = AgentExecutor(agent=agent, tools=[add], callbacks=[handler])
    executor.invoke({"input": "What is 2 + 3?"}, config={"callbacks": [handler]})
    assert kinds(read()) == ["LLM_CALL", "LLM_DECISION", "TOOL_CALL", "LLM_CALL", "LLM_DECISION"]


def test_a_text_agents_thoughts_are_told_apart_from_its_actions_and_answer(handler: SentrialCallbackHandler, read: Read) -> None:
    @tool
    def shout(text: str) -> str:
        """Shouts."""
        return text.upper()

    llm = FakeListLLM(
        responses=[
            "Thought: I should shout it.\nAction: shout\nAction Input: hello",
            "Thought: I now know the answer.\nFinal Answer: HELLO",
        ]
    )
    prompt = PromptTemplate.from_template("{tools} {tool_names} {input} {agent_scratchpad}")
    executor = AgentExecutor(agent=create_react_agent(llm, [shout], prompt), tools=[shout], callbacks=[handler])
    executor.invoke({"input": "Shout hello"})
    session = read()
    thought, end = of_kind(session, "LLM_DECISION")
    assert (thought["reasoning"], thought["chosen"]) == ("I should shout it.", "shout")
    assert (end["reasoning"], end["chosen"]) == ("I now know the answer.", "finish")
    [call] = of_kind(session, "TOOL_CALL")
    assert (call["toolName"], call["toolOutput"], call["reasoning"]) == ("shout", "HELLO", "I should shout it.")
    assert [call["response"].startswith("Thought:") for call in of_kind(session, "LLM_CALL")] == [True, True]
    assert session["assistantOutput"] == "HELLO"


def test_a_tool_that_raises_is_a_failed_call_and_the_agents_failure_is_one_failure(
    handler: SentrialCallbackHandler, read: Read
) -> None:
    agent = create_agent(scripted(calling("broken", {"city": "Atlantis"})), [broken])
    with pytest.raises(RuntimeError, match="no such city"):
        agent.invoke(ASK, config={"callbacks": [handler]})
    session = read()
    [call] = of_kind(session, "TOOL_CALL")
    assert (call["status"], call["toolInput"]) == ("error", {"city": "Atlantis"})
    assert call["toolError"] == {"message": "no such city: Atlantis", "type": "RuntimeError"}
    assert (session["status"], session["failureReason"], session["errorCount"]) == ("FAILED", "no such city: Atlantis", 1)


def test_a_tool_call_that_the_graph_refuses_is_a_failed_call(handler: SentrialCallbackHandler, read: Read) -> None:
    """An unknown tool never starts: only the messages tell."""
    agent = create_agent(scripted(calling("nope", {"x": 1}), "Sorry."), [add])
    agent.invoke(ASK, config={"callbacks": [handler]})
    [call] = of_kind(read(), "TOOL_CALL")
    assert (call["toolName"], call["toolInput"], call["status"]) == ("nope", {"x": 1}, "error")
    assert "not a valid tool" in call["toolError"]["message"]


def test_a_tool_call_with_bad_arguments_is_one_failed_call(handler: SentrialCallbackHandler, read: Read) -> None:
    agent = create_agent(scripted(calling("add", {"a": "x"}), "Sorry."), [add])
    agent.invoke(ASK, config={"callbacks": [handler]})
    [call] = of_kind(read(), "TOOL_CALL")
    assert (call["status"], call["toolError"]["type"]) == ("error", "ValidationError")


def test_without_track_tool_errors_failed_calls_are_left_out(client: SentrialClient, session_id: str, read: Read) -> None:
    handler = SentrialCallbackHandler(client, session_id, track_tool_errors=False)
    lines = [
        calling("nope", {}),
        calling("add", {"a": "x"}, id="call_2"),
        calling("add", {"a": 1, "b": 1}, id="call_3"),
        AIMessage("2"),
    ]
    create_agent(scripted(*lines), [add]).invoke(ASK, config={"callbacks": [handler]})
    assert [call["toolOutput"] for call in of_kind(read(), "TOOL_CALL")] == ["2"]


def test_without_track_chain_of_thought_there_are_no_thoughts(client: SentrialClient, session_id: str, read: Read) -> None:
    handler = SentrialCallbackHandler(client, session_id, track_chain_of_thought=False)
    create_agent(scripted(calling("add", {"a": 2, "b": 3}), "5"), [add]).invoke(ASK, config={"callbacks": [handler]})
    session = read()
    assert kinds(session) == ["LLM_CALL", "TOOL_CALL", "LLM_CALL"]
    assert of_kind(session, "TOOL_CALL")[0]["reasoning"] is None


def test_verbose_prints_a_line_for_each_thing_recorded(
    client: SentrialClient, session_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = SentrialCallbackHandler(client=client, session_id=session_id, verbose=True)
    create_agent(scripted(calling("add", {"a": 2, "b": 3}), "5"), [add]).invoke(ASK, config={"callbacks": [handler]})
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 5
    assert "[Sentrial] tool call · add · success" in printed
    SentrialCallbackHandler(client=client, session_id=session_id).on_tool_start({"name": "add"}, "1", run_id=None)
    assert capsys.readouterr().out == ""


def test_an_agent_inside_a_tool_has_the_tool_call_as_its_parent(handler: SentrialCallbackHandler, read: Read) -> None:
    inner = create_agent(scripted(calling("add", {"a": 1, "b": 2}, id="call_inner"), "3"), [add], name="inner")

    @tool
    def delegate(question: str) -> str:
        """Asks the inner agent."""
        ask: Any = {"messages": [("user", question)]}
        answer: str = inner.invoke(ask)["messages"][-1].content
        return answer

    outer = create_agent(
        scripted(calling("delegate", {"question": "1 + 2?"}, id="call_outer"), "It is 3"), [delegate], name="outer"
    )
    outer.invoke(ASK, config={"callbacks": [handler]})
    session = read()
    by_tool = {call["toolName"]: call for call in of_kind(session, "TOOL_CALL")}
    assert by_tool["add"]["parentEventId"] == by_tool["delegate"]["id"]
    assert by_tool["delegate"]["parentEventId"] is None
    assert (by_tool["add"]["metadata"]["agent"], by_tool["delegate"]["metadata"]["agent"]) == ("inner", "outer")
    below = [call for call in of_kind(session, "LLM_CALL") if call["parentEventId"] == by_tool["delegate"]["id"]]
    assert [call["metadata"]["agent"] for call in below] == ["inner", "inner"]
    assert (session["assistantOutput"], session["status"]) == ("It is 3", "COMPLETED")


def test_parallel_tools_are_matched_by_call_id(handler: SentrialCallbackHandler, read: Read) -> None:
    both = threading.Barrier(2, timeout=10)

    @tool
    def wait_for_other(n: int) -> int:
        """Returns when both run."""
        both.wait()
        return n * 10

    calls: Any = [{"name": "wait_for_other", "args": {"n": n}, "id": f"call_{n}"} for n in (1, 2)]
    agent = create_agent(scripted(AIMessage("Both", tool_calls=calls), "Done"), [wait_for_other])
    agent.invoke(ASK, config={"callbacks": [handler]})
    found = of_kind(read(), "TOOL_CALL")
    assert sorted((call["metadata"]["tool_call_id"], call["toolInput"]["n"], call["toolOutput"]) for call in found) == [
        ("call_1", 1, "10"),
        ("call_2", 2, "20"),
    ]
    assert {call["reasoning"] for call in found} == {"Both"}


def test_a_stream_that_is_left_early_fails_the_session(handler: SentrialCallbackHandler, read: Read) -> None:
    agent = create_agent(scripted(calling("add", {"a": 2, "b": 3}), "5"), [add])
    stream = agent.stream(ASK, config={"callbacks": [handler]})
    next(stream)
    assert isinstance(stream, Generator)
    stream.close()
    session = read()
    assert (session["status"], session["failureReason"]) == ("FAILED", "Session interrupted (generator closed early)")


def test_a_graph_that_waits_for_a_human_is_not_over(handler: SentrialCallbackHandler, read: Read) -> None:
    def approve(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(f"Approved by {interrupt('May I?')}")]}

    builder = StateGraph(MessagesState)
    builder.add_node("approve", approve)
    builder.add_edge(START, "approve")
    builder.add_edge("approve", END)
    graph = builder.compile(checkpointer=InMemorySaver())
    config: Any = {"callbacks": [handler], "configurable": {"thread_id": "t1"}}
    graph.invoke(ASK, config=config)
    session = read()
    assert (session["status"], session["errorCount"]) == ("ACTIVE", 0)
    graph.invoke(Command(resume="Ada"), config=config)
    session = read()
    assert (session["status"], session["assistantOutput"]) == ("COMPLETED", "Approved by Ada")


async def test_the_asynchronous_handler_records_the_same(
    client: SentrialClient, async_client: AsyncSentrialClient, session_id: str, recorded: Recorded
) -> None:
    client.flush()
    handler = AsyncSentrialCallbackHandler(client=async_client, session_id=session_id)
    agent = create_agent(scripted(calling("add", {"a": 2, "b": 3}), "It is 5."), [add])
    await agent.ainvoke(ASK, config={"callbacks": [handler]})
    await async_client.flush()
    session = recorded.session()
    assert kinds(session) == ["LLM_CALL", "LLM_DECISION", "TOOL_CALL", "LLM_CALL"]
    assert (session["status"], session["assistantOutput"]) == ("COMPLETED", "It is 5.")


@pytest.mark.parametrize("asynchronous", [True, False])
async def test_either_handler_in_a_constructor_records_an_asynchronous_run(
    client: SentrialClient, async_client: AsyncSentrialClient, session_id: str, recorded: Recorded, asynchronous: bool
) -> None:
    client.flush()
    handler = (AsyncSentrialCallbackHandler if asynchronous else SentrialCallbackHandler)(async_client, session_id)
    agent = create_tool_calling_agent(scripted(calling("add", {"a": 2, "b": 3}), "It is 5."), [add], PROMPT)
    await AgentExecutor(agent=agent, tools=[add], callbacks=[handler]).ainvoke({"input": "What is 2 + 3?"})
    await async_client.flush()
    assert kinds(recorded.session()) == ["LLM_CALL", "LLM_DECISION", "TOOL_CALL", "LLM_CALL", "LLM_DECISION"]


async def test_agents_at_once_with_one_handler_do_not_mix(handler: SentrialCallbackHandler, read: Read) -> None:
    async def run(n: int) -> None:
        agent = create_agent(scripted(calling("add", {"a": n, "b": n}, id=f"call_{n}", thought=f"Thought {n}"), "ok"), [add])
        ask: Any = {"messages": [("user", str(n))]}
        await agent.ainvoke(ask, config={"callbacks": [handler]})

    await asyncio.gather(*(run(n) for n in range(5)))
    found = of_kind(read(), "TOOL_CALL")
    assert sorted((call["toolInput"]["a"], call["toolOutput"], call["reasoning"]) for call in found) == [
        (n, str(2 * n), f"Thought {n}") for n in range(5)
    ]


def test_the_agent_never_notices_a_server_that_is_gone_or_a_client_that_raises(capfd: pytest.CaptureFixture[str]) -> None:
    class Broken(SentrialClient):
        def track_llm_call(self, *_: Any, **__: Any) -> str:
            raise RuntimeError("broken")

        def track_tool_call(self, *_: Any, **__: Any) -> str:
            raise RuntimeError("broken")

        def track_decision(self, *_: Any, **__: Any) -> str:
            raise RuntimeError("broken")

        def complete_session(self, *_: Any, **__: Any) -> Session:
            raise RuntimeError("broken")

    for kind in (SentrialClient, Broken):
        gone = kind(api_key="sentrial_live_x", api_url="http://127.0.0.1:9")
        handler = SentrialCallbackHandler(client=gone, session_id="sess_1")
        agent = create_agent(scripted(calling("add", {"a": 2, "b": 3}), "It is 5."), [add])
        assert agent.invoke(ASK, config={"callbacks": [handler]})["messages"][-1].content == "It is 5."
        gone.close(timeout=0.1)


def test_a_program_for_the_published_handler_ends_its_session_itself(client: SentrialClient, session_id: str, read: Read) -> None:
    handler = SentrialCallbackHandler(client, session_id, track_llm_calls=False)
    handler.set_input("2 + 3, please")
    create_agent(scripted(calling("add", {"a": 2, "b": 3}), "5"), [add]).invoke(ASK, config={"callbacks": [handler]})
    assert handler.finish(success=False, failure_reason="too late", custom_metrics={"quality": 4.5})["id"] == session_id
    used = handler.get_usage_summary()
    assert (used["llm_calls"], used["total_prompt_tokens"], used["total_completion_tokens"], used["total_tokens"]) == (2, 20, 5, 25)
    assert used["duration_ms"] >= 0
    session = read()
    assert kinds(session) == ["LLM_DECISION", "TOOL_CALL"]
    assert (session["status"], session["failureReason"], session["customMetrics"]) == ("FAILED", "too late", {"quality": 4.5})
    assert (session["userInput"], session["assistantOutput"]) == ("2 + 3, please", "5")


def test_runs_are_forgotten_when_they_end(client: SentrialClient, session_id: str) -> None:
    handler = SentrialCallbackHandler(client=client, session_id=session_id)
    agent = create_agent(scripted(calling("add", {"a": 2, "b": 3}), calling("nope", {}, id="call_2"), "5"), [add])
    agent.invoke(ASK, config={"callbacks": [handler]})
    with pytest.raises(RuntimeError):
        create_agent(scripted(calling("broken", {"city": "x"})), [broken]).invoke(ASK, config={"callbacks": [handler]})
    stream = create_agent(scripted("Hi"), [add]).stream(ASK, config={"callbacks": [handler]})
    next(stream)
    del stream
    scripted(calling("add", {"a": 2, "b": 3})).invoke("Hello", config={"callbacks": [handler]})
    trace = handler._trace
    assert trace._told is None
    assert (trace._runs, trace._wanted, dict(trace._thoughts)) == ({}, {}, {})
