"""JSON text of whatever a tool was given or gave back. Nothing here raises."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import accumulate
from os import PathLike
from typing import Any, Callable
from uuid import UUID

DEEPEST = 100
LONGEST_TEXT_OF_UNKNOWN = 1_000
LARGEST_ARRAY = 10_000

# Larger integers than a double can hold, which Python may refuse to write out, are sent in hexadecimal.
_FITS = 1 << 1_023
_BRACKETS = re.compile(r"[{}\[\]]")


def to_json(value: object) -> bytes:
    """``value`` as JSON in UTF-8, valid whatever it is.

    datetime, date, time → ISO 8601; timedelta → seconds; UUID, Decimal, path → text; Enum → its value; dataclass,
    pydantic model, named tuple → object; numpy scalar or array → number or list; set → list; bytes → text, or base64
    where they are no UTF-8; exception → ``{"type", "message"}``; NaN and infinities → text; keys → text; a cycle,
    something nested deeper than 100 levels, or an object that fails to describe itself → a short note in its place.
    Anything else is its ``str()``, at most 1,000 characters.
    """
    try:
        text = _encode(value)
        if _may_be_deep(text):
            text = _encode(to_json_value(value))
    except Exception:
        text = _encode(to_json_value(value))
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can hold only escaped
        return json.dumps(json.loads(text), ensure_ascii=True, separators=(",", ":")).encode()


def to_json_value(value: object) -> Any:
    """``value`` as dicts, lists, text, finite numbers, booleans and None, by the rules of ``to_json``."""
    return _plain(value, DEEPEST, ())


def _may_be_deep(text: str) -> bool:
    """Whether it nests deeper than DEEPEST; brackets in strings may make it look so."""
    if text.count("{") + text.count("[") <= DEEPEST:
        return False
    steps = ((1 if bracket in "{[" else -1) for bracket in _BRACKETS.findall(text))
    return max(accumulate(steps), default=0) > DEEPEST


def _plain(value: object, depth: int, above: tuple[int, ...]) -> Any:
    if value is None or type(value) is str or type(value) is bool:
        return value
    if type(value) is int:
        return value if -_FITS < value < _FITS else hex(value)
    if type(value) is float:
        return value if math.isfinite(value) else str(value)
    if depth == 0:
        return f"<{type(value).__name__} nested too deep>"
    if id(value) in above:
        return f"<{type(value).__name__} that contains itself>"
    try:
        return _describe(value, depth - 1, (*above, id(value)))
    except Exception as error:
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"


def _describe(value: Any, depth: int, above: tuple[int, ...]) -> Any:
    def plain(inner: object) -> Any:
        return _plain(inner, depth, above)

    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return plain(int(value))
    if isinstance(value, float):
        return plain(float(value))
    if isinstance(value, Mapping):
        return {_key(name): plain(inner) for name, inner in list(value.items())}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner) for inner in list(value)]
    for kinds, describe in _BY_TYPE:
        if isinstance(value, kinds):
            return describe(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name, None)) for field in dataclasses.fields(value)}
    for mark, method in (("__pydantic_fields__", "model_dump"), ("__fields__", "dict")):  # pydantic 2 and 1
        if hasattr(type(value), mark) and callable(getattr(value, method, None)):
            return plain(getattr(value, method)())
    if type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "tolist"):
        if getattr(value, "size", 0) > LARGEST_ARRAY:
            return f"<{type(value).__name__} of {value.dtype}, shape {value.shape}>"
        return plain(value.tolist())
    if isinstance(value, BaseException):
        return {"type": type(value).__name__, "message": str(value)}
    if isinstance(value, type) or callable(value):
        name = getattr(value, "__qualname__", None)
        if isinstance(name, str):
            return f"{value.__module__}.{name}"
    return str(value)[:LONGEST_TEXT_OF_UNKNOWN]


def _key(name: object) -> str:
    if isinstance(name, Enum):
        name = name.value
    if isinstance(name, str):
        return str.__str__(name)
    if name is None or isinstance(name, bool):
        return {None: "null", True: "true", False: "false"}[name]
    return str(name)


def _bytes(value: bytes | bytearray | memoryview) -> str:
    raw = bytes(value)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return base64.b64encode(raw).decode()


_BY_TYPE: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    ((datetime, date, time), lambda value: value.isoformat()),
    (timedelta, lambda value: value.total_seconds()),
    ((UUID, Decimal), str),
    ((bytes, bytearray, memoryview), _bytes),
    (PathLike, lambda value: _bytes(path) if isinstance(path := value.__fspath__(), bytes) else path),
)

# The C encoder; what it does not know goes through `to_json_value`, what it refuses through there as a whole.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=to_json_value).encode
