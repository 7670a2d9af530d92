"""A scripted LangChain model, tools for it, and what was recorded."""

from __future__ import annotations

from typing import Any, Callable

from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool

PROMPT = ChatPromptTemplate.from_messages([("user", "{input}"), ("placeholder", "{agent_scratchpad}")])
ASK: Any = {"messages": [("user", "What is 2 + 3?")]}
Read = Callable[[], "dict[str, Any]"]


class Scripted(FakeMessagesListChatModel):
    """A chat model that says its lines; it takes tools, and leaves them alone."""

    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return self.bind(tools=[getattr(each, "name", str(each)) for each in tools])


def calling(name: str, args: dict[str, Any], *, id: str = "call_1", thought: Any = "I need the sum.") -> AIMessage:
    usage: Any = {"input_tokens": 20, "output_tokens": 5, "total_tokens": 25}
    return AIMessage(content=thought, tool_calls=[{"name": name, "args": args, "id": id}], usage_metadata=usage)


def scripted(*lines: AIMessage | str) -> Scripted:
    return Scripted(responses=[AIMessage(line) if isinstance(line, str) else line for line in lines])


@tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@tool
def broken(city: str) -> str:
    """Always fails."""
    raise RuntimeError(f"no such city: {city}")


def kinds(session: dict[str, Any]) -> list[str]:
    return [event["eventType"] for event in session["events"]]


def of_kind(session: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [event for event in session["events"] if event["eventType"] == kind]
