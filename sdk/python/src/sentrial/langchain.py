"""Callback handlers that record what LangChain agents, LangGraph graphs, chains, models and tools do."""

# ruff: noqa: ARG002 - LangChain decides which arguments a callback has

from __future__ import annotations

import contextlib
import inspect
import logging
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

try:
    from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
    from langchain_core.tracers.context import register_configure_hook
except ImportError as error:
    raise ImportError("The LangChain handlers need langchain-core: pip install langchain-core") from error

from .at_once import finish_at_once
from .langchain_messages import described_messages
from .langchain_trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from langchain_core.agents import AgentAction, AgentFinish
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import LLMResult

    from .context import Client
    from .langchain_trace import Report

__all__ = ["AsyncSentrialCallbackHandler", "SentrialCallbackHandler"]

_log = logging.getLogger("sentrial")


class _Events:
    """LangChain's callbacks, each as what to report."""

    def __init__(
        self,
        client: Client,
        session_id: str,
        verbose: bool = False,
        track_chain_of_thought: bool = True,
        track_tool_errors: bool = True,
        *,
        track_llm_calls: bool = True,
    ) -> None:
        super().__init__()
        self.client = client
        self.session_id = session_id
        self.verbose = verbose
        self.run_inline = True  # in order, and in the run's own context
        self._trace = Trace(
            session_id,
            chain_of_thought=track_chain_of_thought,
            tool_errors=track_tool_errors,
            model_calls=track_llm_calls,
        )
        self._began = time.monotonic()
        self._below = self._make_below()

    def _make_below(self) -> BaseCallbackHandler:
        raise NotImplementedError

    @property
    def duration_ms(self) -> int:
        """Milliseconds since this handler was made."""
        return round((time.monotonic() - self._began) * 1_000)

    def set_input(self, user_input: Any) -> None:
        """What the user asked, where that is not what the agent is given."""
        self._trace.given = user_input

    def get_usage_summary(self) -> dict[str, Any]:
        """``llm_calls``, ``total_prompt_tokens``, ``total_completion_tokens``, ``total_tokens``, ``total_cost`` (US dollars, by
        list price), ``model`` (the last one), ``duration_ms``."""
        used = self._trace.models
        return {
            "llm_calls": used.calls,
            "total_prompt_tokens": used.prompt_tokens,
            "total_completion_tokens": used.completion_tokens,
            "total_tokens": used.prompt_tokens + used.completion_tokens,
            "total_cost": round(used.cost, 10),
            "model": used.model,
            "duration_ms": self.duration_ms,
        }

    def _outcome(self, success: bool, failure_reason: str | None, custom_metrics: dict[str, Any] | None) -> dict[str, Any]:
        return {
            "success": success,
            "failure_reason": failure_reason,
            "custom_metrics": custom_metrics,
            "duration_ms": self.duration_ms,
            "user_input": self._trace.given,
            "assistant_output": self._trace.output,
        }

    def _on_chain_start(self, inputs: Any, run: dict[str, Any]) -> list[Report]:
        if run.get("parent_run_id") is None:
            _below.set(self._below)
        return self._trace.chain_start(run["run_id"], run.get("parent_run_id"), run.get("name"), run.get("metadata"), inputs)

    def _on_chain_end(self, outputs: Any, run: dict[str, Any]) -> list[Report]:
        self._leave(run)
        return self._trace.chain_end(run["run_id"], outputs)

    def _on_chain_error(self, error: BaseException, run: dict[str, Any]) -> list[Report]:
        self._leave(run)
        return self._trace.chain_error(run["run_id"], error)

    def _leave(self, run: dict[str, Any]) -> None:
        if run.get("parent_run_id") is None and _below.get() is self._below:
            _below.set(None)

    def _on_model_start(self, serialized: dict[str, Any] | None, prompt: Any, run: dict[str, Any]) -> list[Report]:
        described = serialized or {}
        name = described.get("name") or next(reversed(described.get("id") or [None]))
        parameters = run.get("invocation_params")
        return self._trace.model_start(run["run_id"], run.get("parent_run_id"), prompt, name, run.get("metadata"), parameters)

    def _on_tool_start(self, serialized: dict[str, Any] | None, text: str, run: dict[str, Any]) -> list[Report]:
        name = (serialized or {}).get("name") or run.get("name") or "unknown"
        inputs = run.get("inputs")
        return self._trace.tool_start(
            run["run_id"],
            run.get("parent_run_id"),
            name,
            text if inputs is None else inputs,
            run.get("tool_call_id"),
            run.get("metadata"),
        )

    def _on_agent_action(self, action: AgentAction, run: dict[str, Any]) -> list[Report]:
        from_model = bool(getattr(action, "message_log", None))
        return self._trace.agent_action(run["run_id"], action.tool, action.log, from_model=from_model)

    def _on_agent_finish(self, finish: AgentFinish, run: dict[str, Any]) -> list[Report]:
        return self._trace.agent_finish(run["run_id"], finish.log, finish.return_values)

    def _tell(self, report: Report) -> Any:
        method, arguments = report
        if self.verbose:
            print(f"[Sentrial] {_line(method, arguments)}")
        return getattr(self.client, method)(**arguments)


