"""Records what a client of the ``openai`` package calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .llm_call import Answer, Target
from .provider import Dialect, dump, listen
from .usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .context import Client

__all__ = ["wrap_openai"]

C = TypeVar("C")


def wrap_openai(
    client: C,
    *,
    sentrial_client: Client | None = None,
    session_id: str | None = None,
    track_without_session: bool = False,
) -> C:
    """Makes an ``OpenAI``, ``AsyncOpenAI`` or Azure client report its model calls, and gives the same client back.

    Recorded are chat completions and responses (``create``, ``parse``, ``stream``, with streaming, raw responses and
    ``with_options`` too), text completions and embeddings: prompt, answer, tokens, cost by list price, duration, errors.
    A streamed chat completion has tokens only if you ask for them: ``stream_options={"include_usage": True}``.

    They go to ``session_id``; else to the session that is active where the call is made (``begin`` as a context manager,
    ``@session``, ``set_session_context``). Without either nothing is recorded, or, with ``track_without_session``, a
    session for each call. ``sentrial_client``: default is the client of the active session, else the default client.

    Nothing that goes wrong in recording reaches the caller.
    """
    listen(client, _ROUTES, _METHODS, Target(sentrial_client, session_id, track_without_session))
    return client


class _Chat:
    provider = "openai"

    def prompt(self, body: Mapping[str, Any]) -> Any:
        return body.get("messages")

    def answer(self, result: Any) -> Answer:
        choices = result.choices
        answers = [_message(dump(choice.message)) for choice in choices]
        return Answer(
            answers[0] if len(answers) == 1 else answers,
            read_usage(result.usage),
            getattr(result, "model", None),
            {
                "response_id": getattr(result, "id", None),
                "finish_reason": getattr(choices[0], "finish_reason", None) if choices else None,
            },
        )

    def assembly(self) -> _ChatAssembly:
        return _ChatAssembly()


class _ChatAssembly:
    def __init__(self) -> None:
        self._messages: dict[int, dict[str, Any]] = {}
        self._answer = Answer()

    def add(self, event: Any) -> None:
        self._answer.model = getattr(event, "model", None) or self._answer.model
        self._answer.usage = read_usage(getattr(event, "usage", None)) or self._answer.usage
        self._answer.details.setdefault("response_id", getattr(event, "id", None))
        for choice in event.choices:
            if choice.delta is not None:
                _merge(self._messages.setdefault(getattr(choice, "index", 0), {}), dump(choice.delta))
            if getattr(choice, "finish_reason", None):
                self._answer.details["finish_reason"] = choice.finish_reason

    def answer(self) -> Answer:
        messages = [_message(message) for _, message in sorted(self._messages.items())]
        self._answer.response = None if not messages else messages[0] if len(messages) == 1 else messages
        return self._answer


class _Responses:
    provider = "openai"

    def prompt(self, body: Mapping[str, Any]) -> Any:
        given, instructions = body.get("input"), body.get("instructions")
        if not instructions:
            return given
        rest = [{"role": "user", "content": given}] if isinstance(given, str) else given or []
        return [{"role": "system", "content": instructions}, *rest]

    def answer(self, result: Any) -> Answer:
        output = [dump(item) for item in result.output]
        only_text = all(item.get("type") == "message" for item in output)
        return Answer(
            result.output_text if only_text and output else output,
            read_usage(result.usage),
            result.model,
            {"response_id": result.id, "finish_reason": result.status},
        )

    def assembly(self) -> _ResponsesAssembly:
        return _ResponsesAssembly(self)


class _ResponsesAssembly:
    """The last event holds all; before it comes, the text does."""

    def __init__(self, dialect: _Responses) -> None:
        self._dialect = dialect
        self._answer: Answer | None = None
        self._text: list[str] = []
        self._model: str | None = None

    def add(self, event: Any) -> None:
        if event.type == "response.output_text.delta":
            self._text.append(event.delta)
        elif event.type == "response.created":
            self._model = event.response.model
        elif event.type in ("response.completed", "response.incomplete", "response.failed"):
            self._answer = self._dialect.answer(event.response)

    def answer(self) -> Answer:
        return self._answer or Answer("".join(self._text) or None, model=self._model)


class _Completions:
    provider = "openai"

    def prompt(self, body: Mapping[str, Any]) -> Any:
        return body.get("prompt")

    def answer(self, result: Any) -> Answer:
        texts = [choice.text for choice in result.choices]
        details = {"response_id": result.id, "finish_reason": result.choices[0].finish_reason if texts else None}
        return Answer(texts[0] if len(texts) == 1 else texts, read_usage(result.usage), result.model, details)

    def assembly(self) -> _CompletionsAssembly:
        return _CompletionsAssembly()


class _CompletionsAssembly:
    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        self._answer = Answer()

    def add(self, event: Any) -> None:
        self._answer.model = event.model or self._answer.model
        self._answer.usage = read_usage(event.usage) or self._answer.usage
        for choice in event.choices:
            self._texts[choice.index] = self._texts.get(choice.index, "") + (choice.text or "")

    def answer(self) -> Answer:
        texts = [text for _, text in sorted(self._texts.items())]
        self._answer.response = None if not texts else texts[0] if len(texts) == 1 else texts
        return self._answer


class _Embeddings:
    provider = "openai"

    def prompt(self, body: Mapping[str, Any]) -> Any:
        return body.get("input")

    def answer(self, result: Any) -> Answer:
        return Answer({"embeddings": len(result.data)}, read_usage(result.usage), result.model, {"operation": "embeddings"})

    def assembly(self) -> _ChatAssembly:
        return _ChatAssembly()  # embeddings are not streamed


_ROUTES: dict[str, Dialect] = {
    "/chat/completions": _Chat(),
    "/responses": _Responses(),
    "/completions": _Completions(),
    "/embeddings": _Embeddings(),
}
_METHODS = {
    "chat.completions.create": "/chat/completions",
    "responses.create": "/responses",
    "completions.create": "/completions",
    "embeddings.create": "/embeddings",
}


def _message(message: dict[str, Any]) -> Any:
    """A message that is words alone as those words."""
    rest = {name for name in message if name not in ("role", "content", "annotations", "parsed")}
    return message.get("content") if not rest else message


def _merge(message: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Adds a delta: texts are appended, entries with an ``index`` merged into the one of that index."""
    for name, value in delta.items():
        if isinstance(value, list):
            entries: list[Any] = message.setdefault(name, [])
            for entry in value:
                index = entry.get("index", len(entries)) if isinstance(entry, dict) else len(entries)
                same = next((known for known in entries if isinstance(known, dict) and known.get("index") == index), None)
                if same is None:
                    entries.append(dict(entry) if isinstance(entry, dict) else entry)
                else:
                    _merge(same, entry)
        elif isinstance(value, dict):
            _merge(message.setdefault(name, {}), value)
        elif isinstance(value, str) and isinstance(message.get(name), str) and name not in ("role", "id", "type"):
            message[name] += value
        else:
            message[name] = value
