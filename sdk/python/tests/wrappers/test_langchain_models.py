"""What is recorded of LangChain's models: answers, tokens, failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from .langchain_script import ASK, PROMPT, Read, Scripted, add, kinds, of_kind, scripted
from .llm_stub import chat, chat_chunks, claude, claude_events

if TYPE_CHECKING:
    from sentrial import SentrialCallbackHandler

    from .llm_stub import LlmStub


def test_a_model_that_fails_is_a_failed_call_and_a_failed_session(handler: SentrialCallbackHandler, read: Read) -> None:
    class Down(Scripted):
        def _generate(self, *_: Any, **__: Any) -> ChatResult:
            raise ConnectionError("model is down")

    with pytest.raises(ConnectionError):
        create_agent(Down(responses=[]), [add]).invoke(ASK, config={"callbacks": [handler]})
    session = read()
    assert kinds(session) == ["LLM_CALL", "ERROR"]
    assert (session["events"][0]["status"], session["events"][0]["toolError"]["type"]) == ("error", "ConnectionError")
    assert (session["status"], session["failureReason"]) == ("FAILED", "model is down")


def test_streamed_tokens_are_put_together_and_the_first_one_is_timed(handler: SentrialCallbackHandler, read: Read) -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("A streamed answer")]))
    chunks = list((PROMPT | model).stream({"input": "Hello"}, config={"callbacks": [handler]}))
    assert len(chunks) > 1
    session = read()
    [call] = of_kind(session, "LLM_CALL")
    assert call["response"] == "A streamed answer"
    assert call["metadata"]["time_to_first_token_ms"] <= call["durationMs"]
    assert session["assistantOutput"] == "A streamed answer"


def test_a_model_or_tool_by_itself_is_recorded_and_does_not_complete_the_session(
    handler: SentrialCallbackHandler, read: Read
) -> None:
    scripted("Hi").invoke("Hello", config={"callbacks": [handler]})
    FakeListLLM(responses=["Hi"]).invoke("Hello", config={"callbacks": [handler]})
    add.invoke({"a": 1, "b": 2}, config={"callbacks": [handler]})
    session = read()
    assert kinds(session) == ["LLM_CALL", "LLM_CALL", "TOOL_CALL"]
    assert [call["response"] for call in of_kind(session, "LLM_CALL")] == ["Hi", "Hi"]
    assert session["events"][1]["prompt"] == "Hello"
    assert session["events"][2]["toolOutput"] == 3
    assert session["status"] == "ACTIVE"


def test_real_openai_and_anthropic_models_report_model_and_tokens_whole_and_streamed(
    llm: LlmStub, handler: SentrialCallbackHandler, read: Read
) -> None:
    llm.then(chat("One"), chat_chunks("Two"), claude(cache_read=7000), claude_events("Four"))
    openai = ChatOpenAI(model="gpt-4o-mini", base_url=f"{llm.url}/v1", api_key=SecretStr("dummy"), stream_usage=True)
    anthropic = ChatAnthropic(model_name="claude-sonnet-4-6", base_url=llm.url, api_key=SecretStr("dummy"), timeout=None, stop=None)
    config: Any = {"callbacks": [handler]}
    openai.invoke("Hello", config=config)
    list(openai.stream("Hello", config=config))
    anthropic.invoke("Hello", config=config)
    list(anthropic.stream("Hello", config=config))
    calls = of_kind(read(), "LLM_CALL")
    assert [call["response"] for call in calls] == ["One", "Two", "Hello!", "Four"]
    assert [call["model"] for call in calls] == ["gpt-4o-mini-2024-07-18"] * 2 + ["claude-sonnet-4-6"] * 2
    assert [call["metadata"]["provider"] for call in calls] == ["openai"] * 2 + ["anthropic"] * 2
    assert [(call["promptTokens"], call["completionTokens"]) for call in calls] == [(1000, 500)] * 2 + [(8000, 500), (1000, 500)]
    assert calls[0]["estimatedCost"] == pytest.approx(0.00045)
    assert calls[2]["estimatedCost"] is None  # cached tokens have another price
    assert calls[2]["metadata"]["cache_read_tokens"] == 7000


@pytest.mark.parametrize(
    ("place", "reported"),
    [
        ("usage_metadata", {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}),
        ("response_metadata", {"token_usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}}),  # OpenAI
        ("response_metadata", {"usage": {"input_tokens": 2, "output_tokens": 4, "cache_read_input_tokens": 7}}),  # Anthropic
        ("response_metadata", {"usage": {"inputTokens": 9, "outputTokens": 4, "totalTokens": 13}}),  # Bedrock, converse
        ("response_metadata", {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 9, "outputTokenCount": 4}}),
        ("response_metadata", {"usage_metadata": {"prompt_token_count": 9, "candidates_token_count": 4}}),  # Google
        ("response_metadata", {"prompt_eval_count": 9, "eval_count": 4, "eval_duration": 10**9}),  # Ollama
        ("response_metadata", {"token_count": {"input_tokens": 9.0, "output_tokens": 4.0}}),  # Cohere
        ("llm_output", {"token_usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}}),
        ("llm_output", {"tokenUsage": {"promptTokens": 9, "completionTokens": 4}}),
        (
            "llm_output",
            {"usage": {"input_tokens": 2, "output_tokens": 4, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 4}},
        ),
        ("generation_info", {"prompt_eval_count": 9, "eval_count": 4}),
    ],
)
def test_tokens_are_found_wherever_an_integration_puts_them(
    handler: SentrialCallbackHandler, read: Read, place: str, reported: dict[str, Any]
) -> None:
    class Provider(Scripted):
        def _generate(self, *_: Any, **__: Any) -> ChatResult:
            of_message: Any = {place: reported} if place in ("usage_metadata", "response_metadata") else {}
            info = reported if place == "generation_info" else None
            generation = ChatGeneration(message=AIMessage("Hi", **of_message), generation_info=info)
            return ChatResult(generations=[generation], llm_output=reported if place == "llm_output" else None)

    Provider(responses=[]).invoke("Hello", config={"callbacks": [handler]})
    [call] = of_kind(read(), "LLM_CALL")
    assert (call["promptTokens"], call["completionTokens"], call["totalTokens"]) == (9, 4, 13)
