from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anthropic import Anthropic, AsyncAnthropic, BadRequestError, Stream
from anthropic.types import Message

from sentrial import AsyncSentrialClient, SentrialClient
from sentrial.anthropic import wrap_anthropic

from .llm_stub import claude, claude_events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Recorded
    from .llm_stub import LlmStub

MODEL = "claude-sonnet-4-6"
ASK: Any = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}]}
WEATHER: Any = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


@pytest.fixture
def anthropic(llm: LlmStub, client: SentrialClient, session_id: str) -> Iterator[Anthropic]:
    with wrap_anthropic(
        Anthropic(base_url=llm.url, api_key="dummy", max_retries=0), sentrial_client=client, session_id=session_id
    ) as wrapped:
        yield wrapped


def calls(recorded: Recorded, client: SentrialClient) -> list[dict[str, Any]]:
    client.flush()
    return [event for event in recorded.session()["events"] if event["eventType"] == "LLM_CALL"]


def test_a_message_is_recorded_with_system_prompt_answer_tokens_and_cost(
    llm: LlmStub, anthropic: Anthropic, client: SentrialClient, recorded: Recorded
) -> None:
    llm.then(claude())
    answer = anthropic.messages.create(**ASK, system="Be brief", service_tier="auto")
    assert isinstance(answer, Message)
    [call] = calls(recorded, client)
    assert call["model"] == MODEL
    assert call["prompt"] == [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hello"}]
    assert call["response"] == "Hello!"
    assert (call["promptTokens"], call["completionTokens"], call["totalTokens"]) == (1000, 500, 1500)
    assert call["estimatedCost"] == pytest.approx(1000 * 3 / 1e6 + 500 * 15 / 1e6)
    assert (call["metadata"]["provider"], call["metadata"]["finish_reason"]) == ("anthropic", "end_turn")
    assert call["metadata"]["parameters"] == {"max_tokens": 100, "service_tier": "auto"}


def test_cached_tokens_count_as_prompt_tokens_and_make_the_price_unknown(
    llm: LlmStub, anthropic: Anthropic, client: SentrialClient, recorded: Recorded
) -> None:
    llm.then(claude(cache_read=7000))
    anthropic.messages.create(**ASK)
    [call] = calls(recorded, client)
    assert (call["promptTokens"], call["totalTokens"], call["estimatedCost"]) == (8000, 8500, None)
    assert call["metadata"]["cache_read_tokens"] == 7000


def test_thinking_and_tool_calls_are_part_of_the_answer(
    llm: LlmStub, anthropic: Anthropic, client: SentrialClient, recorded: Recorded
) -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "Hm", "signature": "sig"},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}},
    ]
    llm.then(claude(*blocks))
    anthropic.messages.create(**ASK, tools=[WEATHER])
    [call] = calls(recorded, client)
    assert call["response"] == blocks


def test_streams_of_create_and_of_stream_are_put_together(
    llm: LlmStub, anthropic: Anthropic, client: SentrialClient, recorded: Recorded
) -> None:
    llm.then(claude_events("Hel", "lo!"), claude_events("Wait", tool=("weather", {"city": "Paris"})))
    stream = anthropic.messages.create(**ASK, stream=True)
    assert isinstance(stream, Stream)
    assert [event.type for event in stream][-1] == "message_stop"
    with anthropic.messages.stream(**ASK, tools=[WEATHER]) as helper:
        assert "".join(helper.text_stream) == "Wait"
        assert helper.get_final_message().stop_reason == "tool_use"
    created, helped = calls(recorded, client)
    assert (created["response"], created["promptTokens"], created["completionTokens"]) == ("Hello!", 1000, 500)
    assert helped["response"] == [
        {"type": "text", "text": "Wait"},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}},
    ]
    assert helped["metadata"]["finish_reason"] == "tool_use"
    assert helped["metadata"]["time_to_first_token_ms"] <= helped["durationMs"]


def test_a_stream_that_is_left_early_is_recorded_as_far_as_it_came(
    llm: LlmStub, anthropic: Anthropic, client: SentrialClient, recorded: Recorded
) -> None:
    llm.then(claude_events("Hel", "lo!"))
    with anthropic.messages.create(**ASK, stream=True) as stream:
        for event in stream:
            if event.type == "content_block_delta":
                break
    [call] = calls(recorded, client)
    assert (call["response"], call["metadata"]["closed_early"]) == ("Hel", True)


def test_beta_messages_raw_responses_and_copies_are_recorded_and_counting_tokens_is_not(
    llm: LlmStub, anthropic: Anthropic, client: SentrialClient, recorded: Recorded
) -> None:
    llm.then(claude(), claude(), claude(), {"input_tokens": 9})
    anthropic.beta.messages.create(**ASK)
    assert anthropic.messages.with_raw_response.create(**ASK).parse().content[0].type == "text"
    anthropic.with_options(timeout=5).messages.create(**ASK)
    assert anthropic.messages.count_tokens(model=MODEL, messages=ASK["messages"]).input_tokens == 9
    assert [call["response"] for call in calls(recorded, client)] == ["Hello!"] * 3


def test_an_error_is_recorded_and_reaches_the_caller(
    llm: LlmStub, anthropic: Anthropic, client: SentrialClient, recorded: Recorded
) -> None:
    llm.then({"status": 400, "error": {"type": "invalid_request_error", "message": "max_tokens is too large"}})
    with pytest.raises(BadRequestError) as raised:
        anthropic.messages.create(**ASK)
    [call] = calls(recorded, client)
    assert (call["status"], call["toolError"]) == ("error", {"message": str(raised.value), "type": "BadRequestError"})


async def test_the_asynchronous_client_is_recorded_whole_and_streamed(
    llm: LlmStub, async_client: AsyncSentrialClient, recorded: Recorded
) -> None:
    llm.then(claude(), claude_events("Created"), claude_events("Helped"))
    anthropic = wrap_anthropic(AsyncAnthropic(base_url=llm.url, api_key="dummy"))
    async with await async_client.begin(user_id=recorded.user_id, event="assistant"):
        await anthropic.messages.create(**ASK)
        async for _ in await anthropic.messages.create(**ASK, stream=True):
            pass
        async with anthropic.messages.stream(**ASK) as helper:
            assert (await helper.get_final_text()) == "Helped"
    await async_client.flush()
    events = recorded.session()["events"]
    assert [call["response"] for call in events] == ["Hello!", "Created", "Helped"]
    assert [call["totalTokens"] for call in events] == [1500] * 3


def test_a_client_that_raises_changes_nothing(llm: LlmStub) -> None:
    class Broken(SentrialClient):
        def track_llm_call(self, *_: Any, **__: Any) -> str:
            raise RuntimeError("broken")

    broken = Broken(api_key="sentrial_live_x", api_url="http://127.0.0.1:9")
    anthropic = wrap_anthropic(Anthropic(base_url=llm.url, api_key="dummy"), sentrial_client=broken, session_id="sess_1")
    llm.then(claude(), claude_events("Hello!"))
    assert anthropic.messages.create(**ASK).content[0].type == "text"
    assert len(list(anthropic.messages.create(**ASK, stream=True))) == 6
    broken.close(timeout=0.1)
