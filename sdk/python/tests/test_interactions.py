"""Interactions, decorators, the default client and the context they share."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import sentrial
from sentrial import AsyncSentrialClient, SentrialClient, SessionContext, session, tool
from sentrial.default import default_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from .support.server import Project


@pytest.fixture
def configured(project: Project) -> Iterator[SentrialClient]:
    """The default client, on the real server."""
    client = sentrial.configure(api_key=project.key, api_url=project.url)
    yield client
    client.close()


def test_an_interaction_is_a_session_with_what_was_said_about_it(project: Project, client: SentrialClient) -> None:
    interaction = client.begin(user_id="user_1", event="chat", input="Hello", convo_id="convo_1", metadata={"channel": "web"})
    interaction.track_tool_call("lookup", {"q": 1}, {"hits": 3}, estimated_cost=0.01)
    interaction.track_decision("Greet back", confidence=1.0)
    interaction.track_llm_call("gpt-4", "p", "r", prompt_tokens=3, completion_tokens=4)
    interaction.track_state_change({"a": 1}, {"a": 2})
    interaction.add_tokens(prompt_tokens=30, completion_tokens=40, cost=0.5)
    reported = interaction.finish(output="Hi!", custom_metrics={"satisfaction": 5})
    assert reported["id"] == interaction.session_id
    assert interaction.finish(output="twice") == {}
    assert client.flush()
    kept = project.session(interaction.session_id)
    assert kept["name"] == f"chat:{interaction.event_id[:8]}"
    assert (kept["agentName"], kept["userId"], kept["convoId"]) == ("chat", "user_1", "convo_1")
    assert (kept["status"], kept["userInput"], kept["assistantOutput"]) == ("COMPLETED", "Hello", "Hi!")
    assert (kept["promptTokens"], kept["totalTokens"], kept["estimatedCost"]) == (30, 70, 0.5)
    assert kept["customMetrics"] == {"satisfaction": 5}
    assert kept["metadata"] == {"channel": "web", "event_id": interaction.event_id}
    assert len(kept["events"]) == 4


def test_an_exception_makes_it_a_failure_and_goes_on(project: Project, client: SentrialClient) -> None:
    with pytest.raises(ValueError, match="bad question"), client.begin(user_id="u", event="chat") as interaction:
        raise ValueError("bad question")
    assert client.flush()
    kept = project.session(interaction.session_id)
    assert (kept["status"], kept["success"], kept["failureReason"]) == ("FAILED", False, "ValueError: bad question")


async def test_an_asynchronous_interaction(project: Project) -> None:
    async with AsyncSentrialClient(api_key=project.key, api_url=project.url) as client:
        async with await client.begin(user_id="u", event="chat", input="q") as interaction:
            assert sentrial.get_current_interaction() is interaction
            await interaction.track_tool_call("fetch", {"url": "x"}, {"status": 200})
            await interaction.track_error("soft failure", "Soft", recoverable=True)
            interaction.set_output("a")
        assert sentrial.get_current_session_id() is None
        kept = await client.get_session(interaction.session_id)
    assert (kept["status"], kept["failure_reason"], kept["assistant_output"]) == ("failed", "soft failure", "a")
    assert kept["event_count"] == 2


def test_two_interactions_at_once_do_not_mix(project: Project, client: SentrialClient) -> None:
    first = client.begin(user_id="u1", event="chat", input="one")
    second = client.begin(user_id="u2", event="chat", input="two")
    first.finish(output="1")
    second.finish(output="2")
    assert client.flush()
    assert [project.session(each.session_id)["userInput"] for each in (first, second)] == ["one", "two"]


def test_a_session_runs_its_tools(project: Project, configured: SentrialClient) -> None:
    @tool("web_search")
    def search(query: str, limit: int = 3) -> dict[str, Any]:
        return {"results": [query] * limit}

    @tool
    def add(a: int, b: int) -> int:
        return a + b

    @tool(name="count_up")
    def count(to: int) -> Iterator[int]:
        yield from range(to)

    running: list[str | None] = []

    @session("support-agent")
    def agent(user_id: str, message: str) -> dict[str, Any]:
        running.append(sentrial.get_current_session_id())
        search(message)
        assert add(1, b=2) == 3
        assert next(count(5)) == 0
        assert list(count(2)) == [0, 1]
        return {"response": f"answered {message}"}

    assert agent("user_4", "question") == {"response": "answered question"}
    search("outside of any session")
    assert configured.flush()
    assert running[0]
    kept = project.session(running[0])
    assert (kept["agentName"], kept["userId"], kept["userInput"]) == ("support-agent", "user_4", "question")
    assert kept["assistantOutput"] == "answered question"
    assert [(event["toolName"], event["toolInput"], event["toolOutput"]) for event in kept["events"]] == [
        ("web_search", {"query": "question", "limit": 3}, {"results": ["question"] * 3}),
        ("add", {"a": 1, "b": 2}, {"result": 3}),
        ("count_up", {"to": 5}, {"result": [0]}),
        ("count_up", {"to": 2}, {"result": [0, 1]}),
    ]
    assert all(event["durationMs"] >= 0 for event in kept["events"])


async def test_asynchronous_functions_and_generators(project: Project, configured: SentrialClient) -> None:
    @tool
    async def fetch(url: str) -> bytes:
        return b"\xff"

    @tool
    async def stream(parts: int) -> AsyncIterator[int]:
        for number in range(parts):
            yield number

    running: list[str | None] = []

    @session
    async def agent(prompt: str) -> str:
        running.append(sentrial.get_current_session_id())
        await asyncio.gather(fetch("a"), fetch("b"))
        return str([number async for number in stream(2)])

    answers = await asyncio.gather(agent("one"), agent("two"))
    assert list(answers) == ["[0, 1]"] * 2
    assert configured.flush()
    for session_id, prompt in zip(running, ("one", "two")):
        assert session_id
        kept = project.session(session_id)
        assert (kept["agentName"], kept["userId"], kept["userInput"]) == ("agent", "anonymous", prompt)
        assert [event["toolName"] for event in kept["events"]] == ["fetch", "fetch", "stream"]


def test_a_failing_tool_is_an_error_event_and_raises_as_before(project: Project, configured: SentrialClient) -> None:
    class Broken:
        @tool("fails")
        def fails(self, given: list[int]) -> None:
            given.append(2)
            raise KeyError("nothing here")

    with pytest.raises(KeyError), SessionContext(user_id="u", agent="manual", input="i") as running:
        Broken().fails([1])
    assert configured.flush()
    assert running.session_id
    kept = project.session(running.session_id)
    assert (kept["status"], kept["failureReason"]) == ("FAILED", "KeyError: 'nothing here'")
    (event,) = kept["events"]
    assert (event["toolName"], event["errorType"], event["errorMessage"]) == ("fails", "KeyError", "'nothing here'")
    assert event["errorStack"].startswith("Traceback")
    assert event["metadata"] == {"tool_input": {"given": [1]}}


def test_a_decorated_function_stays_what_it_was() -> None:
    @tool
    def documented(a: int) -> int:
        """What it does."""
        return a

    @session("agent")
    async def also(user_id: str) -> None: ...

    assert (documented.__name__, documented.__doc__, documented(1)) == ("documented", "What it does.", 1)
    assert asyncio.iscoroutinefunction(also)
    nothing: list[int] = []
    with pytest.raises(TypeError, match="missing 1 required"):
        documented(*nothing)


def test_the_context_is_each_thread_s_own(client: SentrialClient) -> None:
    seen: list[str | None] = []
    with client.begin(user_id="u", event="chat") as interaction:
        thread = threading.Thread(target=lambda: seen.append(sentrial.get_current_session_id()))
        thread.start()
        thread.join()
        assert sentrial.get_current_session_id() == interaction.session_id
        assert sentrial.get_current_client() is client
    assert seen == [None]


def test_a_session_set_by_hand_is_the_active_one(project: Project, client: SentrialClient) -> None:
    @tool
    def step() -> str:
        return "done"

    session_id = client.create_session(name="by hand")
    sentrial.set_session_context(session_id, client)
    step()
    client.update_state("seen", 2)
    sentrial.clear_session_context()
    step()
    client.update_state("seen", 3)
    assert client.current_state == {"seen": 3}
    assert client.flush()
    events = project.session(session_id)["events"]
    assert [event["__typename"] for event in events] == ["ToolCallEvent", "StateChangeEvent"]
    assert (events[1]["stateBefore"], events[1]["stateAfter"]) == ({}, {"seen": 2})


def test_module_level_begin_uses_the_configured_client(project: Project, configured: SentrialClient) -> None:
    with sentrial.begin(user_id="u", event="module") as interaction:
        interaction.set_output("done")
    assert default_client() is configured
    assert configured.flush()
    assert project.session(interaction.session_id)["assistantOutput"] == "done"


async def test_module_level_begin_async(project: Project) -> None:
    client = sentrial.configure_async(api_key=project.key, api_url=project.url)
    async with await sentrial.begin_async(user_id="u", event="module") as interaction:
        interaction.set_output("done")
    await client.close()
    assert project.session(interaction.session_id)["assistantOutput"] == "done"


def test_configuring_again_delivers_what_the_client_of_before_has(project: Project) -> None:
    sentrial.configure(api_key=project.key, api_url=project.url)
    interaction = sentrial.begin(user_id="u", event="before")
    sentrial.configure(api_key=project.key, api_url=project.url).close()
    assert project.session(interaction.session_id)["agentName"] == "before"


LOST: list[Any] = [None, "", 17, "x" * 201, object()]


@pytest.mark.parametrize("session_id", LOST, ids=lambda value: type(value).__name__)
def test_an_impossible_session_id_raises_nothing_and_is_logged(
    client: SentrialClient, session_id: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.track_tool_call(session_id, "tool").startswith("evt_")
    client.update_session(session_id, metadata={})
    client.close_session(session_id)
    assert client.flush()
    assert client.stats().delivered == 0
    assert caplog.text.count("session_id: expected the text that create_session gave") == 3


def test_an_unknown_status_is_logged_or_raised(client: SentrialClient, project: Project, caplog: pytest.LogCaptureFixture) -> None:
    client.close_session("sess_1", status="sucess")
    assert "status: expected success, error or cancelled, got 'sucess'" in caplog.text
    loud = SentrialClient(api_key=project.key, api_url=project.url, fail_silently=False)
    with pytest.raises(sentrial.ValidationError):
        loud.close_session("sess_1", status="sucess")
    loud.close()


def test_reading_what_cannot_be_had_gives_an_empty_dict_or_raises(project: Project, client: SentrialClient) -> None:
    assert client.get_session("sess_nowhere") == {}
    with (
        SentrialClient(api_key=project.key, api_url=project.url, fail_silently=False) as loud,
        pytest.raises(sentrial.NotFoundError),
    ):
        loud.get_session("sess_nowhere")


def test_fail_silently_false_waits_for_each_answer(project: Project) -> None:
    with SentrialClient(api_key=project.key, api_url=project.url, fail_silently=False) as loud:
        session_id = loud.create_session(name="loud")
        loud.track_tool_call(session_id, "tool")
        assert len(project.session(session_id)["events"]) == 1
        with pytest.raises(sentrial.NotFoundError):
            loud.track_tool_call("sess_nowhere", "tool")
        with pytest.raises(sentrial.ConflictError):
            loud.create_session(name="another", session_id=session_id)
    stranger = SentrialClient(api_key="sentrial_live_nobody", api_url=project.url, fail_silently=False)
    with stranger, pytest.raises(sentrial.AuthenticationError):
        stranger.create_session(name="stranger")
