"""Drives the published package `sentrial`, unmodified, against SENTRIAL_API_URL with SENTRIAL_API_KEY.

    python published_sdk.py <scenario>

Each scenario prints one JSON value, what the SDK gave back; the test compares it with what the server has.
"""

import asyncio
import json
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from uuid import UUID

import requests
import sentrial
from sentrial import AsyncSentrialClient, BatcherConfig, SentrialClient

logging.basicConfig(level=logging.WARNING)


def full_session():
    with SentrialClient(fail_silently=False) as client:
        parent = client.create_session(name="Parent", agent_name="planner", user_id="user_456")
        session = client.create_session(
            name="Support Request #123",
            agent_name="support-agent",
            user_id="user_456",
            parent_session_id=parent,
            convo_id="convo_1",
            metadata={"plan": "pro", "nested": {"ünï": ["😀", None, 1.5]}},
        )
        tool_call = client.track_tool_call(
            session_id=session,
            tool_name="search_kb",
            tool_input={"query": "password reset"},
            tool_output={"articles": ["KB-001", "KB-002"]},
            reasoning="User needs password help",
            estimated_cost=0.001,
            token_count=42,
            trace_id="0af7651916cd43dd8448eb211c80319c",
            span_id="b7ad6b7169203331",
            metadata={"duration_ms": 12},
        )
        failed_call = client.track_tool_call(
            session_id=session,
            tool_name="send_mail",
            tool_input={},
            tool_output={},
            tool_error={"message": "no route to host", "type": "OSError"},
        )
        client.update_state("articles_seen", 2)
        decision = client.track_decision(
            session_id=session,
            reasoning="Search the knowledge base before escalating",
            alternatives=["escalate", "clarify"],
            confidence=0.92,
            estimated_cost=0.0015,
        )
        bare_decision = client.track_decision(session_id=session, reasoning="Go on")
        error = client.track_error(
            session_id=session,
            error_message="Timeout after 30 s",
            error_type="TimeoutError",
            tool_name="search_kb",
            stack_trace="Traceback (most recent call last): …",
        )
        completed = client.complete_session(
            session_id=session,
            success=True,
            custom_metrics={"customer_satisfaction": 4.5, "order_value": 129.99},
            prompt_tokens=1500,
            completion_tokens=500,
            total_tokens=2000,
            user_input="How do I reset my password?",
            assistant_output="Like this.",
        )
        closed = client.close_session(parent, success=False, failure_reason="The child took too long")
        return {
            "session": session,
            "parent": parent,
            "events": [tool_call, failed_call, decision, bare_decision, error],
            "completed": completed,
            "closed": closed,
        }


def interactions():
    client = SentrialClient(fail_silently=False)
    interaction = client.begin(
        user_id="user_1",
        event="chat_message",
        input="Hello",
        event_id="11111111-1111-4111-8111-111111111111",
        convo_id="convo_2",
        metadata={"channel": "web"},
    )
    interaction.track_tool_call(tool_name="lookup", tool_input={"q": "hello"}, tool_output={"hits": 3}, estimated_cost=0.01)
    interaction.track_decision(reasoning="Greet back", confidence=1.0)
    finished = interaction.finish(output="Hi!", custom_metrics={"satisfaction": 5})
    again = interaction.finish(output="twice")

    with client.begin(user_id="user_1", event="chat_message", input="Again", event_id="22222222-2222-4222-8222-222222222222") as managed:
        managed.set_output("Done")

    try:
        with client.begin(user_id="user_1", event="chat_message", event_id="33333333-3333-4333-8333-333333333333") as raising:
            raise ValueError("bad question")
    except ValueError:
        pass

    with client.begin(user_id="user_1", event="chat_message", event_id="44444444-4444-4444-8444-444444444444") as marked:
        marked.track_error("quota exceeded", error_type="QuotaError")

    return {
        "finished": finished,
        "again": again,
        "managed": managed.session_id,
        "raising": raising.session_id,
        "marked": marked.session_id,
    }


