"""Report what AI agents do to a Sentrial server.

``SentrialClient`` and ``AsyncSentrialClient`` record sessions and events; ``@session`` and ``@tool`` do it around
functions; ``sentrial.claude_code``, ``sentrial.langchain``, ``sentrial.openai`` and ``sentrial.anthropic`` around
libraries. The shapes are in ``sentrial.types``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .async_client import AsyncSentrialClient
from .client import SentrialClient
from .config import BatcherConfig
from .context import (
    clear_session_context,
    get_current_client,
    get_current_interaction,
    get_current_session_id,
    get_session_context,
    set_session_context,
)
from .decorators import SessionContext, session, tool
from .default import begin, begin_async, configure, configure_async
from .errors import (
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    DeliveryError,
    NotFoundError,
    PermissionDeniedError,
    QueueFull,
    RefusedError,
    SentrialError,
    ServerUnavailable,
    ValidationError,
)
from .interaction import AsyncInteraction, Interaction
from .redact import PiiBuiltinPatterns, PiiConfig, PiiCustomPattern
from .types import EventType
from .version import __version__

if TYPE_CHECKING:
    from .anthropic import wrap_anthropic as wrap_anthropic
    from .langchain import AsyncSentrialCallbackHandler as AsyncSentrialCallbackHandler
    from .langchain import SentrialCallbackHandler as SentrialCallbackHandler
    from .openai import wrap_openai as wrap_openai

__all__ = [
    "AsyncInteraction",
    "AsyncSentrialClient",
    "AuthenticationError",
    "BatcherConfig",
    "ConfigurationError",
    "ConflictError",
    "DeliveryError",
    "EventType",
    "Interaction",
    "NotFoundError",
    "PermissionDeniedError",
    "PiiBuiltinPatterns",
    "PiiConfig",
    "PiiCustomPattern",
    "QueueFull",
    "RefusedError",
    "SentrialClient",
    "SentrialError",
    "ServerUnavailable",
    "SessionContext",
    "ValidationError",
    "__version__",
    "begin",
    "begin_async",
    "clear_session_context",
    "configure",
    "configure_async",
    "get_current_client",
    "get_current_interaction",
    "get_current_session_id",
    "get_session_context",
    "session",
    "set_session_context",
    "tool",
]

# Imported when asked for, as langchain-core may not be installed; so not in __all__, which `import *` asks for.
_LAZY = {
    "AsyncSentrialCallbackHandler": "langchain",
    "SentrialCallbackHandler": "langchain",
    "wrap_anthropic": "anthropic",
    "wrap_openai": "openai",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
