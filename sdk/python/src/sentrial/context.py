"""Which session the running code belongs to. It follows threads' and tasks' contexts (``contextvars``)."""

from __future__ import annotations

from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from .async_client import AsyncSentrialClient
    from .client import SentrialClient
    from .interaction import AsyncInteraction, Interaction

    Client = Union[SentrialClient, AsyncSentrialClient]
    AnyInteraction = Union[Interaction, AsyncInteraction]


@dataclass(frozen=True)
class ActiveSession:
    """The session that ``@tool`` and the LLM wrappers report to. Without a client, the default client is used."""

    session_id: str
    client: Client | None = None
    interaction: AnyInteraction | None = None


_active: ContextVar[ActiveSession | None] = ContextVar("sentrial_active_session", default=None)


def enter_session(active: ActiveSession) -> Token[ActiveSession | None]:
    """Makes it the active session; ``leave_session`` with the token restores the one before."""
    return _active.set(active)


def leave_session(token: Token[ActiveSession | None]) -> None:
    try:
        _active.reset(token)
    except ValueError:  # entered in another context, as a generator's finally may be
        _active.set(None)


def get_active_session() -> ActiveSession | None:
    return _active.get()


def set_session_context(session_id: str, client: Client | None = None) -> None:
    """Makes ``session_id`` the active session of this context, until ``clear_session_context``."""
    _active.set(ActiveSession(session_id, client))


def clear_session_context() -> None:
    """After this no session is active in this context."""
    _active.set(None)


def get_session_context() -> str | None:
    """The id of the active session, or None."""
    active = _active.get()
    return active.session_id if active else None


def get_current_session_id() -> str | None:
    """The id of the active session, or None."""
    return get_session_context()


def get_current_interaction() -> AnyInteraction | None:
    """The interaction whose ``with`` block this code runs in, or None."""
    active = _active.get()
    return active.interaction if active else None


def get_current_client() -> Client | None:
    """The client of the active session, or None."""
    active = _active.get()
    return active.client if active else None
