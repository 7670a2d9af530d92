"""Records what agents built on the Claude Agent SDK (``claude-agent-sdk``) do.

``wrap_claude_agent`` is for its ``query()``, ``wrap_claude_client`` for its ``ClaudeSDKClient``. Both watch the stream
of messages: they add no hooks, change no options, and pass on every message, and every exception, as it came.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterable
from typing import TYPE_CHECKING, Any, Protocol

from .claude_messages import kind_of
from .claude_run import Origin, Run
from .claude_spending import Ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from types import TracebackType

    from .async_client import AsyncSentrialClient

__all__ = ["TrackedClaudeClient", "TrackedQuery", "wrap_claude_agent", "wrap_claude_client"]

_log = logging.getLogger("sentrial")


class TrackedQuery(Protocol):
    """What ``wrap_claude_agent`` gives: called as ``query`` is."""

    def __call__(
        self,
        *,
        prompt: str | AsyncIterable[dict[str, Any]],
        options: Any = None,
        **more: Any,
    ) -> AsyncGenerator[Any, None]:
        """``options``: a ``ClaudeAgentOptions``, or a dict of its arguments. ``more`` goes to ``query`` as it is."""
        ...


def wrap_claude_agent(
    query: Callable[..., AsyncIterator[Any]],
    client: AsyncSentrialClient,
    default_agent: str = "claude-agent",
    user_id: str = "anonymous",
    convo_id: str | None = None,
    extra_metadata: Mapping[str, Any] | None = None,
) -> TrackedQuery:
    """Wraps ``claude_agent_sdk.query``. Each call of what it gives is one session, called ``default_agent``'s.

    The session begins with the first message and completes with the result message: prompt, answer, tokens (those
    read from and written to the cache count as prompt tokens), cost in US dollars, duration. Each tool call is an
    event; a subagent is a session of its own with the run's session as its parent. A run whose generator raises fails
    with the exception's text, one that is closed before its result with
    ``Session interrupted (generator closed early)``.

    ``extra_metadata`` goes into every session's metadata. ``convo_id`` links the sessions. Each message also gets a
    ``type`` (``"assistant"``, ``"result"``, …), which the SDK's own message classes lack.

    Nothing that goes wrong in recording reaches the caller.
    """
    origin = Origin(client, default_agent, user_id, convo_id, extra_metadata)
    ledger = Ledger()

    def tracked_query(
        *, prompt: str | AsyncIterable[dict[str, Any]], options: Any = None, **more: Any
    ) -> AsyncGenerator[Any, None]:
        options = _as_options(options)
        run = Run(origin, ledger, _resumed(options))
        return _Messages(run, query(prompt=_overheard(run, prompt), options=options, **more))

    return tracked_query


def wrap_claude_client(
    sdk_client: Any,
    sentrial_client: AsyncSentrialClient,
    default_agent: str = "claude-agent",
    user_id: str = "anonymous",
    convo_id: str | None = None,
    extra_metadata: Mapping[str, Any] | None = None,
) -> TrackedClaudeClient:
    """Wraps a ``claude_agent_sdk.ClaudeSDKClient``: each ``query()`` with its ``receive_response()`` is one session.

    See ``wrap_claude_agent`` for what a session holds. Everything else of the client works as before, ``async with``
    too. What is read with ``receive_messages()`` is not recorded.
    """
    return TrackedClaudeClient(sdk_client, Origin(sentrial_client, default_agent, user_id, convo_id, extra_metadata))


class TrackedClaudeClient:
    """A ``ClaudeSDKClient`` whose responses are recorded. Made by ``wrap_claude_client``."""

    def __init__(self, sdk_client: Any, origin: Origin) -> None:
        self._sdk_client = sdk_client
        self._origin = origin
        self._ledger = Ledger()
        self._resumed = _resumed(getattr(sdk_client, "options", None))
        self._run: Run | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sdk_client, name)

    async def __aenter__(self) -> TrackedClaudeClient:
        await self._sdk_client.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> Any:
        return await self._sdk_client.__aexit__(kind, error, trace)

    async def connect(self, prompt: str | AsyncIterable[dict[str, Any]] | None = None) -> None:
        """As the SDK's; a ``prompt`` begins the first session."""
        if prompt is None:
            await self._sdk_client.connect()
        else:
            await self._begin(prompt, self._sdk_client.connect)

    async def query(self, prompt: str | AsyncIterable[dict[str, Any]], *rest: Any, **more: Any) -> None:
        """As the SDK's. The next ``receive_response()`` records the answer to it."""
        await self._begin(prompt, self._sdk_client.query, *rest, **more)

    def receive_response(self) -> AsyncGenerator[Any, None]:
        """As the SDK's: the messages up to the result message."""
        run, self._run = self._run or self._new_run(), None
        return _Messages(run, self._sdk_client.receive_response())

    async def _begin(self, prompt: str | AsyncIterable[dict[str, Any]], send: Callable[..., Any], *rest: Any, **more: Any) -> None:
        run = self._new_run()
        try:
            await send(_overheard(run, prompt), *rest, **more)
        except BaseException as error:
            await run.fail(*_reason(error))
            raise
        self._run = run

    def _new_run(self) -> Run:
        run = Run(self._origin, self._ledger, self._resumed)
        self._resumed = None  # from the second turn on, the first one's totals are known
        return run


