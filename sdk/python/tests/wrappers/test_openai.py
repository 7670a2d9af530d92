from __future__ import annotations

import functools
import gc
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from openai import AsyncOpenAI, AsyncStream, InternalServerError, OpenAI, Stream
from openai.types.chat import ChatCompletion
from pydantic import BaseModel

from sentrial import AsyncSentrialClient, SentrialClient, configure, session, set_session_context
from sentrial.context import clear_session_context
from sentrial.openai import wrap_openai

from .llm_stub import chat, chat_chunks, response, response_events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..support.server import Project
    from .conftest import Recorded
    from .llm_stub import LlmStub

MESSAGES: Any = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hello"}]
MODEL = "gpt-4o-mini-2024-07-18"
COST = 1000 * 0.15 / 1e6 + 500 * 0.60 / 1e6


def openai_of(llm: LlmStub) -> OpenAI:
    return OpenAI(base_url=f"{llm.url}/v1", api_key="dummy", max_retries=0)


@pytest.fixture
def openai(llm: LlmStub, client: SentrialClient, session_id: str) -> Iterator[OpenAI]:
    with wrap_openai(openai_of(llm), sentrial_client=client, session_id=session_id) as wrapped:
        yield wrapped


@pytest.fixture
def async_openai(llm: LlmStub, async_client: AsyncSentrialClient, session_id: str, client: SentrialClient) -> AsyncOpenAI:
    client.flush()
    made = AsyncOpenAI(base_url=f"{llm.url}/v1", api_key="dummy", max_retries=0)
    return wrap_openai(made, sentrial_client=async_client, session_id=session_id)


def calls(recorded: Recorded, client: SentrialClient) -> list[dict[str, Any]]:
    client.flush()
    return [event for event in recorded.session()["events"] if event["eventType"] == "LLM_CALL"]


async def async_calls(recorded: Recorded, client: AsyncSentrialClient) -> list[dict[str, Any]]:
    await client.flush()
    return [event for event in recorded.session()["events"] if event["eventType"] == "LLM_CALL"]


def test_a_chat_completion_is_recorded_with_prompt_answer_tokens_cost_and_duration(
    llm: LlmStub, openai: OpenAI, client: SentrialClient, recorded: Recorded
) -> None:
    llm.then(chat("Hello!"))
    answer = openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, temperature=0.5)
    assert isinstance(answer, ChatCompletion)
    assert answer.choices[0].message.content == "Hello!"
    [call] = calls(recorded, client)
    assert (call["model"], call["prompt"], call["response"]) == (MODEL, MESSAGES, "Hello!")
    assert (call["promptTokens"], call["completionTokens"], call["totalTokens"]) == (1000, 500, 1500)
    assert call["estimatedCost"] == pytest.approx(COST)
    assert call["durationMs"] >= 0
    assert call["status"] == "success"
    metadata = call["metadata"]
    assert (metadata["provider"], metadata["finish_reason"], metadata["parameters"]) == ("openai", "stop", {"temperature": 0.5})


def test_tool_calls_are_part_of_the_answer(llm: LlmStub, openai: OpenAI, client: SentrialClient, recorded: Recorded) -> None:
    wanted = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    llm.then(chat(None, tool_calls=[wanted]))
    openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    [call] = calls(recorded, client)
    assert call["response"]["tool_calls"] == [wanted]
    assert call["metadata"]["finish_reason"] == "tool_calls"


def test_a_stream_is_the_providers_own_and_is_recorded_at_its_end(
    llm: LlmStub, openai: OpenAI, client: SentrialClient, recorded: Recorded
) -> None:
    llm.then(chat_chunks("Hel", "lo!"))
    stream = openai.chat.completions.create(
        model="gpt-4o-mini", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    assert isinstance(stream, Stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == "Hello!"
    [call] = calls(recorded, client)
    assert (call["response"], call["totalTokens"], call["model"]) == ("Hello!", 1500, MODEL)
    assert call["metadata"]["stream"] is True
    assert call["metadata"]["time_to_first_token_ms"] <= call["durationMs"]


def test_a_streamed_tool_call_is_put_together(llm: LlmStub, openai: OpenAI, client: SentrialClient, recorded: Recorded) -> None:
    llm.then(chat_chunks("Let me see", tool_call=("weather", '{"city": "Paris"}')))
    list(openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True))
    [call] = calls(recorded, client)
    assert call["response"]["content"] == "Let me see"
    [wanted] = call["response"]["tool_calls"]
    assert (wanted["id"], wanted["function"]) == ("call_1", {"name": "weather", "arguments": '{"city": "Paris"}'})


def test_a_stream_without_usage_has_unknown_tokens_rather_than_none(
    llm: LlmStub, openai: OpenAI, client: SentrialClient, recorded: Recorded
) -> None:
    llm.then(chat_chunks("Hello!", usage=False))
    list(openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True))
    [call] = calls(recorded, client)
    assert (call["response"], call["promptTokens"], call["totalTokens"], call["estimatedCost"]) == ("Hello!", None, None, None)


