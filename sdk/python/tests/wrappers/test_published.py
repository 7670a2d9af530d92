"""The program written for the published package (test/wire/published_sdk.py): its parts that wrap libraries run unchanged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..support.programs import run_published

if TYPE_CHECKING:
    from ..support.server import Project


def run(scenario: str, project: Project) -> dict[str, Any]:
    """What the program prints."""
    printed: dict[str, Any] = json.loads(run_published(scenario, project.environment()))
    return printed


def test_langchain(project: Project) -> None:
    printed = run("langchain", project)
    session = project.session(printed["session"])
    calls = [event for event in session["events"] if event["eventType"] == "TOOL_CALL"]
    assert [(call["toolName"], call["toolOutput"], call["status"]) for call in calls] == [
        ("weather", "sunny in Paris", "success"),
        ("broken", None, "error"),
        ("weather", "sunny in Rome", "success"),
    ]
    assert calls[2]["reasoning"] == "Rome is next"
    assert [event["model"] for event in session["events"] if event["eventType"] == "LLM_CALL"] == ["GenericFakeChatModel"] * 2
    assert "Agent completed: It is sunny in Paris." in [event["reasoning"] for event in session["events"]]
    assert (session["status"], session["customMetrics"]) == ("COMPLETED", {"quality": 4.5})
    assert (session["promptTokens"], session["completionTokens"], session["totalTokens"]) == (40, 20, 60)
    assert (session["userInput"], session["assistantOutput"]) == ("What is the weather in Paris?", "It is sunny in Paris.")
    assert (printed["usage"]["llm_calls"], printed["usage"]["total_tokens"]) == (2, 60)


def test_wrapped_openai(project: Project) -> None:
    session = project.session(run("wrapped_openai", project)["session"])
    assert [(event["model"], event["response"], event["totalTokens"]) for event in session["events"]] == [
        ("gpt-4o", "Hello!", 1500),
        ("gpt-4o-mini", "stream", 1500),
        ("gpt-broken", None, None),
    ]
    assert (session["promptTokens"], session["completionTokens"], session["totalTokens"]) == (2000, 1000, 3000)
    assert session["estimatedCost"] == 0.00795