class SentrialCallbackHandler(_Events, BaseCallbackHandler):
    """Records what runs with it into a session: ``callbacks=[handler]`` of an agent, or of one ``invoke``.

    - each tool call, with input, output or error, and the reasoning that led to it
    - each model call: messages, answer, tokens, cost by list price
    - with ``track_chain_of_thought``, each thought that a model or a classic agent put before its tool calls, as a
      decision
    - when an agent or chain that is not part of another ends: the session's completion, with its input and output, or
      its failure

    What runs inside a tool, an agent say, has that tool call as its parent event. ``client``: an AsyncSentrialClient
    will do while it batches. ``verbose`` prints a line for each thing recorded. Without ``track_tool_errors`` tool calls
    that fail are left out, without ``track_llm_calls`` model calls.

    May be shared by threads. Nothing that goes wrong in recording reaches the agent.
    """

    def _make_below(self) -> BaseCallbackHandler:
        return _Below(self)

    def finish(self, success: bool = True, failure_reason: str | None = None, custom_metrics: dict[str, Any] | None = None) -> Any:
        """Ends the session as you see it. Without this call the outermost run's end is the session's."""
        return self.client.complete_session(self.session_id, **self._outcome(success, failure_reason, custom_metrics))

    def _report(self, make: Callable[[], list[Report]]) -> None:
        try:
            for report in make():
                told = self._tell(report)
                if inspect.iscoroutine(told):
                    finish_at_once(told)
        except Exception as error:
            _unrecorded(error)

    def on_chain_start(self, serialized: dict[str, Any] | None, inputs: Any, **run: Any) -> None:
        self._report(lambda: self._on_chain_start(inputs, run))

    def on_chain_end(self, outputs: Any, **run: Any) -> None:
        self._report(lambda: self._on_chain_end(outputs, run))

    def on_chain_error(self, error: BaseException, **run: Any) -> None:
        self._report(lambda: self._on_chain_error(error, run))

    def on_chat_model_start(self, serialized: dict[str, Any] | None, messages: list[list[BaseMessage]], **run: Any) -> None:
        self._report(lambda: self._on_model_start(serialized, _conversation(messages), run))

    def on_llm_start(self, serialized: dict[str, Any] | None, prompts: list[str], **run: Any) -> None:
        self._report(lambda: self._on_model_start(serialized, _single(prompts), run))

    def on_llm_new_token(self, token: Any, *, run_id: UUID, **run: Any) -> None:
        self._trace.model_token(run_id)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **run: Any) -> None:
        self._report(lambda: self._trace.model_end(run_id, response))

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **run: Any) -> None:
        self._report(lambda: self._trace.model_error(run_id, error, run.get("response")))

    def on_tool_start(self, serialized: dict[str, Any] | None, input_str: str, **run: Any) -> None:
        self._report(lambda: self._on_tool_start(serialized, input_str, run))

    def on_tool_end(self, output: Any, *, run_id: UUID, **run: Any) -> None:
        self._report(lambda: self._trace.tool_end(run_id, output))

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **run: Any) -> None:
        self._report(lambda: self._trace.tool_error(run_id, error))

    def on_agent_action(self, action: AgentAction, **run: Any) -> None:
        self._report(lambda: self._on_agent_action(action, run))

    def on_agent_finish(self, finish: AgentFinish, **run: Any) -> None:
        self._report(lambda: self._on_agent_finish(finish, run))