def test_a_stream_that_is_closed_early_or_dropped_is_recorded_as_far_as_it_came(
    llm: LlmStub, openai: OpenAI, client: SentrialClient, recorded: Recorded
) -> None:
    llm.then(chat_chunks("Hel", "lo!"), chat_chunks("Hel", "lo!"))
    with openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True) as stream:
        next(stream), next(stream)
    for chunk in openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True):
        if chunk.choices[0].delta.content:
            break
    gc.collect()
    closed, dropped = calls(recorded, client)
    assert (closed["response"], dropped["response"]) == ("Hel", "Hel")
    assert closed["metadata"]["closed_early"] is dropped["metadata"]["closed_early"] is True


def test_the_helpers_stream_parse_and_raw_response_are_recorded_once_each(
    llm: LlmStub, openai: OpenAI, client: SentrialClient, recorded: Recorded
) -> None:
    class Greeting(BaseModel):
        text: str

    llm.then(chat_chunks("Hello!"), chat('{"text": "Hi"}'), chat("Raw"), chat_chunks("Raw stream"), chat("Unread"))
    with openai.chat.completions.stream(model="gpt-4o-mini", messages=MESSAGES) as stream:
        assert stream.get_final_completion().choices[0].message.content == "Hello!"
    parsed = openai.chat.completions.parse(model="gpt-4o-mini", messages=MESSAGES, response_format=Greeting)
    assert parsed.choices[0].message.parsed == Greeting(text="Hi")
    raw = openai.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=MESSAGES)
    assert raw.headers["content-type"] == "application/json"
    assert raw.parse().choices[0].message.content == "Raw"
    raw_stream = openai.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=MESSAGES, stream=True)
    assert len(list(raw_stream.parse())) == 4
    with openai.chat.completions.with_streaming_response.create(model="gpt-4o-mini", messages=MESSAGES) as unread:
        assert unread.parse().choices[0].message.content == "Unread"
    assert [call["response"] for call in calls(recorded, client)] == ["Hello!", '{"text": "Hi"}', "Raw", "Raw stream", "Unread"]


