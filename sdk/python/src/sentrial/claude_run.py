"""One run of a Claude agent, read off its stream of messages and told to a client."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from .at_once import finish_at_once
from .claude_messages import blocks_of, failure_of, kind_of, output_of, text_of
from .claude_spending import Totals
from .context import get_current_session_id
from .ids import new_id

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Mapping

    from .async_client import AsyncSentrialClient
    from .claude_spending import Ledger

_log = logging.getLogger("sentrial")

INTERRUPTED = "Session interrupted (generator closed early)"
LONGEST_NAME = 80

_OVER = frozenset({"completed", "failed", "killed", "stopped", "cancelled"})


@dataclass(frozen=True)
class Origin:
    """Whom and what the sessions belong to, and who reports them."""

    client: AsyncSentrialClient
    agent: str
    user_id: str
    convo_id: str | None
    metadata: Mapping[str, Any] | None


@dataclass
class _Call:
    """A tool call whose result is awaited."""

    name: str
    input: Any
    reasoning: str | None
    on_server: bool
    event_id: str = field(default_factory=lambda: new_id("evt"))
    began: float = field(default_factory=time.monotonic)
    timestamp: datetime = field(default_factory=lambda: datetime.now(timezone.utc))


@dataclass
class _Scope:
    """What one Sentrial session is made of: the main loop, or a subagent."""

    session_id: str
    began: float
    calls: dict[str, _Call] = field(default_factory=dict)
    said: tuple[str, str] = ("", "")
    """The model's words in its latest answer: the id of that answer, and the text."""
    in_background: bool = False
    """A subagent that goes on after the tool call that started it has its result."""
    notification: Mapping[str, Any] | None = None
    """Claude Code's word of how a subagent ended."""
    ended: bool = False


