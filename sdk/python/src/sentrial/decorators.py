from __future__ import annotations

import functools
import inspect
import time
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, TypeVar, cast, overload

from .context import ActiveSession, enter_session, get_active_session, leave_session
from .default import default_client
from .serialize import to_json_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .context import Client

F = TypeVar("F", bound=Callable[..., Any])

_INPUTS = ("input", "message", "query", "prompt", "text")


@overload
def tool(name: F, /) -> F: ...
@overload
def tool(name: str | None = None) -> Callable[[F], F]: ...
def tool(name: F | str | None = None) -> F | Callable[[F], F]:
    """Reports each call of the function as a tool call of the active session: arguments, result, duration, exception.

    ``@tool``, ``@tool("web_search")`` or ``@tool(name="web_search")``, for functions, coroutine functions and
    (asynchronous) generators. Outside a session nothing is reported. The function's exceptions go on unchanged.
    """
    if callable(name):
        return _tool(name, _name_of(name))
    given = name
    return lambda function: _tool(function, given or _name_of(function))


def _tool(function: F, name: str) -> F:
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            with _tool_call(function, name, args, kwargs) as call:
                call.output = await function(*args, **kwargs)
                return call.output

    elif inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            with _tool_call(function, name, args, kwargs) as call:
                call.output = []
                async for item in function(*args, **kwargs):
                    call.output.append(item)
                    yield item

    elif inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with _tool_call(function, name, args, kwargs) as call:
                call.output = []
                for item in function(*args, **kwargs):
                    call.output.append(item)
                    yield item

    else:

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with _tool_call(function, name, args, kwargs) as call:
                call.output = function(*args, **kwargs)
                return call.output

    return cast("F", wrapper)


class _Call:
    output: Any = None


@contextmanager
def _tool_call(function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[_Call]:
    active = get_active_session()
    call = _Call()
    if active is None:
        yield call
        return
    client: Client = active.client or default_client()
    given = to_json_value(_arguments(function, args, kwargs))  # now: the function may change them
    started = time.perf_counter()
    try:
        yield call
    except GeneratorExit:  # the consumer of a generator has enough
        _report(client, active.session_id, name, given, call.output, started)
        raise
    except BaseException as error:
        client._enqueue(
            client._error(
                active.session_id,
                error_message=str(error),
                error_type=type(error).__name__,
                tool_name=name,
                stack_trace="".join(traceback.format_exception(type(error), error, error.__traceback__)),
                duration_ms=_since(started),
                metadata={"tool_input": given},
            )
        )
        raise
    _report(client, active.session_id, name, given, call.output, started)


def _report(client: Client, session_id: str, name: str, given: Any, output: Any, started: float) -> None:
    result = output if isinstance(output, dict) else {"result": output}
    client._enqueue(
        client._tool_call(session_id, tool_name=name, tool_input=given, tool_output=result, duration_ms=_since(started))
    )


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1_000, 3)


@overload
def session(agent_name: F, /) -> F: ...
@overload
def session(
    agent_name: str | None = None,
    *,
    user_id_param: str = "user_id",
    input_param: str = "input",
    client: Client | None = None,
) -> Callable[[F], F]: ...
def session(
    agent_name: F | str | None = None,
    *,
    user_id_param: str = "user_id",
    input_param: str = "input",
    client: Client | None = None,
) -> F | Callable[[F], F]:
    """Runs each call of the function as a session of its own: ``@session``, or ``@session("support-agent")``.

    The user is the argument ``user_id`` (else ``anonymous``), the input the argument ``input``, ``message``, ``query``,
    ``prompt`` or ``text``, the output what is returned, or its ``response`` or ``output`` where that is a dict. An
    exception makes it a failure, and goes on unchanged. ``client`` defaults to the default client (``configure``).
    """
    if callable(agent_name):
        return _session(agent_name, _name_of(agent_name), user_id_param, input_param, client)
    given = agent_name
    return lambda function: _session(function, given or _name_of(function), user_id_param, input_param, client)


def _session(function: F, agent: str, user_id_param: str, input_param: str, client: Client | None) -> F:
    def context(args: tuple[Any, ...], kwargs: dict[str, Any]) -> SessionContext:
        arguments = _arguments(function, args, kwargs)
        user_id = arguments.get(user_id_param)
        given = next((arguments[name] for name in (input_param, *_INPUTS) if arguments.get(name) is not None), None)
        return SessionContext("anonymous" if user_id is None else str(user_id), agent, given, client)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            with context(args, kwargs) as running:
                result = await function(*args, **kwargs)
                running.set_output(_output_of(result))
                return result

    else:

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with context(args, kwargs) as running:
                result = function(*args, **kwargs)
                running.set_output(_output_of(result))
                return result

    return cast("F", wrapper)


def _output_of(result: Any) -> Any:
    if isinstance(result, dict):
        return result.get("response", result.get("output", result))
    return result


class SessionContext:
    """A ``with`` block, or ``async with`` block, as a session: what ``@session`` does, without a function."""

    def __init__(self, user_id: str, agent: str, input: Any = None, client: Client | None = None) -> None:
        self._user_id = user_id
        self._agent = agent
        self._input = input
        self._client = client
        self._output: Any = None
        self._session_id: str | None = None

    @property
    def session_id(self) -> str | None:
        """The session's id; None before the block."""
        return self._session_id

    def set_output(self, output: Any) -> None:
        """What the agent answered."""
        self._output = output

    def __enter__(self) -> SessionContext:
        self._client = self._client or default_client()
        creation, _ = self._client._beginning(self._user_id, self._agent, self._input, None, None, None)
        self._session_id = self._client._enqueue(creation)
        self._token = enter_session(ActiveSession(self._session_id, self._client))
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        leave_session(self._token)
        outcome: dict[str, Any] = {"assistant_output": self._output}
        if error is not None:
            outcome.update(success=False, failure_reason=f"{type(error).__name__}: {error}")
        assert self._client is not None
        assert self._session_id is not None
        self._client._enqueue(self._client._completion(self._session_id, **outcome))

    async def __aenter__(self) -> SessionContext:
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.__exit__(kind, error, trace)


def _name_of(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _arguments(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by name, with defaults; ``self`` and ``cls`` left out."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
        bound.apply_defaults()
    except (TypeError, ValueError):  # the call will fail by itself
        return {"args": list(args), "kwargs": kwargs}
    return {name: value for name, value in bound.arguments.items() if name not in ("self", "cls")}
