"""What LangChain's callbacks mean, as calls of a client's methods. Knows LangChain's shapes, and imports none of it."""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from .ids import new_id
from .usage import Usage, read_usage

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    Report = tuple[str, dict[str, Any]]
    """A client's method and its arguments."""

INTERRUPTED = "Session interrupted (generator closed early)"
CANCELLED = "Session interrupted (task cancelled)"
RUNS_REMEMBERED = 10_000

_ROLES = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant", "HumanMessageChunk": "user"}
# Where the words are, in what chains take and give.
_INPUTS = ("input", "question", "query", "prompt", "messages")
_OUTPUTS = ("output", "answer", "result", "text", "structured_response", "messages")


@dataclass
class _RunOfTool:
    name: str
    input: Any
    reasoning: str | None
    call_id: str | None


@dataclass
class _RunOfModel:
    model: str
    prompt: Any
    provider: str | None
    parameters: dict[str, Any]
    first_token: float | None = None


@dataclass
class _Run:
    """A run that LangChain told us of, until it ends. ``of`` says what of; None is a chain."""

    parent: UUID | None
    root: UUID
    name: str | None
    metadata: Mapping[str, Any]
    of: _RunOfTool | _RunOfModel | None = None
    event_id: str = field(default_factory=lambda: new_id("evt"))
    began: float = field(default_factory=time.monotonic)
    timestamp: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    input: Any = None
    waits: bool = False
    """For a human, who will resume it with a new run."""


@dataclass
class _Wanted:
    """A tool call that a model asked for, until the tool starts, or is refused without having started."""

    root: UUID
    name: str
    args: Any
    reasoning: str | None