class Run:
    """One session, from its first message to its end. Nothing here raises, but for a cancelled task's CancelledError."""

    def __init__(self, origin: Origin, ledger: Ledger, resumed: str | None) -> None:
        self._origin = origin
        self._ledger = ledger
        self._resumed = resumed
        self._began = time.monotonic()
        self._above = get_current_session_id()
        self._prompts: list[str] = []
        self._root: _Scope | None = None
        self._children: dict[str, _Scope] = {}
        self._tasks: dict[str, str] = {}
        self._facts: dict[str, Any] = {}
        self._spent = Totals()
        self._output: Any = None
        self._result: Any = None
        self._completed = False
        self._over = False
        self._off = False

    # What happens

    def hear(self, prompt: str) -> None:
        """The human's words."""
        self._prompts.append(prompt)

    def hear_message(self, message: Any) -> None:
        """A message of a streamed prompt."""
        try:
            words = text_of(message["message"]["content"])
        except Exception as error:
            _log.debug("A prompt message of unknown shape: %s", error)
        else:
            if words:
                self.hear(words)

    async def see(self, message: Any) -> None:
        """A message of the stream."""
        await self._quietly(self._take(message))

    async def end(self) -> None:
        """The stream ended by itself."""
        await self._stop("The stream ended without a result")

    async def interrupt(self) -> None:
        """The reader closed the stream. A run whose result was read is complete all the same."""
        await self._stop(INTERRUPTED)

    def abandon(self) -> None:
        """The stream was dropped. Its ``interrupt`` would come too late for a client that is closed next."""
        if self._root is None or self._over:
            return
        try:
            finish_at_once(self.interrupt())
        except Exception as error:
            _log.debug("An abandoned run ends later: %s", error)

    async def fail(self, reason: str, error_type: str | None = None) -> None:
        """The stream raised. ``error_type``: what, where that is an error of the agent's."""
        if not self._over:
            await self._quietly(self._fail(reason, error_type))
            self._over = True

    async def _stop(self, missing: str) -> None:
        if not self._over:
            await self._quietly(self._fail(missing) if self._result is None else self._finish())
            self._over = True

    async def _quietly(self, work: Coroutine[Any, Any, None]) -> None:
        if self._off:
            work.close()
            return
        try:
            await work
        except Exception as error:
            _log.warning("Part of a Claude agent's run is not recorded: %s: %s", type(error).__name__, error)

    # The messages

    async def _take(self, message: Any) -> None:
        kind = kind_of(message)
        if kind == "system":
            await self._take_system(getattr(message, "subtype", ""), getattr(message, "data", None) or {})
        elif kind == "assistant":
            scope = await self._scope(getattr(message, "parent_tool_use_id", None))
            answer = getattr(message, "message_id", None) or f"message {id(message)}"
            for block in blocks_of(message):
                self._take_words_or_call(scope, answer, block)
                if type(block).__name__ == "ServerToolResultBlock":
                    await self._close_call(scope, block, None)
        elif kind == "user":
            scope = await self._scope(getattr(message, "parent_tool_use_id", None))
            for block in blocks_of(message):
                if hasattr(block, "tool_use_id"):
                    await self._close_call(scope, block, getattr(message, "tool_use_result", None))
        elif kind == "result":
            await self._take_result(message)

    async def _take_system(self, subtype: str, data: Mapping[str, Any]) -> None:
        if subtype == "init":
            self._facts.update(
                {
                    "claude_session_id": data.get("session_id"),
                    "model": data.get("model"),
                    "cwd": data.get("cwd"),
                    "permission_mode": data.get("permissionMode"),
                    "claude_code_version": data.get("claude_code_version"),
                }
            )
            await self._begin()
        elif subtype == "task_started" and data.get("tool_use_id"):
            self._tasks[str(data.get("task_id"))] = str(data["tool_use_id"])
        elif subtype in ("task_notification", "task_updated"):
            told = data if subtype == "task_notification" else data.get("patch") or {}
            tool_use_id = str(data.get("tool_use_id") or self._tasks.get(str(data.get("task_id"))))
            child = self._children.get(tool_use_id)
            if child is not None and told.get("status") in _OVER:
                child.notification = told
                if child.in_background:
                    await self._end_notified(child, told)

    def _take_words_or_call(self, scope: _Scope, answer: str, block: Any) -> None:
        words = getattr(block, "text", None) or getattr(block, "thinking", None)
        if isinstance(words, str):
            before = scope.said[1] + "\n\n" if scope.said[0] == answer else ""
            scope.said = (answer, before + words)
        elif hasattr(block, "name") and hasattr(block, "input"):
            # One API answer comes as several messages, one for each block, with one message_id.
            reasoning = scope.said[1] if scope.said[0] == answer else None
            on_server = type(block).__name__ == "ServerToolUseBlock"
            scope.calls[block.id] = _Call(block.name, block.input, reasoning or None, on_server)

    async def _close_call(self, scope: _Scope, result: Any, structured: Any) -> None:
        tool_use_id = result.tool_use_id
        if tool_use_id not in scope.calls:
            return
        launched = isinstance(structured, dict) and bool(structured.get("isAsync") or structured.get("status") == "async_launched")
        if launched:
            (await self._scope(tool_use_id)).in_background = True
        call = scope.calls.pop(tool_use_id)
        failure = text_of(result.content) or "The tool failed" if getattr(result, "is_error", None) else None
        await self._track(scope, tool_use_id, call, output=output_of(result.content), failure=failure)
        child = self._children.get(tool_use_id)
        if child is not None and not launched:
            await self._end_child(child, failure, output_of(result.content))
        elif child is not None and child.notification is not None:
            await self._end_notified(child, child.notification)

    async def _take_result(self, result: Any) -> None:
        await self._begin()
        self._result = result
        self._spent += self._ledger.since_last(result, self._resumed)
        self._resumed = None
        structured = getattr(result, "structured_output", None)
        self._output = structured or getattr(result, "result", None) or self._output
        self._facts["claude_session_id"] = getattr(result, "session_id", None)
        self._facts["duration_api_ms"] = self._spent.api_ms
        for name in ("subtype", "num_turns", "stop_reason", "terminal_reason"):
            self._facts[name] = getattr(result, name, None)
        usage = getattr(result, "usage", None) or {}
        self._facts["usage"] = {name: count for name, count in usage.items() if isinstance(count, int) and count} or None
        self._facts["total_cost_usd"] = getattr(result, "total_cost_usd", None)
        self._facts["permission_denials"] = getattr(result, "permission_denials", None) or None
        self._completed = False
        if not getattr(result, "is_error", False):  # of a failed run the exception that follows tells more
            await self._complete(None)

    # The sessions

    async def _begin(self) -> _Scope:
        if self._root is None:
            root = self._root = _Scope(new_id("sess"), self._began)
            await self._create(
                root,
                name=_headline(self._prompts[0]) if self._prompts else self._origin.agent,
                agent_name=self._origin.agent,
                parent_session_id=self._above,
                metadata=self._metadata(),
                user_input=self._input(),
            )
        return self._root

    async def _scope(self, parent_tool_use_id: str | None) -> _Scope:
        """The session of a message: the run's, or the subagent's that runs for a tool call."""
        root = await self._begin()
        if parent_tool_use_id is None:
            return root
        child = self._children.get(parent_tool_use_id)
        if child is None:
            above = next((scope for scope in self._scopes() if parent_tool_use_id in scope.calls), root)
            call = above.calls.get(parent_tool_use_id)
            task = call.input if call is not None and isinstance(call.input, dict) else {}
            agent = str(task.get("subagent_type") or "subagent")
            child = self._children[parent_tool_use_id] = _Scope(new_id("sess"), time.monotonic())
            await self._create(
                child,
                name=_headline(str(task.get("description") or agent)),
                agent_name=agent,
                parent_session_id=above.session_id,
                metadata={**self._metadata(), "parent_tool_use_id": parent_tool_use_id},
                user_input=task.get("prompt"),
            )
        return child

    async def _create(self, scope: _Scope, **fields: Any) -> None:
        try:
            await self._origin.client.create_session(
                session_id=scope.session_id, user_id=self._origin.user_id, convo_id=self._origin.convo_id, **fields
            )
        except Exception:
            self._off = True  # its events have nowhere to go: do not hold the agent up with them
            raise

    async def _end_notified(self, child: _Scope, told: Mapping[str, Any]) -> None:
        status, summary = told.get("status"), told.get("summary")
        if status == "completed":
            await self._end_child(child, None, summary)
        else:
            await self._end_child(child, str(summary or status), None, stopped=status != "failed")

    async def _end_child(self, child: _Scope, failure: str | None, output: Any, stopped: bool = False) -> None:
        if child.ended:
            return
        child.ended = True
        await self._close_open_calls(child, failure)
        await self._origin.client.complete_session(
            child.session_id,
            success=failure is None,
            failure_reason=failure,
            status="cancelled" if stopped else None,
            assistant_output=output,
            duration_ms=_milliseconds(child.began),
        )

    async def _finish(self) -> None:
        if getattr(self._result, "is_error", False):
            await self._fail(failure_of(self._result), str(getattr(self._result, "subtype", "error")))
            return
        await self._close_open(None)
        if not self._completed:
            await self._complete(None)

    async def _fail(self, reason: str, error_type: str | None = None) -> None:
        root = await self._begin()
        await self._close_open(reason)
        if error_type is not None:
            await self._origin.client.track_error(root.session_id, reason, error_type=error_type)
        await self._complete(reason)

    async def _complete(self, failure: str | None) -> None:
        root = await self._begin()
        spent = self._spent
        await self._origin.client.complete_session(
            root.session_id,
            success=failure is None,
            failure_reason=failure,
            estimated_cost=None if spent.cost is None else round(spent.cost, 10),
            prompt_tokens=spent.prompt_tokens,
            completion_tokens=spent.completion_tokens,
            total_tokens=spent.total_tokens,
            duration_ms=_milliseconds(self._began),
            user_input=self._input(),
            assistant_output=self._output,
            metadata=self._metadata(),
        )
        self._completed = True

    # The tool calls

    async def _track(self, scope: _Scope, tool_use_id: str, call: _Call, *, output: Any, failure: str | None) -> None:
        child = self._children.get(tool_use_id)
        await self._origin.client.track_tool_call(
            scope.session_id,
            call.name,
            tool_input=call.input,
            tool_output=output if failure is None else None,
            tool_error=None if failure is None else {"message": failure},
            status="success" if failure is None else "error",
            reasoning=call.reasoning,
            duration_ms=_milliseconds(call.began),
            event_id=call.event_id,
            timestamp=call.timestamp,
            metadata=_known({"tool_use_id": tool_use_id, "child_session_id": child.session_id if child else None}),
        )

    async def _close_open(self, failure: str | None) -> None:
        """No more messages will come."""
        for child in list(self._children.values()):
            if child.notification is not None:
                await self._end_notified(child, child.notification)
            else:
                await self._end_child(child, failure or "The run ended before this subagent did", None, stopped=True)
        if self._root is not None:
            await self._close_open_calls(self._root, failure)

    async def _close_open_calls(self, scope: _Scope, failure: str | None) -> None:
        for tool_use_id, call in list(scope.calls.items()):
            del scope.calls[tool_use_id]
            # The SDK does not pass on what most of the API's own tools gave back.
            missing = None if call.on_server else f"No result: {failure or 'the run ended before it'}"
            await self._track(scope, tool_use_id, call, output=None, failure=missing)

    def _scopes(self) -> Iterator[_Scope]:
        if self._root is not None:
            yield self._root
        yield from self._children.values()

    # What is said about the session

    def _metadata(self) -> dict[str, Any]:
        return {"source": "claude-agent-sdk", **_known(self._facts), **(self._origin.metadata or {})}

    def _input(self) -> Any:
        return None if not self._prompts else self._prompts[0] if len(self._prompts) == 1 else list(self._prompts)


def _headline(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1] + "…"


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _milliseconds(began: float) -> int:
    return round((time.monotonic() - began) * 1_000)