def asynchronous():
    async def run():
        async with AsyncSentrialClient(fail_silently=False) as client:
            async with await client.begin(
                user_id="user_2", event="async-agent", input="Question", convo_id="", event_id="55555555-5555-4555-8555-555555555555"
            ) as interaction:
                await interaction.track_tool_call(tool_name="fetch", tool_input={"url": "https://example.com"}, tool_output={"status": 200})
                await interaction.track_decision(reasoning="Answer")
                await interaction.track_error("soft failure")
                interaction.add_tokens(prompt_tokens=100, completion_tokens=50, cost=0.003)
                interaction.set_output("Answer")
            session = await client.create_session(name="Async", agent_name="async-agent", user_id="user_2")
            await client.track_error(session, "broken", error_type="E", stack_trace="Traceback …", tool_name="fetch")
            completed = await client.complete_session(session, success=False, failure_reason="broken", duration_ms=1234)
            return {"interaction": interaction.session_id, "session": session, "completed": completed}

    return asyncio.run(run())


def batching():
    client = SentrialClient(fail_silently=False, batching=BatcherConfig(enabled=True, flush_interval=3600, flush_threshold=1000))
    session = client.create_session(name="Batched", agent_name="batcher", user_id="user_3")
    answers = [
        client.track_tool_call(session_id=session, tool_name=f"tool_{n}", tool_input={"n": n}, tool_output={"n": n * n}) for n in range(5)
    ]
    client.track_decision(session_id=session, reasoning="Enough")
    client.flush()
    client.track_error(session_id=session, error_message="late")
    client.complete_session(session_id=session, success=True)
    client.track_tool_call(session_id=session, tool_name="after", tool_input={}, tool_output={})
    client.shutdown()
    client.close()
    return {"session": session, "answers": answers}


def decorators():
    from sentrial import SessionContext, session, tool

    sentrial.configure(fail_silently=False)

    @tool("web_search")
    def search(query, limit=3):
        return {"results": [query] * limit}

    @tool
    def add(a, b):
        return a + b

    @tool("fails")
    def fails():
        raise KeyError("nothing here")

    @tool("async_fetch")
    async def fetch(url):
        return None

    @session("support-agent")
    def run_agent(user_id, message):
        search(message)
        add(1, b=2)
        return {"response": f"answered {message}"}

    @session("async-agent")
    async def run_async(user_id, input):
        await fetch("https://example.com")
        return "done"

    @session("failing-agent")
    def run_failing(user_id):
        fails()

    run_agent("user_4", "the question")
    async def on_one_thread():
        # 0.6.0 begins and finishes in worker threads, and forgets the input where they are two: let there be one.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max_workers=1))
        await run_async(user_id="user_4", input="async question")

    asyncio.run(on_one_thread())
    try:
        run_failing(user_id=5)
    except KeyError:
        pass
    with SessionContext(user_id="user_4", agent="manual-agent", input="manual question") as context:
        search("manually", limit=1)
        context.set_output("manual answer")
    search("outside of any session")
    return {"manual": context.session_id}


def langchain():
    from langchain_core.agents import AgentAction, AgentFinish
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import RunnableLambda
    from langchain_core.tools import tool
    from sentrial.langchain import SentrialCallbackHandler

    client = SentrialClient(fail_silently=False)
    session = client.create_session(name="LangChain run", agent_name="langchain-agent", user_id="user_5")
    handler = SentrialCallbackHandler(client=client, session_id=session)
    handler.set_input("What is the weather in Paris?")

    @tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    @tool
    def broken(city: str) -> str:
        """Never works."""
        raise RuntimeError(f"no such city: {city}")

    usage = {"input_tokens": 20, "output_tokens": 10, "total_tokens": 30}
    model = GenericFakeChatModel(
        messages=iter(
            [
                AIMessage(content="Thought: I need the weather. Action: weather", usage_metadata=usage),
                AIMessage(content="It is sunny in Paris.", usage_metadata=usage),
            ]
        )
    )

    def agent(question, config):
        model.invoke(question, config=config)
        weather.invoke({"city": "Paris"}, config=config)
        try:
            broken.invoke({"city": "Atlantis"}, config=config)
        except RuntimeError:
            pass
        return model.invoke("and now?", config=config).content

    answer = RunnableLambda(agent).invoke("What is the weather in Paris?", config={"callbacks": [handler]})

    run = UUID("66666666-6666-4666-8666-666666666666")
    handler.on_agent_action(AgentAction(tool="weather", tool_input={"city": "Rome"}, log="Rome is next"), run_id=run)
    handler.on_tool_start({"name": "weather"}, "{'city': 'Rome'}", run_id=UUID("77777777-7777-4777-8777-777777777777"), parent_run_id=run)
    handler.on_tool_end("sunny in Rome", run_id=UUID("77777777-7777-4777-8777-777777777777"), parent_run_id=run)
    handler.on_agent_finish(AgentFinish(return_values={"output": answer}, log=""), run_id=run)
    return {"session": session, "finished": handler.finish(success=True, custom_metrics={"quality": 4.5}), "usage": handler.get_usage_summary()}


