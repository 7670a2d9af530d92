"""What LangChain's callbacks mean, as calls of a client's methods. Knows LangChain's shapes, and imports none of it."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .ids import new_id
from .langchain_messages import (
    INPUTS,
    OUTPUTS,
    answer_of,
    messages_of,
    plain,
    reasoning_of,
    reported_model,
    text_of,
    thought_of,
    usage_of,
    words_of,
)
from .langchain_runs import Run, RunOfModel, RunOfTool, Runs
from .usage import Usage

if TYPE_CHECKING:
    from uuid import UUID

    Report = tuple[str, dict[str, Any]]
    """A client's method and its arguments."""

INTERRUPTED = "Session interrupted (generator closed early)"
CANCELLED = "Session interrupted (task cancelled)"


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
        self._runs = Runs()
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
        with self._lock:
            self._runs.start(run_id, parent, name, metadata or {}, input=inputs if parent is None else None)
        return []

    def chain_end(self, run_id: UUID, outputs: Any) -> list[Report]:
        with self._lock:
            run = self._runs.pop(run_id, None)
            if run is None:
                return []
            reports = self._refused(run, outputs)
            self._forget(run_id, run)
        if run.parent is None and not run.waits:
            self.output = words_of(outputs, OUTPUTS)
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
            event = {"error_message": failure["message"], "error_type": failure["type"], "metadata": self._runs.where(run)}
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
        of = RunOfModel(str(model), prompt, described.get("ls_provider"), settings)
        with self._lock:
            self._runs.start(run_id, parent, name, described, of)
        return []

    def model_token(self, run_id: UUID) -> None:
        run = self._runs.get(run_id)
        if run is not None and isinstance(run.of, RunOfModel) and run.of.first_token is None:
            run.of.first_token = time.monotonic()

    def model_end(self, run_id: UUID, result: Any) -> list[Report]:
        with self._lock:
            run = self._runs.pop(run_id, None)
            if run is None or not isinstance(run.of, RunOfModel):
                return []
            generations = [generation for batch in result.generations for generation in batch]
            messages = [getattr(generation, "message", None) for generation in generations]
            answers = [answer_of(message, generation) for message, generation in zip(messages, generations)]
            usage = usage_of(result, messages, generations)
            model = reported_model(result, messages) or run.of.model
            answer = answers[0] if len(answers) == 1 else answers
            self.models.add(model, usage)
            reports = [self._model_call(run, run.of, model, answer, usage, None)] if self._model_calls else []
            for message in messages:
                reports += self._thought_of(run, message)
            return reports

    def model_error(self, run_id: UUID, error: BaseException, partial: Any) -> list[Report]:
        with self._lock:
            run = self._runs.pop(run_id, None)
        if run is None or not isinstance(run.of, RunOfModel) or not self._model_calls:
            return []
        generations = [generation for batch in getattr(partial, "generations", None) or [] for generation in batch]
        answer = answer_of(getattr(generations[0], "message", None), generations[0]) if generations else None
        return [self._model_call(run, run.of, run.of.model, answer, None, _failure(error))]

    # Tools

    def tool_start(
        self, run_id: UUID, parent: UUID | None, name: str, input: Any, call_id: str | None, metadata: Any
    ) -> list[Report]:
        with self._lock:
            if run_id not in self._runs:
                wanted = self._take_wanted(name, input, call_id)
                reasoning = self._take_thought(parent, name) or (wanted.reasoning if wanted else None)
                of = RunOfTool(name, input, reasoning if self._chain_of_thought else None, call_id)
                self._runs.start(run_id, parent, name, metadata or {}, of)
        return []

    def tool_end(self, run_id: UUID, output: Any) -> list[Report]:
        content = getattr(output, "content", output)
        if getattr(output, "status", None) == "error":
            return self._tool_ended(run_id, None, {"message": text_of(content) or str(content)})
        return self._tool_ended(run_id, plain(content), None)

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
        thought = thought_of(log)
        with self._lock:
            run = self._runs.get(run_id) or Run(None, run_id, None, {})
            self._thoughts[run_id, tool].append(thought)
        if thought is None or from_model or not self._chain_of_thought:
            return []
        return [self._decision(run, thought, tool)]

    def agent_finish(self, run_id: UUID, log: str, values: Any) -> list[Report]:
        with self._lock:
            run = self._runs.get(run_id) or Run(None, run_id, None, {})
        if not self._chain_of_thought:
            return []
        thought = thought_of(log) if "Final Answer:" in log else None
        return [self._decision(run, thought or f"Agent completed: {words_of(values, OUTPUTS)}", "finish")]

    # What they share

    def _forget(self, run_id: UUID, run: Run) -> None:
        """What an ended chain left open: it cannot end any more."""
        for key in [key for key in self._thoughts if key[0] == run_id]:
            del self._thoughts[key]
        if run.parent is None:
            self._told = None
            self._wanted = {id: wanted for id, wanted in self._wanted.items() if wanted.root != run_id}
            self._runs.forget(run_id)

    def _event(self, run: Run) -> dict[str, Any]:
        return {
            "session_id": self._session_id,
            "parent_event_id": self._runs.tool_above(run),
            "timestamp": run.timestamp,
            "metadata": self._runs.where(run),
        }

    def _completion(self, root: Run, **outcome: Any) -> Report:
        given = words_of(root.input, INPUTS) if self.given is None else self.given
        return "complete_session", {"session_id": self._session_id, "user_input": given, **outcome}

    def _decision(self, run: Run, reasoning: str, chosen: str) -> Report:
        return "track_decision", {**self._event(run), "timestamp": None, "reasoning": reasoning, "chosen": chosen}

    def _model_call(
        self, run: Run, of: RunOfModel, model: str, answer: Any, usage: Usage | None, failure: dict[str, str] | None
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
            "duration_ms": run.duration_ms,
            "status": "error" if failure else "success",
            "error": failure,
            "metadata": {**event["metadata"], **finer},
        }

    def _tool_ended(self, run_id: UUID, output: Any, failure: dict[str, str] | None) -> list[Report]:
        with self._lock:
            run = self._runs.pop(run_id, None)
            if run is None or not isinstance(run.of, RunOfTool) or (failure and not self._tool_errors):
                return []
            return [self._tool_call(run, run.of, output, failure, run.duration_ms)]

    def _tool_call(self, run: Run, of: RunOfTool, output: Any, failure: dict[str, str] | None, duration: int | None) -> Report:
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

    def _thought_of(self, run: Run, message: Any) -> list[Report]:
        """The decision in a model's answer that calls tools, and the calls to expect."""
        calls = [call for call in getattr(message, "tool_calls", None) or [] if isinstance(call, Mapping)]
        words = text_of(getattr(message, "content", None)) or text_of(reasoning_of(message)) or None
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

    def _refused(self, run: Run, outputs: Any) -> list[Report]:
        """Tool calls that a graph answered with an error before any tool started: unknown tools, say."""
        reports: list[Report] = []
        for message in messages_of(outputs):
            call_id = getattr(message, "tool_call_id", None)
            if call_id is None or getattr(message, "status", None) != "error":
                continue
            wanted = self._wanted.pop(call_id, None)
            if wanted is not None and self._tool_errors:
                reasoning = wanted.reasoning if self._chain_of_thought else None
                of = RunOfTool(wanted.name, wanted.args, reasoning, call_id)
                refused = Run(run.parent, run.root, wanted.name, run.metadata, of)
                reports.append(self._tool_call(refused, of, None, {"message": text_of(message.content)}, None))
        return reports


def _is_a(error: BaseException, name: str) -> bool:
    """By name: LangGraph raises a GraphInterrupt to wait for a human, other GraphBubbleUps to go on elsewhere."""
    return any(cls.__name__ == name for cls in type(error).__mro__)


def _failure(error: BaseException) -> dict[str, str]:
    return {"message": str(error) or type(error).__name__, "type": type(error).__name__}
