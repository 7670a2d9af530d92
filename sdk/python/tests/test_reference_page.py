"""Each sample of the reference page of the Python SDK runs as printed there (tests/samples/), and does what it says."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sentrial import SentrialClient

if TYPE_CHECKING:
    from .support.server import Project

SAMPLES = Path(__file__).parent / "samples"


def run_sample(name: str, **given: Any) -> dict[str, Any]:
    """Runs the sample where the names in ``given`` exist. The value of its last expression is ``returned``."""
    tree = ast.parse((SAMPLES / f"{name}.py").read_text())
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        tree.body[-1] = ast.fix_missing_locations(ast.Assign([ast.Name("returned", ast.Store())], last.value))
    space: dict[str, Any] = dict(given)
    exec(compile(ast.fix_missing_locations(tree), name, "exec"), space)
    return space


@pytest.fixture
def session_id(client: SentrialClient) -> str:
    made: str = run_sample("create_session", client=client)["session_id"]
    return made


def only_event(project: Project, client: SentrialClient, session_id: str, returned: object) -> dict[str, Any]:
    """The session's one event, which the call must have named."""
    assert client.flush()
    (event,) = project.session(session_id)["events"]
    assert type(returned) is str
    assert event["id"] == returned
    assert re.fullmatch("evt_[0-9a-f]{32}", returned)
    return dict(event)


def test_constructor() -> None:
    client = run_sample("constructor")["client"]
    assert isinstance(client, SentrialClient)
    assert client.api_url == "https://api.realm.ai"


def test_constructor_takes_what_is_left_out_from_the_environment(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**project.environment(), "SENTRIAL_PROJECT_ID": "your-project-id"}.items():
        monkeypatch.setenv(name, value)
    with SentrialClient() as client:
        session_id = client.create_session(name="from the environment")
    assert project.session(session_id)["metadata"] == {"project_id": "your-project-id"}


def test_without_a_url_it_is_the_local_server() -> None:
    assert SentrialClient(api_key="key").api_url == "http://localhost:3001"


def test_create_session(project: Project, client: SentrialClient) -> None:
    session_id = run_sample("create_session", client=client)["session_id"]
    assert type(session_id) is str
    assert client.flush()
    session = project.session(session_id)
    assert session["name"] == "Customer Support Agent"
    assert session["userId"] == "user_123"
    assert session["metadata"] == {"user_id": "user_123", "environment": "production"}
    assert session["status"] == "ACTIVE"


def test_get_session(client: SentrialClient, session_id: str) -> None:
    session = run_sample("get_session", client=client, session_id=session_id)["session"]
    assert type(session) is dict
    assert session["id"] == session_id
    assert session["name"] == "Customer Support Agent"
    assert session["status"] == "active"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", session["created_at"])
    assert session["metadata"] == {"user_id": "user_123", "environment": "production"}


def test_close_session(project: Project, client: SentrialClient, session_id: str) -> None:
    assert run_sample("close_session", client=client, session_id=session_id)["returned"] is None
    assert client.flush()
    session = project.session(session_id)
    assert (session["status"], session["success"]) == ("COMPLETED", True)
    assert session["summary"] == "Successfully helped user reset password"


@pytest.mark.parametrize(("status", "kept"), [("error", ("FAILED", False)), ("cancelled", ("CANCELLED", None))])
def test_close_session_with_the_other_statuses(
    project: Project, client: SentrialClient, session_id: str, status: str, kept: tuple[str, bool | None]
) -> None:
    client.close_session(session_id, status=status)
    assert client.flush()
    session = project.session(session_id)
    assert (session["status"], session["success"]) == kept


def test_track_tool_call(project: Project, client: SentrialClient, session_id: str) -> None:
    returned = run_sample("track_tool_call", client=client, session_id=session_id)["returned"]
    event = only_event(project, client, session_id, returned)
    assert event["__typename"] == "ToolCallEvent"
    assert event["toolName"] == "search_knowledge_base"
    assert event["toolInput"] == {"query": "password reset", "max_results": 5}
    assert event["toolOutput"] == {"articles": ["KB-001", "KB-002"], "relevance_scores": [0.95, 0.87]}
    assert event["reasoning"] == "User mentioned password issues"
    assert (event["durationMs"], event["status"]) == (150, "success")


def test_track_decision(project: Project, client: SentrialClient, session_id: str) -> None:
    returned = run_sample("track_decision", client=client, session_id=session_id)["returned"]
    event = only_event(project, client, session_id, returned)
    assert event["__typename"] == "LlmDecisionEvent"
    assert event["reasoning"] == "User has tried KB articles. Escalating to human support."
    assert event["alternativesConsidered"] == [
        "Try another knowledge base article",
        "Ask user for more details",
        "Escalate to human support",
    ]
    assert (event["chosen"], event["confidence"]) == ("Escalate to human support", 0.85)
    assert event["metadata"] == {"kb_articles_tried": 3, "user_frustration_level": "high"}


def test_track_llm_call(project: Project, client: SentrialClient, session_id: str) -> None:
    returned = run_sample("track_llm_call", client=client, session_id=session_id)["returned"]
    event = only_event(project, client, session_id, returned)
    assert event["__typename"] == "LlmCallEvent"
    assert event["model"] == "gpt-4"
    assert event["prompt"] == "Generate a professional password reset email..."
    assert event["response"] == "Dear user, here's how to reset your password..."
    assert (event["totalTokens"], event["promptTokens"], event["completionTokens"]) == (250, 100, 150)
    assert (event["estimatedCost"], event["durationMs"]) == (0.005, 1200)


def test_track_error(project: Project, client: SentrialClient, session_id: str) -> None:
    returned = run_sample("track_error", client=client, session_id=session_id)["returned"]
    event = only_event(project, client, session_id, returned)
    assert event["__typename"] == "ErrorEvent"
    assert (event["errorType"], event["errorMessage"]) == ("APIError", "Knowledge base API timeout")
    assert event["errorStack"] == "Traceback (most recent call last):\n..."
    assert (event["recoverable"], event["recoveryAction"]) == (True, "Retry with fallback search")


def test_types() -> None:
    space = run_sample("types")
    for name in ("Session", "Event", "ToolCall", "Decision", "LLMCall", "ErrorEvent"):
        assert space[name].__total__ is False
    assert {"id", "name", "status", "created_at", "metadata"} <= set(space["Session"].__annotations__)