@dataclass
class ModelTotals:
    """What the models under one handler have used."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    model: str | None = None

    def add(self, model: str, usage: Usage | None) -> None:
        self.calls += 1
        self.model = model
        if usage is not None:
            self.prompt_tokens += usage.prompt_tokens or 0
            self.completion_tokens += usage.completion_tokens or 0
            self.cost += usage.cost(model) or 0.0


class Trace:
    """The runs under way, from any thread. Each method gives what to report, in order."""

    def __init__(self, session_id: str, *, chain_of_thought: bool, tool_errors: bool, model_calls: bool) -> None:
        self._session_id = session_id
        self._model_calls = model_calls
        self._chain_of_thought = chain_of_thought
        self._tool_errors = tool_errors
        self._lock = threading.RLock()
        self._runs: dict[UUID, _Run] = {}
        self._wanted: dict[str, _Wanted] = {}
        self._thoughts: defaultdict[tuple[UUID, str], deque[str | None]] = defaultdict(deque)
        self._told: BaseException | None = None
        """The newest failure of a tool, which is told again by each run that it ends."""
        self.given: Any = None
        """The user's words, where they are not to be what the outermost run is given."""
        self.output: Any = None
        """What the outermost run answered last."""
        self.models = ModelTotals()

    def knows(self, run_id: UUID | None) -> bool:
        """Whether this run is under way."""
        return run_id in self._runs

    # Chains: agents, graphs, their nodes, and the steps of those

    def chain_start(self, run_id: UUID, parent: UUID | None, name: str | None, metadata: Any, inputs: Any) -> list[Report]:
        self._start(run_id, parent, name, metadata or {}, input=inputs if parent is None else None)
        return []

    def chain_end(self, run_id: UUID, outputs: Any) -> list[Report]:
        with self._lock:
            run = self._runs.pop(run_id, None)
            if run is None:
                return []
            reports = self._refused(run, outputs)
            self._forget(run_id, run)
        if run.parent is None and not run.waits:
            self.output = _words(outputs, _OUTPUTS)
            reports.append(self._completion(run, success=True, assistant_output=self.output))
        return reports

    def chain_error(self, run_id: UUID, error: BaseException) -> list[Report]:
        with self._lock:
            run = self._runs.pop(run_id, None)
            if run is None:
                return []
            told = self._told is error
            self._forget(run_id, run)
            if run.root in self._runs and _is_a(error, "GraphInterrupt"):
                self._runs[run.root].waits = True
        if run.parent is not None or _is_a(error, "GraphBubbleUp"):
            return []
        if isinstance(error, Exception):
            failure = _failure(error)
            event = {"error_message": failure["message"], "error_type": failure["type"], "metadata": self._where(run)}
            reports: list[Report] = [] if told else [("track_error", {"session_id": self._session_id, **event})]
            return [*reports, self._completion(run, success=False, failure_reason=failure["message"])]
        reason = INTERRUPTED if isinstance(error, GeneratorExit) else CANCELLED
        return [self._completion(run, success=False, failure_reason=reason)]

    # Models

    def model_start(
        self, run_id: UUID, parent: UUID | None, prompt: Any, name: str | None, metadata: Any, parameters: Any
    ) -> list[Report]:
        described = metadata or {}
        given = parameters if isinstance(parameters, Mapping) else {}
        model = described.get("ls_model_name") or given.get("model") or given.get("model_name") or name or "unknown"
        settings = {
            setting: value
            for setting, value in given.items()
            if isinstance(value, (str, int, float)) and setting not in ("model", "model_name", "_type", "stream")
        }
        of = _RunOfModel(str(model), prompt, described.get("ls_provider"), settings)
        self._start(run_id, parent, name, described, of)
        return []

    def model_token(self, run_id: UUID) -> None:
        run = self._runs.get(run_id)
        if run is not None and isinstance(run.of, _RunOfModel) and run.of.first_token is None:
            run.of.first_token = time.monotonic()

    def model_end(self, run_id: UUID, result: Any) -> list[Report]:
        with self._lock:
            run = self._runs.pop(run_id, None)
            if run is None or not isinstance(run.of, _RunOfModel):
                return []
            generations = [generation for batch in result.generations for generation in batch]
            messages = [getattr(generation, "message", None) for generation in generations]
            answers = [_answer(message, generation) for message, generation in zip(messages, generations)]
            usage = _usage(result, messages, generations)
            model = _reported_model(result, messages) or run.of.model
            answer = answers[0] if len(answers) == 1 else answers
            self.models.add(model, usage)
            reports = [self._model_call(run, run.of, model, answer, usage, None)] if self._model_calls else []
            for message in messages:
                reports += self._thought_of(run, message)
            return reports

    def model_error(self, run_id: UUID, error: BaseException, partial: Any) -> list[Report]:
        with self._lock:
            run = self._runs.pop(run_id, None)
        if run is None or not isinstance(run.of, _RunOfModel) or not self._model_calls:
            return []
        generations = [generation for batch in getattr(partial, "generations", None) or [] for generation in batch]
        answer = _answer(getattr(generations[0], "message", None), generations[0]) if generations else None
        return [self._model_call(run, run.of, run.of.model, answer, None, _failure(error))]

    # Tools

    def tool_start(
        self, run_id: UUID, parent: UUID | None, name: str, input: Any, call_id: str | None, metadata: Any
    ) -> list[Report]:
        with self._lock:
            if run_id not in self._runs:
                wanted = self._take_wanted(name, input, call_id)
                reasoning = self._take_thought(parent, name) or (wanted.reasoning if wanted else None)
                of = _RunOfTool(name, input, reasoning if self._chain_of_thought else None, call_id)
                self._start(run_id, parent, name, metadata or {}, of)
        return []

    def tool_end(self, run_id: UUID, output: Any) -> list[Report]:
        content = getattr(output, "content", output)
        if getattr(output, "status", None) == "error":
            return self._tool_ended(run_id, None, {"message": _text(content) or str(content)})
        return self._tool_ended(run_id, _plain(content), None)

    def tool_error(self, run_id: UUID, error: BaseException) -> list[Report]:
        if _is_a(error, "GraphBubbleUp"):  # the graph waits for a human, or goes on elsewhere
            with self._lock:
                self._runs.pop(run_id, None)
            return []
        with self._lock:
            run = self._runs.get(run_id)
            if run is not None and run.parent is not None:
                self._told = error
        return self._tool_ended(run_id, None, _failure(error))

    # Classic agents

    def agent_action(self, run_id: UUID, tool: str, log: str, *, from_model: bool) -> list[Report]:
        """``from_model``: a model's tool call told the same thought before."""
        thought = _thought(log)
        with self._lock:
            run = self._runs.get(run_id) or _Run(None, run_id, None, {})
            self._thoughts[run_id, tool].append(thought)
        if thought is None or from_model or not self._chain_of_thought:
            return []
        return [self._decision(run, thought, tool)]

    def agent_finish(self, run_id: UUID, log: str, values: Any) -> list[Report]:
        with self._lock:
            run = self._runs.get(run_id) or _Run(None, run_id, None, {})
        if not self._chain_of_thought:
            return []
        thought = _thought(log) if "Final Answer:" in log else None
        return [self._decision(run, thought or f"Agent completed: {_words(values, _OUTPUTS)}", "finish")]

    # What they share

    def _start(
        self,
        run_id: UUID,
        parent: UUID | None,
        name: str | None,
        metadata: Mapping[str, Any],
        of: _RunOfTool | _RunOfModel | None = None,
        input: Any = None,
    ) -> None:
        with self._lock:
            above = self._runs.get(parent) if parent else None
            self._runs.setdefault(run_id, _Run(parent, above.root if above else run_id, name, metadata, of, input=input))
            if len(self._runs) > RUNS_REMEMBERED:  # of some the end is never told
                del self._runs[next(iter(self._runs))]

    def _forget(self, run_id: UUID, run: _Run) -> None:
        """What an ended chain left open: it cannot end any more."""
        for key in [key for key in self._thoughts if key[0] == run_id]:
            del self._thoughts[key]
        if run.parent is None:
            self._told = None
            self._wanted = {id: wanted for id, wanted in self._wanted.items() if wanted.root != run_id}
            self._runs = {id: other for id, other in self._runs.items() if other.root != run_id}

    def _event(self, run: _Run) -> dict[str, Any]:
        return {
            "session_id": self._session_id,
            "parent_event_id": self._tool_above(run),
            "timestamp": run.timestamp,
            "metadata": self._where(run),
        }

    def _tool_above(self, run: _Run) -> str | None:
        """The tool call that a run is part of, as an agent is that works inside a tool."""
        above = self._runs.get(run.parent) if run.parent else None
        while above is not None:
            if isinstance(above.of, _RunOfTool):
                return above.event_id
            above = self._runs.get(above.parent) if above.parent else None
        return None

    def _where(self, run: _Run) -> dict[str, Any]:
        """The agent and the graph's node that a run belongs to."""
        agent, above = None, run
        while True:
            parent = self._runs.get(above.parent) if above.parent else None
            if above.of is None and (above.parent is None or isinstance(parent and parent.of, _RunOfTool)):
                agent = above.name
            if agent is not None or parent is None:
                break
            above = parent
        found = {
            "source": "langchain",
            "agent": agent,
            "node": run.metadata.get("langgraph_node"),
            "thread_id": run.metadata.get("thread_id"),
        }
        return {name: value for name, value in found.items() if value is not None}

    def _completion(self, root: _Run, **outcome: Any) -> Report:
        given = _words(root.input, _INPUTS) if self.given is None else self.given
        return "complete_session", {"session_id": self._session_id, "user_input": given, **outcome}

    def _decision(self, run: _Run, reasoning: str, chosen: str) -> Report:
        return "track_decision", {**self._event(run), "timestamp": None, "reasoning": reasoning, "chosen": chosen}

    def _model_call(
        self, run: _Run, of: _RunOfModel, model: str, answer: Any, usage: Usage | None, failure: dict[str, str] | None
    ) -> Report:
        usage = usage or Usage()
        event = self._event(run)
        finer: dict[str, Any] = dict(usage.details())
        if of.provider:
            finer["provider"] = of.provider
        if of.parameters:
            finer["parameters"] = of.parameters
        if of.first_token is not None:
            finer["time_to_first_token_ms"] = round((of.first_token - run.began) * 1_000)
        return "track_llm_call", {
            **event,
            "event_id": run.event_id,
            "model": model,
            "prompt": of.prompt,
            "response": answer,
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "tokens_used": usage.total_tokens,
            "cost": usage.cost(model),
            "duration_ms": _milliseconds(run),
            "status": "error" if failure else "success",
            "error": failure,
            "metadata": {**event["metadata"], **finer},
        }

    def _tool_ended(self, run_id: UUID, output: Any, failure: dict[str, str] | None) -> list[Report]:
        with self._lock:
            run = self._runs.pop(run_id, None)
            if run is None or not isinstance(run.of, _RunOfTool) or (failure and not self._tool_errors):
                return []
            return [self._tool_call(run, run.of, output, failure, _milliseconds(run))]

    def _tool_call(self, run: _Run, of: _RunOfTool, output: Any, failure: dict[str, str] | None, duration: int | None) -> Report:
        event = self._event(run)
        if of.call_id:
            event["metadata"]["tool_call_id"] = of.call_id
        return "track_tool_call", {
            **event,
            "event_id": run.event_id,
            "tool_name": of.name,
            "tool_input": of.input,
            "tool_output": output,
            "tool_error": failure,
            "status": "error" if failure else "success",
            "reasoning": of.reasoning,
            "duration_ms": duration,
        }

    def _thought_of(self, run: _Run, message: Any) -> list[Report]:
        """The decision in a model's answer that calls tools, and the calls to expect."""
        calls = [call for call in getattr(message, "tool_calls", None) or [] if isinstance(call, Mapping)]
        words = _text(getattr(message, "content", None)) or _text(_reasoning_content(message)) or None
        for call in calls:
            call_id = str(call.get("id") or new_id("call"))
            if run.parent is not None:  # a model by itself is not asked to see to it
                self._wanted[call_id] = _Wanted(run.root, str(call.get("name")), call.get("args"), words)
        if not calls or words is None or not self._chain_of_thought:
            return []
        return [self._decision(run, words, ", ".join(str(call.get("name")) for call in calls))]

    def _take_wanted(self, name: str, input: Any, call_id: str | None) -> _Wanted | None:
        if call_id is not None:
            return self._wanted.pop(call_id, None)
        # Classic agents run a tool without the id of the call that asked for it.
        same = next((id for id, wanted in self._wanted.items() if wanted.name == name and wanted.args == input), None)
        return self._wanted.pop(same) if same else None

    def _take_thought(self, parent: UUID | None, name: str) -> str | None:
        thoughts = self._thoughts.get((parent, name)) if parent else None
        return thoughts.popleft() if thoughts else None

    def _refused(self, run: _Run, outputs: Any) -> list[Report]:
        """Tool calls that a graph answered with an error before any tool started: unknown tools, say."""
        reports: list[Report] = []
        for message in _messages(outputs):
            call_id = getattr(message, "tool_call_id", None)
            if call_id is None or getattr(message, "status", None) != "error":
                continue
            wanted = self._wanted.pop(call_id, None)
            if wanted is not None and self._tool_errors:
                reasoning = wanted.reasoning if self._chain_of_thought else None
                of = _RunOfTool(wanted.name, wanted.args, reasoning, call_id)
                refused = _Run(run.parent, run.root, wanted.name, run.metadata, of)
                reports.append(self._tool_call(refused, of, None, {"message": _text(message.content)}, None))
        return reports


