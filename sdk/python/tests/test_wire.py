"""A program written for the published package runs with this one, and leaves on the server what was recorded of it."""

from __future__ import annotations

import json
import urllib.request
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from .support.programs import PUBLISHED, run_published

if TYPE_CHECKING:
    from .support.server import Project

WIRE = PUBLISHED.parent
SCENARIOS = ["full_session", "interactions", "asynchronous", "batching", "decorators", "redacted"]


def replay(project: Project, scenario: str) -> list[str]:
    """Sends the recorded requests; gives the ids of the sessions that the server made, in order."""
    sessions: list[str] = []
    for pair in json.loads((WIRE / f"{scenario}.json").read_text()):
        asked = pair["request"]
        if asked["path"] == "/api/sdk/pii-config":
            continue
        text = json.dumps(asked)
        for number, session in enumerate(sessions, 1):
            text = text.replace(f"{{session {number}}}", session)
        asked = json.loads(text)
        request = urllib.request.Request(
            project.url + asked["path"],
            json.dumps(asked["body"]).encode(),
            {"Authorization": f"Bearer {project.key}", "Content-Type": "application/json"},
            method=asked["method"],
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            said = json.load(answer)
        if asked["method"] == "POST" and asked["path"] == "/api/sdk/sessions":
            sessions.append(said["id"])
    return sessions


def run(project: Project, scenario: str) -> list[str]:
    """Runs the program with this package; gives the ids of the sessions that it made, in order."""
    before = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    run_published(scenario, project.environment())
    return [session["id"] for session in project.sessions(createdAfter=before)]


FIELDS = [
    "name",
    "agentName",
    "userId",
    "convoId",
    "status",
    "success",
    "failureReason",
    "userInput",
    "assistantOutput",
    "customMetrics",
    "promptTokens",
    "completionTokens",
    "totalTokens",
    "estimatedCost",
    "eventCount",
    "toolCallCount",
    "decisionCount",
    "llmCallCount",
    "errorCount",
]
EVENT_FIELDS = [
    "__typename",
    "toolName",
    "toolInput",
    "toolOutput",
    "reasoning",
    "alternativesConsidered",
    "confidence",
    "errorMessage",
    "errorType",
    "totalTokens",
    "traceId",
    "spanId",
]


def seen(project: Project, sessions: list[str]) -> list[dict[str, Any]]:
    """What matters of the sessions, the same for both ways to tell it."""
    result = []
    for session in map(project.session, sessions):
        # What the published package loses in an asynchronous session (test/wire/published_sdk.py), this one reports.
        events = [event for event in session["events"] if event.get("toolName") != "async_fetch"]
        lost = len(session["events"]) - len(events)
        kept = {name: session[name] for name in FIELDS}
        kept["name"] = kept["name"].split(":")[0]  # a random id follows
        kept["eventCount"] -= lost
        kept["toolCallCount"] -= lost
        kept["parent"] = session["parentSessionId"] is not None
        told = session["metadata"] or {}
        kept["metadata"] = {name: value for name, value in told.items() if name not in ("input", "convo_id", "event_id")}
        kept["events"] = [
            {
                **{name: event.get(name) for name in EVENT_FIELDS},
                "cost": event["estimatedCost"] or 0,
                "timed": event["durationMs"] is not None,
                "failed": event.get("toolError") is not None and event["__typename"] == "ToolCallEvent",
            }
            for event in events
        ]
        result.append(kept)
    return sorted(result, key=json.dumps)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_leaves_the_same_as_the_recording_of(project: Project, scenario: str) -> None:
    expected = seen(project, replay(project, scenario))
    assert expected
    assert seen(project, run(project, scenario)) == expected
