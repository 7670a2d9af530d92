"""Listens at the one door of a provider's client through which all its calls go: ``client.post``.

So ``create``, ``parse``, ``stream``, ``with_raw_response`` and what builds on them are all recorded, and what they give
is the very object that the provider made.
"""

from __future__ import annotations

import functools
import inspect
import logging
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from .llm_call import Answer, LlmCall, Target

_log = logging.getLogger("sentrial")

_LISTENS_TO = "_sentrial_listens_to"


class Assembly(Protocol):
    """Puts the events of a stream together."""

    def add(self, event: Any) -> None: ...

    def answer(self) -> Answer: ...


class Dialect(Protocol):
    """How one route of a provider is read."""

    provider: str

    def prompt(self, body: Mapping[str, Any]) -> Any: ...

    def answer(self, result: Any) -> Answer: ...

    def assembly(self) -> Assembly: ...


def listen(client: Any, routes: Mapping[str, Dialect], methods: Mapping[str, str], target: Target) -> None:
    """Makes ``client`` report what it posts to ``routes``; so do the copies that it makes of itself.

    Of a client that only looks like the provider's, and has no ``post``, the ``methods`` report: ``a.b.create`` by the
    route that it stands for. One that was made to report before reports to the new target alone. What is no client at
    all is left as it is.
    """
    try:
        if not hasattr(client, "post"):
            return _listen_to_methods(client, routes, methods, target)
        post, copy = _original(client.post), _original(client.copy)
        client.post = (_async_post if inspect.iscoroutinefunction(post) else _post)(post, routes, target)
        for name, value in list(vars(client).items()):
            if hasattr(value, "_post"):  # a resource keeps the `post` that it was made with
                setattr(client, name, type(value)(client))
        client.copy = client.with_options = _copy(copy, routes, methods, target)
    except Exception as error:
        _log.warning("The calls of this %s are not recorded: %s: %s", type(client).__name__, type(error).__name__, error)


def _original(method: Callable[..., Any]) -> Callable[..., Any]:
    return getattr(method, _LISTENS_TO, method)


def _listen_to_methods(client: Any, routes: Mapping[str, Dialect], methods: Mapping[str, str], target: Target) -> None:
    found = False
    for name, route in methods.items():
        *owners, last = name.split(".")
        owner = functools.reduce(lambda holder, part: getattr(holder, part, None), owners, client)
        method = getattr(owner, last, None)
        if callable(method):
            listening = _async_method if inspect.iscoroutinefunction(method) else _method
            setattr(owner, last, listening(_original(method), routes[route], target))
            found = True
    if not found:
        raise TypeError(f"it has no post and no {' or '.join(methods)}")


def _copy(
    copy: Callable[..., Any], routes: Mapping[str, Dialect], methods: Mapping[str, str], target: Target
) -> Callable[..., Any]:
    @functools.wraps(copy)
    def listening_copy(*args: Any, **options: Any) -> Any:
        made = copy(*args, **options)
        listen(made, routes, methods, target)
        return made

    setattr(listening_copy, _LISTENS_TO, copy)
    return listening_copy


def _post(post: Callable[..., Any], routes: Mapping[str, Dialect], target: Target) -> Callable[..., Any]:
    @functools.wraps(post)
    def listening_post(path: str, *args: Any, **request: Any) -> Any:
        dialect = routes.get(path.partition("?")[0])
        call = _begin(dialect, target, request.get("body") or {}, bool(request.get("stream")))
        if dialect is None or call is None:
            return post(path, *args, **request)
        try:
            result = post(path, *args, **request)
        except BaseException as error:
            call.end(error=error)
            raise
        try:
            _Listener(dialect, call).hear(result)
        except Exception as error:
            _unrecorded(error)
        return result

    setattr(listening_post, _LISTENS_TO, post)
    return listening_post


def _async_post(post: Callable[..., Any], routes: Mapping[str, Dialect], target: Target) -> Callable[..., Any]:
    @functools.wraps(post)
    async def listening_post(path: str, *args: Any, **request: Any) -> Any:
        dialect = routes.get(path.partition("?")[0])
        call = _begin(dialect, target, request.get("body") or {}, bool(request.get("stream")))
        if dialect is None or call is None:
            return await post(path, *args, **request)
        try:
            result = await post(path, *args, **request)
        except BaseException as error:
            await call.aend(error=error)
            raise
        try:
            await _Listener(dialect, call).ahear(result)
        except Exception as error:
            _unrecorded(error)
        return result

    setattr(listening_post, _LISTENS_TO, post)
    return listening_post


def _method(method: Callable[..., Any], dialect: Dialect, target: Target) -> Callable[..., Any]:
    @functools.wraps(method)
    def listening_method(*args: Any, **request: Any) -> Any:
        call = _begin(dialect, target, request, bool(request.get("stream")))
        if call is None:
            return method(*args, **request)
        try:
            result = method(*args, **request)
        except BaseException as error:
            call.end(error=error)
            raise
        listener = _Listener(dialect, call)
        if request.get("stream") and hasattr(result, "__next__"):
            return listener.tee(result, dialect.assembly())
        listener.hear(result)
        return result

    setattr(listening_method, _LISTENS_TO, method)
    return listening_method


def _async_method(method: Callable[..., Any], dialect: Dialect, target: Target) -> Callable[..., Any]:
    @functools.wraps(method)
    async def listening_method(*args: Any, **request: Any) -> Any:
        call = _begin(dialect, target, request, bool(request.get("stream")))
        if call is None:
            return await method(*args, **request)
        try:
            result = await method(*args, **request)
        except BaseException as error:
            await call.aend(error=error)
            raise
        listener = _Listener(dialect, call)
        if request.get("stream") and hasattr(result, "__anext__"):
            return listener.atee(result, dialect.assembly())
        await listener.ahear(result)
        return result

    setattr(listening_method, _LISTENS_TO, method)
    return listening_method