def wrapped_openai():
    from sentrial import wrap_openai

    def create(*args, model, messages, stream=False, **kwargs):
        if model == "gpt-broken":
            raise RuntimeError("rate limited")
        usage = SimpleNamespace(prompt_tokens=1000, completion_tokens=500, total_tokens=1500)
        if stream:
            chunks = [SimpleNamespace(choices=[SimpleNamespace(delta=SimpleNamespace(content=text))], usage=None) for text in ("str", "eam")]
            return iter([*chunks, SimpleNamespace(choices=[], usage=usage)])
        return SimpleNamespace(usage=usage, choices=[SimpleNamespace(message=SimpleNamespace(content="Hello!"))])

    class OpenAI:
        def __init__(self):
            self.chat = SimpleNamespace(completions=SimpleNamespace(create=create))

    client = SentrialClient(fail_silently=False)
    openai = wrap_openai(OpenAI())
    messages = [{"role": "user", "content": "Hello"}]
    with client.begin(user_id="user_6", event="wrapped", input="Hello", event_id="88888888-8888-4888-8888-888888888888") as interaction:
        openai.chat.completions.create(model="gpt-4o", messages=messages)
        "".join(chunk.choices[0].delta.content for chunk in openai.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True) if chunk.choices)
        try:
            openai.chat.completions.create(model="gpt-broken", messages=messages)
        except RuntimeError:
            pass
        interaction.set_output("Hello!")
    openai.chat.completions.create(model="gpt-4o", messages=messages)
    return {"session": interaction.session_id}


def redacted():
    with SentrialClient(fail_silently=False, pii=True) as client:
        session = client.create_session(name="Private", agent_name="careful", user_id="user_7", metadata={"contact": "ann@example.com"})
        client.track_tool_call(session_id=session, tool_name="mail", tool_input={"to": "ann@example.com"}, tool_output={})
        client.complete_session(session, user_input="write to ann@example.com")
        return {"session": session}


def refused():
    quiet = SentrialClient()
    loud = SentrialClient(fail_silently=False)
    stranger = SentrialClient(api_key="sentrial_live_nobody")
    said = {
        "event": quiet.track_decision(session_id="sess_nowhere", reasoning="lost"),
        "session": quiet.create_session(name="", agent_name="a", user_id="u"),
        "complete": quiet.complete_session("sess_nowhere"),
        "stranger": stranger.create_session(name="n", agent_name="a", user_id="u"),
    }
    interaction = stranger.begin(user_id="u", event="e", event_id="99999999-9999-4999-8999-999999999999")
    said["degraded"] = [interaction.track_decision(reasoning="r"), interaction.finish(output="o")]
    for name, call in {
        "not_found": lambda: loud.track_error(session_id="sess_nowhere", error_message="m"),
        "bad_request": lambda: loud.create_session(name="n", agent_name="", user_id="u"),
    }.items():
        try:
            call()
            said[name] = "did not raise"
        except requests.HTTPError as error:
            said[name] = error.response.status_code
    return said


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (full_session, interactions, asynchronous, batching, decorators, langchain, wrapped_openai, redacted, refused)
}

if __name__ == "__main__":
    print(json.dumps(SCENARIOS[sys.argv[1]]()))