def described_messages(messages: Iterable[Any]) -> list[dict[str, Any]]:
    """LangChain's messages as ``{"role", "content"}``, with the tool calls that they make or answer."""
    return [_described(message) for message in messages]


def _described(message: Any) -> dict[str, Any]:
    kind = str(getattr(message, "type", "unknown"))
    described = {"role": getattr(message, "role", None) or _ROLES.get(kind, kind), "content": getattr(message, "content", message)}
    for name in ("tool_calls", "tool_call_id", "name"):
        value = getattr(message, name, None)
        if value:
            described[name] = value
    return described


def _answer(message: Any, generation: Any) -> Any:
    """A model's answer: its words; with tool calls, the whole message."""
    if message is None:
        return getattr(generation, "text", None)
    if getattr(message, "tool_calls", None):
        return _described(message)
    return _plain(message.content)


def _usage(result: Any, messages: Sequence[Any], generations: Sequence[Any]) -> Usage | None:
    """Where LangChain's integrations put the counts, the portable place first."""
    output = getattr(result, "llm_output", None) or {}
    counted = [read_usage(getattr(message, "usage_metadata", None)) for message in messages]
    found = [usage for usage in counted if usage is not None]
    if found:
        return _sum(found)
    for message, generation in zip(messages, generations):
        for place in (getattr(message, "response_metadata", None), getattr(generation, "generation_info", None)):
            usage = _usage_in(place)
            if usage is not None:
                return usage
    return _usage_in(output)