def _begin(dialect: Dialect | None, target: Target, body: Mapping[str, Any], stream: bool) -> LlmCall | None:
    """The call that is made; None where it is not to be recorded."""
    if dialect is None:
        return None
    try:
        details = {**_parameters(body), "stream": stream}
        return target.begin(dialect.provider, str(body.get("model") or "unknown"), dialect.prompt(body), details)
    except Exception as error:
        _unrecorded(error)
        return None


def _unrecorded(error: Exception) -> None:
    _log.warning("A model call is not recorded: %s: %s", type(error).__name__, error)


class _Listener:
    """Hears one call's result: a parsed answer, a stream, or a raw response that holds one of them."""

    def __init__(self, dialect: Dialect, call: LlmCall) -> None:
        self._dialect = dialect
        self._call = call

    def hear(self, result: Any) -> None:
        if _is_stream(result):
            assembly = self._dialect.assembly()
            result._iterator = self.tee(result._iterator, assembly)
            result.close = self._ending(result.close, assembly)
        elif _is_unread(result):
            self._on_parse(result)
        elif _is_raw(result):
            self.hear(_parsed(result))
        else:
            self._call.end(self._read(result))

    async def ahear(self, result: Any) -> None:
        if _is_stream(result):
            assembly = self._dialect.assembly()
            result._iterator = self.atee(result._iterator, assembly)
            result.close = self._aending(result.close, assembly)
        elif _is_unread(result):
            self._on_aparse(result)
        elif _is_raw(result):
            await self.ahear(_parsed(result))
        else:
            await self._call.aend(self._read(result))

    def tee(self, events: Iterator[Any], assembly: Assembly) -> Iterator[Any]:
        try:
            for event in events:
                self._note(assembly, event)
                yield event
        except GeneratorExit:
            self._call.end(self._partial(assembly))
            raise
        except BaseException as error:
            self._call.end(self._assembled(assembly), error)
            raise
        self._call.end(self._assembled(assembly))

    async def atee(self, events: AsyncIterator[Any], assembly: Assembly) -> AsyncIterator[Any]:
        try:
            async for event in events:
                self._note(assembly, event)
                yield event
        except GeneratorExit:
            await self._call.aend(self._partial(assembly))
            raise
        except BaseException as error:
            await self._call.aend(self._assembled(assembly), error)
            raise
        await self._call.aend(self._assembled(assembly))

    def _ending(self, close: Callable[[], Any], assembly: Assembly) -> Callable[[], Any]:
        def ending_close() -> Any:
            self._call.end(self._partial(assembly))
            return close()

        return ending_close

    def _aending(self, close: Callable[[], Any], assembly: Assembly) -> Callable[[], Any]:
        async def ending_close() -> Any:
            await self._call.aend(self._partial(assembly))
            return await close()

        return ending_close

    def _on_parse(self, response: Any) -> None:
        parse = response.parse

        def heard_parse(*args: Any, **options: Any) -> Any:
            result = parse(*args, **options)
            self.hear(result)
            return result

        response.parse = heard_parse

    def _on_aparse(self, response: Any) -> None:
        parse = response.parse

        async def heard_parse(*args: Any, **options: Any) -> Any:
            result = await parse(*args, **options)
            await self.ahear(result)
            return result

        response.parse = heard_parse

    def _note(self, assembly: Assembly, event: Any) -> None:
        self._call.first_token()
        try:
            assembly.add(event)
        except Exception as error:
            _log.debug("An event of a stream was not understood: %s", error)

    def _read(self, result: Any) -> Answer | None:
        try:
            return self._dialect.answer(result)
        except Exception as error:
            _log.debug("An answer was not understood: %s", error)
            return None

    def _assembled(self, assembly: Assembly) -> Answer | None:
        try:
            return assembly.answer()
        except Exception as error:
            _log.debug("A stream was not understood: %s", error)
            return None

    def _partial(self, assembly: Assembly) -> Answer | None:
        answer = self._assembled(assembly)
        if answer is not None:
            answer.details["closed_early"] = True
        return answer


def _is_stream(result: Any) -> bool:
    return hasattr(result, "_iterator") and hasattr(result, "response")


def _is_raw(result: Any) -> bool:
    """What ``with_raw_response`` gives."""
    return hasattr(result, "http_response") and hasattr(result, "parse")


def _is_unread(result: Any) -> bool:
    """What ``with_streaming_response`` gives: its body is read when, and if, the caller wants it."""
    return _is_raw(result) and hasattr(result, "iter_bytes")


def _parsed(result: Any) -> Any:
    try:
        return result.parse()  # kept by the response: the caller's own `parse()` gives the same object
    except Exception as error:
        _log.debug("A raw response could not be parsed: %s", error)
        return None


def _parameters(body: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a request that are one number, word or switch, such as ``temperature``."""
    settings = {
        name: value
        for name, value in body.items()
        if name not in ("model", "stream", "prompt", "input", "instructions", "system") and isinstance(value, (str, int, float))
    }
    return {"parameters": settings} if settings else {}


def dump(model: Any) -> dict[str, Any]:
    """A provider's object as a dict, without what is None."""
    plain = _plain(model)
    return {name: value for name, value in plain.items() if value is not None}


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(exclude_none=True, warnings=False)
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if hasattr(value, "__dict__"):
        return {name: _plain(inner) for name, inner in vars(value).items()}
    return value
