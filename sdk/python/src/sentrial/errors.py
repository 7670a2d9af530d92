from __future__ import annotations


class SentrialError(Exception):
    """The root of everything this package raises.

    ::

        SentrialError
        ├── ConfigurationError     no API key, a URL that is none
        ├── ValidationError        an argument the server cannot take (also a ValueError)
        ├── DeliveryError          not delivered: it may have been stored or not; sending again is safe
        │   ├── ServerUnavailable  no connection, a timeout, 429 or 5xx, until the retries were used up
        │   └── QueueFull          the memory bound is reached
        └── RefusedError           the server answered, and will not take it
            ├── AuthenticationError   the key is unknown, revoked or expired
            ├── PermissionDeniedError the key lacks the scope
            ├── NotFoundError         no such session in this project
            └── ConflictError         the id is taken by other content

    A client raises them only with ``fail_silently=False``. Otherwise they are logged by the logger ``sentrial``.
    """


class ConfigurationError(SentrialError):
    """The client cannot work as configured."""


class ValidationError(SentrialError, ValueError):
    """An argument, or what it was sent as, is not valid."""


class DeliveryError(SentrialError):
    """Not known to be stored. Sending the same thing again is safe: its id is made by the client."""


class ServerUnavailable(DeliveryError):
    """No usable answer came, after all retries."""


class QueueFull(DeliveryError):
    """What waits to be sent has reached its bound in memory."""


class RefusedError(SentrialError):
    """The server refused it. ``code`` is the GraphQL error code, such as ``NOT_FOUND``."""

    def __init__(self, message: str, code: str = "INTERNAL_SERVER_ERROR") -> None:
        super().__init__(message)
        self.code = code


class AuthenticationError(RefusedError):
    """The API key is missing, unknown, revoked or expired."""


class PermissionDeniedError(RefusedError):
    """The API key lacks the scope that the message names."""


class NotFoundError(RefusedError):
    """There is no such session in this project."""


class ConflictError(RefusedError):
    """The id was used before, with other content."""