def _usage_in(place: Any) -> Usage | None:
    if not isinstance(place, Mapping):
        return None
    for name in ("token_usage", "tokenUsage", "usage_metadata", "usage", "amazon-bedrock-invocationMetrics", "token_count"):
        raw = place.get(name)
        if raw:
            extra = isinstance(raw, Mapping) and "cache_read_input_tokens" in raw  # Anthropic's own shape
            usage = read_usage(raw, cache_is_extra=extra)
            if usage is not None:
                return usage
    return read_usage(place)


def _sum(usages: Sequence[Usage]) -> Usage:
    if len(usages) == 1:
        return usages[0]
    names = ("prompt_tokens", "completion_tokens", "total_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
    return Usage(**{name: sum(getattr(usage, name) or 0 for usage in usages) for name in names})


def _reported_model(result: Any, messages: Sequence[Any]) -> str | None:
    output = getattr(result, "llm_output", None) or {}
    for place in (*(getattr(message, "response_metadata", None) for message in messages), output):
        if isinstance(place, Mapping):
            for name in ("model_name", "model", "model_id"):
                if isinstance(place.get(name), str):
                    return str(place[name])
    return None


def _reasoning_content(message: Any) -> Any:
    extra = getattr(message, "additional_kwargs", None) or {}
    return extra.get("reasoning_content") or extra.get("reasoning")


def _text(content: Any) -> str:
    """The words of a message's content: text, or a list of blocks, thinking included."""
    if isinstance(content, str):
        return content.strip()
    if not isinstance(content, list):
        return ""
    words = []
    for block in content:
        if isinstance(block, str):
            words.append(block)
        elif isinstance(block, Mapping):
            words += [block[name] for name in ("text", "thinking", "reasoning") if isinstance(block.get(name), str)]
    return "\n".join(words).strip()


def _plain(content: Any) -> Any:
    """Content that is words alone as those words."""
    if isinstance(content, list) and all(
        isinstance(block, str) or (isinstance(block, Mapping) and block.get("type") == "text") for block in content
    ):
        return _text(content)
    return content


def _words(value: Any, names: Sequence[str]) -> Any:
    """What a chain was asked, or answered."""
    if isinstance(value, Mapping):
        for name in names:
            if value.get(name) is not None:
                return _words(value[name], names)
        return dict(value) or None
    if isinstance(value, (list, tuple)) and value:
        return _words(value[-1][1], names) if _is_pair(value[-1]) else _words(value[-1], names)
    content = getattr(value, "content", None)
    if content is not None:
        return _plain(content)
    if isinstance(value, Mapping) and "content" in value:
        return _plain(value["content"])
    return value


def _is_pair(value: Any) -> bool:
    """A message in the form ``("user", "Hello")``."""
    return isinstance(value, (list, tuple)) and len(value) == 2 and isinstance(value[0], str)


def _messages(outputs: Any) -> Iterable[Any]:
    """The messages that a graph's node gave back: in a state, in commands, or alone."""
    if isinstance(outputs, Mapping):
        found = outputs.get("messages")
        yield from found if isinstance(found, list) else []
    elif isinstance(outputs, (list, tuple)):
        for output in outputs:
            yield from _messages(output)
    elif hasattr(outputs, "tool_call_id"):
        yield outputs
    else:
        yield from _messages(getattr(outputs, "update", None) or {})


def _thought(log: str) -> str | None:
    """The words of an agent's log that are its own: not the call, not the answer."""
    invoking = re.search(r"^Invoking: .*?^responded: (.*)", log, re.DOTALL | re.MULTILINE)
    if invoking:
        return invoking.group(1).strip() or None
    if log.lstrip().startswith("Invoking: "):
        return None
    thought = re.split(r"^\s*(?:Action|Final Answer)\s*:", log, maxsplit=1, flags=re.MULTILINE)[0]
    return re.sub(r"^\s*Thought\s*:", "", thought).strip() or None


def _is_a(error: BaseException, name: str) -> bool:
    """By name: LangGraph raises a GraphInterrupt to wait for a human, other GraphBubbleUps to go on elsewhere."""
    return any(cls.__name__ == name for cls in type(error).__mro__)


def _failure(error: BaseException) -> dict[str, str]:
    return {"message": str(error) or type(error).__name__, "type": type(error).__name__}


def _milliseconds(run: _Run) -> int:
    return round((time.monotonic() - run.began) * 1_000)