class _Messages(AsyncGenerator[Any, None]):
    """The recorded stream. Dropping it, as ``break`` does, ends the run at once."""

    def __init__(self, run: Run, messages: AsyncIterator[Any]) -> None:
        self._run = run
        self._messages = _recorded(run, messages)

    async def asend(self, value: None) -> Any:
        return await self._messages.asend(value)

    async def athrow(self, kind: Any, value: Any = None, trace: Any = None) -> Any:
        return await self._messages.athrow(kind, value, trace)

    async def aclose(self) -> None:
        await self._messages.aclose()

    def __del__(self) -> None:
        self._run.abandon()


async def _recorded(run: Run, messages: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """Yields ``messages``, and tells ``run`` each of them and how it ended."""
    try:
        async for message in messages:
            _name_type(message)
            await run.see(message)
            yield message
    except GeneratorExit:
        await run.interrupt()
        raise
    except BaseException as error:
        await run.fail(*_reason(error))
        raise
    else:
        await run.end()
    finally:
        # A generator left in the middle of an `async for` stays open until it is collected: end the CLI now.
        close = getattr(messages, "aclose", None)
        if close is not None:
            await close()


def _reason(error: BaseException) -> tuple[str, str | None]:
    """The text of a failure, and its type where it is an error of the agent's."""
    kind = type(error).__name__
    if kind in ("CancelledError", "Cancelled"):  # asyncio's, trio's
        return "Session interrupted (task cancelled)", None
    return str(error) or kind, kind


def _overheard(run: Run, prompt: str | AsyncIterable[dict[str, Any]]) -> Any:
    """The prompt, told to the run: at once, or message by message as the SDK takes them."""
    if isinstance(prompt, str):
        run.hear(prompt)
        return prompt
    if not isinstance(prompt, AsyncIterable):
        return prompt

    async def messages() -> AsyncGenerator[dict[str, Any], None]:
        async for message in prompt:
            run.hear_message(message)
            yield message

    return messages()


def _as_options(options: Any) -> Any:
    """A dict as the SDK's options class. Raises TypeError, as the class does, for an option that it does not know."""
    if not isinstance(options, dict):
        return options
    try:
        from claude_agent_sdk import ClaudeAgentOptions
    except ImportError:  # some other `query` then
        return options
    return ClaudeAgentOptions(**options)


def _resumed(options: Any) -> str | None:
    """The Claude session that is continued: its id, ``""`` where only the SDK knows it, None for a new one."""
    resume = getattr(options, "resume", None)
    if resume:
        return str(resume)
    return "" if getattr(options, "continue_conversation", False) else None


def _name_type(message: Any) -> None:
    if getattr(message, "type", None) is None:
        try:
            message.type = kind_of(message)
        except Exception as error:
            _log.debug("A %s takes no type: %s", type(message).__name__, error)
