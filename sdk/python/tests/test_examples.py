"""The client's examples (examples/python/) run as they are, and leave on the server what they say."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from .support.programs import run_program

if TYPE_CHECKING:
    from .support.server import Project

EXAMPLES = Path(__file__).parents[3] / "examples" / "python"
README = Path(__file__).parents[1] / "README.md"


def run_example(project: Project, name: str) -> list[str]:
    lines, _ = run_program((EXAMPLES / name).read_text(), project.environment())
    return lines


def test_quickstart(project: Project) -> None:
    (line,) = run_example(project, "quickstart.py")
    session = ast.literal_eval(line)
    assert (session["status"], session["event_count"], session["total_tokens"]) == ("completed", 3, 120)
    assert [event["__typename"] for event in project.session(session["id"])["events"]] == [
        "ToolCallEvent",
        "LlmDecisionEvent",
        "LlmCallEvent",
    ]


def test_decorators(project: Project) -> None:
    session_id, answer = run_example(project, "decorators.py")
    session = project.session(session_id)
    assert session["assistantOutput"] == answer == "See KB-001; the mail could not be sent"
    assert [event["toolName"] for event in session["events"]] == ["search_knowledge_base", "send_mail"]
    assert session["errorCount"] == 1


def test_async_agent(project: Project) -> None:
    sessions = [project.session(session_id) for session_id in run_example(project, "async_agent.py")]
    assert [session["assistantOutput"] for session in sessions] == ["42"] * 3
    assert {session["convoId"] for session in sessions} == {"convo_1"}
    assert "[EMAIL:" in sessions[2]["userInput"]
    assert "ann@example.com" not in sessions[2]["userInput"]


def test_the_first_program_of_the_readme(project: Project) -> None:
    text = README.read_text().split("```python\n", 1)[1].split("```", 1)[0]
    (line,) = run_program(text, project.environment())[0]
    session = project.session(line)
    assert session["status"] == "COMPLETED"
    assert [event["toolName"] for event in session["events"]] == ["search_kb"]