def test_responses_are_recorded_whole_and_streamed(
    llm: LlmStub, openai: OpenAI, client: SentrialClient, recorded: Recorded
) -> None:
    llm.then(response("Hello!"), response_events("Streamed"), response_events("Helped"))
    assert openai.responses.create(model="gpt-4o-mini", input="Hello", instructions="Be brief").output_text == "Hello!"
    events = list(openai.responses.create(model="gpt-4o-mini", input="Hello", stream=True))
    assert events[-1].type == "response.completed"
    with openai.responses.stream(model="gpt-4o-mini", input="Hello") as stream:
        assert stream.get_final_response().output_text == "Helped"
    whole, streamed, helped = calls(recorded, client)
    assert whole["prompt"] == [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hello"}]
    assert [call["response"] for call in (whole, streamed, helped)] == ["Hello!", "Streamed", "Helped"]
    for call in (whole, streamed, helped):
        assert (call["promptTokens"], call["completionTokens"], call["totalTokens"]) == (1000, 500, 1500)
        assert call["metadata"]["reasoning_tokens"] == 120


def test_embeddings_are_recorded_without_the_vectors(
    llm: LlmStub, openai: OpenAI, client: SentrialClient, recorded: Recorded
) -> None:
    vectors = [{"object": "embedding", "index": index, "embedding": [0.1, 0.2]} for index in range(2)]
    llm.then(
        {"object": "list", "data": vectors, "model": "text-embedding-3-small", "usage": {"prompt_tokens": 8, "total_tokens": 8}}
    )
    openai.embeddings.create(model="text-embedding-3-small", input=["one", "two"], encoding_format="float")
    [call] = calls(recorded, client)
    assert (call["prompt"], call["response"], call["promptTokens"]) == (["one", "two"], {"embeddings": 2}, 8)


def test_an_error_is_recorded_and_reaches_the_caller(
    llm: LlmStub, openai: OpenAI, client: SentrialClient, recorded: Recorded
) -> None:
    llm.then({"status": 500, "error": {"message": "overloaded"}})
    with pytest.raises(InternalServerError) as raised:
        openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    [call] = calls(recorded, client)
    assert (call["status"], call["toolError"]) == ("error", {"message": str(raised.value), "type": "InternalServerError"})
    assert call["model"] == "gpt-4o-mini"


def test_copies_of_the_client_and_resources_used_before_wrapping_are_recorded_too(
    llm: LlmStub, client: SentrialClient, session_id: str, recorded: Recorded
) -> None:
    llm.then(chat("Before"), chat("After"), chat("Copy"), chat("Raw"))
    openai = openai_of(llm)
    openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    assert wrap_openai(openai, sentrial_client=client, session_id=session_id) is openai
    wrap_openai(openai, sentrial_client=client, session_id=session_id)  # twice records once
    openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    openai.with_options(timeout=5).chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    openai.with_raw_response.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    assert [call["response"] for call in calls(recorded, client)] == ["After", "Copy", "Raw"]


def test_calls_go_to_the_session_that_is_active_where_they_are_made(
    llm: LlmStub, client: SentrialClient, recorded: Recorded
) -> None:
    llm.then(chat("Outside"), chat("Inside"), chat_chunks("Streamed"), chat("By context"))
    openai = wrap_openai(openai_of(llm))
    openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    with client.begin(user_id=recorded.user_id, event="assistant", input="Hello") as interaction:
        openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
        stream = openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True)
    list(stream)  # ends after the block, belongs to it all the same
    set_session_context(interaction.session_id, client)
    openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    clear_session_context()
    assert [call["response"] for call in calls(recorded, client)] == ["Inside", "Streamed", "By context"]


def test_inside_a_decorated_function_calls_go_to_its_session(llm: LlmStub, project: Project, recorded: Recorded) -> None:
    llm.then(chat("Decorated"))
    openai = wrap_openai(openai_of(llm))
    default = configure(api_key=project.key, api_url=project.url)

    @session("assistant")
    def answer(input: str, user_id: str) -> str | None:
        return (
            openai.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": input}])
            .choices[0]
            .message.content
        )

    assert answer("Hello", user_id=recorded.user_id) == "Decorated"
    [call] = calls(recorded, default)
    assert call["response"] == "Decorated"
    default.close()


def test_without_a_session_a_call_can_be_a_session_of_its_own(llm: LlmStub, client: SentrialClient, project: Project) -> None:
    llm.then(chat("Alone"), {"status": 500, "error": {"message": "down"}})
    openai = wrap_openai(openai_of(llm), sentrial_client=client, track_without_session=True)
    before = {found["id"] for found in project.sessions(agentName="openai")}
    openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    with pytest.raises(InternalServerError):
        openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    client.flush()
    alone, failed = (project.session(found["id"]) for found in project.sessions(agentName="openai") if found["id"] not in before)
    assert (alone["status"], alone["assistantOutput"], alone["llmCallCount"]) == ("COMPLETED", "Alone", 1)
    assert failed["status"] == "FAILED"


async def test_the_asynchronous_client_is_recorded_whole_streamed_and_failed(
    llm: LlmStub, async_openai: AsyncOpenAI, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    llm.then(chat("Hello!"), chat_chunks("Streamed"), response_events("Responses"), chat("Raw"), {"status": 500, "error": {}})
    answer = await async_openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    assert answer.choices[0].message.content == "Hello!"
    stream = await async_openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True)
    assert isinstance(stream, AsyncStream)
    assert [chunk.choices[0].delta.content async for chunk in stream if chunk.choices] == ["", "Streamed", None]
    async with async_openai.responses.stream(model="gpt-4o-mini", input="Hello") as responses:
        assert (await responses.get_final_response()).output_text == "Responses"
    raw = await async_openai.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=MESSAGES)
    assert raw.parse().choices[0].message.content == "Raw"
    with pytest.raises(InternalServerError):
        await async_openai.with_options(timeout=5).chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    found = await async_calls(recorded, async_client)
    assert [call["response"] for call in found] == ["Hello!", "Streamed", "Responses", "Raw", None]
    assert [call["status"] for call in found] == ["success"] * 4 + ["error"]
    assert [call["totalTokens"] for call in found] == [1500, 1500, 1500, 1500, None]