class AsyncSentrialCallbackHandler(_Events, AsyncCallbackHandler):
    """``SentrialCallbackHandler`` for code that runs agents with ``ainvoke`` and ``astream``; either client will do."""

    def _make_below(self) -> BaseCallbackHandler:
        return _AsyncBelow(self)

    async def finish(
        self, success: bool = True, failure_reason: str | None = None, custom_metrics: dict[str, Any] | None = None
    ) -> Any:
        """Ends the session as you see it. Without this call the outermost run's end is the session's."""
        told = self.client.complete_session(self.session_id, **self._outcome(success, failure_reason, custom_metrics))
        return await told if inspect.isawaitable(told) else told

    async def _report(self, make: Callable[[], list[Report]]) -> None:
        try:
            for report in make():
                told = self._tell(report)
                if inspect.isawaitable(told):
                    await told
        except Exception as error:
            _unrecorded(error)

    async def on_chain_start(self, serialized: dict[str, Any] | None, inputs: Any, **run: Any) -> None:
        await self._report(lambda: self._on_chain_start(inputs, run))

    async def on_chain_end(self, outputs: Any, **run: Any) -> None:
        await self._report(lambda: self._on_chain_end(outputs, run))

    async def on_chain_error(self, error: BaseException, **run: Any) -> None:
        await self._report(lambda: self._on_chain_error(error, run))

    async def on_chat_model_start(self, serialized: dict[str, Any] | None, messages: list[list[BaseMessage]], **run: Any) -> None:
        await self._report(lambda: self._on_model_start(serialized, _conversation(messages), run))

    async def on_llm_start(self, serialized: dict[str, Any] | None, prompts: list[str], **run: Any) -> None:
        await self._report(lambda: self._on_model_start(serialized, _single(prompts), run))

    async def on_llm_new_token(self, token: Any, *, run_id: UUID, **run: Any) -> None:
        self._trace.model_token(run_id)

    async def on_llm_end(self, response: LLMResult, *, run_id: UUID, **run: Any) -> None:
        await self._report(lambda: self._trace.model_end(run_id, response))

    async def on_llm_error(self, error: BaseException, *, run_id: UUID, **run: Any) -> None:
        await self._report(lambda: self._trace.model_error(run_id, error, run.get("response")))

    async def on_tool_start(self, serialized: dict[str, Any] | None, input_str: str, **run: Any) -> None:
        await self._report(lambda: self._on_tool_start(serialized, input_str, run))

    async def on_tool_end(self, output: Any, *, run_id: UUID, **run: Any) -> None:
        await self._report(lambda: self._trace.tool_end(run_id, output))

    async def on_tool_error(self, error: BaseException, *, run_id: UUID, **run: Any) -> None:
        await self._report(lambda: self._trace.tool_error(run_id, error))

    async def on_agent_action(self, action: AgentAction, **run: Any) -> None:
        await self._report(lambda: self._on_agent_action(action, run))

    async def on_agent_finish(self, finish: AgentFinish, **run: Any) -> None:
        await self._report(lambda: self._on_agent_finish(finish, run))


# A handler given to an agent's constructor, as `AgentExecutor(callbacks=[handler])`, is not told of the models and tools
# inside it: LangChain passes on only what an `invoke` was given. So while such an agent runs, each run below it also
# gets a handler from this variable, through LangChain's own hook.

_EVENTS = (
    "on_chain_start",
    "on_chain_end",
    "on_chain_error",
    "on_chat_model_start",
    "on_llm_start",
    "on_llm_new_token",
    "on_llm_end",
    "on_llm_error",
    "on_tool_start",
    "on_tool_end",
    "on_tool_error",
    "on_agent_action",
    "on_agent_finish",
)


class _Below(BaseCallbackHandler):
    """Passes on to a handler what happens below runs that it knows. What it is told twice it records once."""

    run_inline = True

    def __init__(self, handler: _Events) -> None:
        self._handler = handler

    def _concerns(self, run: dict[str, Any]) -> bool:
        trace = self._handler._trace
        return trace.knows(run.get("parent_run_id")) or trace.knows(run.get("run_id"))


class _AsyncBelow(_Below, AsyncCallbackHandler):
    pass


def _passing(event: str) -> Any:
    def pass_on(self: _Below, *args: Any, **run: Any) -> None:
        if self._concerns(run):
            getattr(self._handler, event)(*args, **run)

    return pass_on


def _async_passing(event: str) -> Any:
    async def pass_on(self: _Below, *args: Any, **run: Any) -> None:
        if self._concerns(run):
            await getattr(self._handler, event)(*args, **run)

    return pass_on


for _event in _EVENTS:
    setattr(_Below, _event, _passing(_event))
    setattr(_AsyncBelow, _event, _async_passing(_event))

_below: ContextVar[BaseCallbackHandler | None] = ContextVar("sentrial_langchain_below", default=None)
register_configure_hook(_below, inheritable=True)


def _conversation(messages: Sequence[Sequence[BaseMessage]]) -> Any:
    return _single([described_messages(batch) for batch in messages])


def _single(prompts: Sequence[Any]) -> Any:
    return prompts[0] if len(prompts) == 1 else list(prompts)


def _line(method: str, arguments: dict[str, Any]) -> str:
    what = method.replace("track_", "").replace("_", " ")
    told = arguments.get("tool_name") or arguments.get("model") or arguments.get("reasoning") or arguments.get("error_message")
    status = arguments.get("failure_reason") or arguments.get("status") or ""
    return " · ".join(str(part) for part in (what, told, status) if part)[:300]


def _unrecorded(error: Exception) -> None:
    with contextlib.suppress(Exception):
        _log.warning("A LangChain event is not recorded: %s: %s", type(error).__name__, error)