async def test_an_asynchronous_stream_that_is_closed_early_is_recorded_as_far_as_it_came(
    llm: LlmStub, async_openai: AsyncOpenAI, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    llm.then(chat_chunks("Hel", "lo!"))
    async with await async_openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True) as stream:
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
    [call] = await async_calls(recorded, async_client)
    assert (call["response"], call["metadata"]["closed_early"]) == ("Hel", True)


async def test_either_kind_of_client_records_either_kind_of_provider(
    llm: LlmStub, client: SentrialClient, async_client: AsyncSentrialClient, session_id: str, recorded: Recorded
) -> None:
    llm.then(chat("1"), chat("2"))
    client.flush()
    wrap_openai(openai_of(llm), sentrial_client=async_client, session_id=session_id).chat.completions.create(
        model="gpt-4o-mini", messages=MESSAGES
    )
    asynchronous = AsyncOpenAI(base_url=f"{llm.url}/v1", api_key="dummy")
    await wrap_openai(asynchronous, sentrial_client=client, session_id=session_id).chat.completions.create(
        model="gpt-4o-mini", messages=MESSAGES
    )
    await async_client.flush()
    assert sorted(call["response"] for call in calls(recorded, client)) == ["1", "2"]


def test_a_server_that_is_gone_or_a_client_that_raises_changes_nothing(llm: LlmStub) -> None:
    class Broken(SentrialClient):
        def track_llm_call(self, *_: Any, **__: Any) -> str:
            raise RuntimeError("broken")

    for kind in (SentrialClient, Broken):
        llm.then(chat("Hello!"), chat_chunks("Hello!"))
        gone = kind(api_key="sentrial_live_x", api_url="http://127.0.0.1:9")
        openai = wrap_openai(openai_of(llm), sentrial_client=gone, session_id="sess_1")
        assert openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES).choices[0].message.content == "Hello!"
        assert len(list(openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True))) == 4
        gone.close(timeout=0.1)


def test_what_is_no_client_is_given_back_as_it_is() -> None:
    thing = object()
    assert wrap_openai(thing) is thing


def test_what_another_library_put_around_post_stays(
    llm: LlmStub, client: SentrialClient, session_id: str, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    openai = openai_of(llm)
    post: Any = openai.post

    @functools.wraps(post)
    def instrumented(path: str, **request: Any) -> Any:
        seen.append(path)
        return post(path, **request)

    monkeypatch.setattr(openai, "post", instrumented)
    llm.then(chat("Hello!"))
    wrap_openai(openai, sentrial_client=client, session_id=session_id).chat.completions.create(
        model="gpt-4o-mini", messages=MESSAGES
    )
    assert seen == ["/chat/completions"]
    assert len(calls(recorded, client)) == 1


def test_a_client_that_only_looks_like_openais_is_recorded_by_its_methods(
    client: SentrialClient, session_id: str, recorded: Recorded
) -> None:
    """As the program of the published package has one (test/wire/published_sdk.py)."""

    def create(*, model: str, messages: Any, stream: bool = False) -> Any:
        if model == "gpt-broken":
            raise RuntimeError("rate limited")
        usage = SimpleNamespace(prompt_tokens=1000, completion_tokens=500, total_tokens=1500)
        if stream:
            parts = [
                SimpleNamespace(choices=[SimpleNamespace(delta=SimpleNamespace(content=text))], usage=None)
                for text in ("str", "eam")
            ]
            return iter([*parts, SimpleNamespace(choices=[], usage=usage)])
        return SimpleNamespace(usage=usage, choices=[SimpleNamespace(message=SimpleNamespace(content="Hello!"))])

    looks = SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=create)))
    openai = wrap_openai(looks, sentrial_client=client, session_id=session_id)
    assert openai.chat.completions.create(model="gpt-4o", messages=MESSAGES).choices[0].message.content == "Hello!"
    assert len(list(openai.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True))) == 3
    with pytest.raises(RuntimeError):
        openai.chat.completions.create(model="gpt-broken", messages=MESSAGES)
    found = calls(recorded, client)
    assert [(call["model"], call["response"], call["totalTokens"]) for call in found] == [
        ("gpt-4o", "Hello!", 1500),
        ("gpt-4o-mini", "stream", 1500),
        ("gpt-broken", None, None),
    ]
    assert found[2]["toolError"] == {"message": "rate limited", "type": "RuntimeError"}
