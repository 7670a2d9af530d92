from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PiiMode = Literal["label", "hash", "remove"]

REDACTABLE = frozenset(
    {
        "userInput", "assistantOutput", "toolInput", "toolOutput", "toolError", "metadata", "reasoning", "failureReason",
        "summary", "prompt", "response", "errorMessage", "errorStack", "recoveryAction", "alternativesConsidered",
        "chosen", "stateBefore", "stateAfter", "customMetrics", "name", "agentName",
    }
)  # fmt: skip


@dataclass(frozen=True)
class PiiCustomPattern:
    """A regular expression of your own, and what to put in its place: ``label="ORDER"`` gives ``[ORDER]``."""

    pattern: str
    label: str


@dataclass(frozen=True)
class PiiBuiltinPatterns:
    """Which of the known patterns are looked for."""

    emails: bool = True
    phones: bool = True
    ssns: bool = True
    credit_cards: bool = True
    ip_addresses: bool = True


@dataclass(frozen=True)
class PiiConfig:
    """What is taken out of the data before it leaves the process.

    ``mode``: ``label`` puts ``[EMAIL]`` in its place, ``hash`` ``[EMAIL:1f3a…]`` (equal values stay equal), ``remove``
    nothing. ``fields``: the wire names to look in, such as ``userInput``; None is all that hold free text.
    """

    enabled: bool = True
    mode: PiiMode = "label"
    fields: Sequence[str] | None = None
    builtin_patterns: PiiBuiltinPatterns = field(default_factory=PiiBuiltinPatterns)
    custom_patterns: Sequence[PiiCustomPattern] = ()


_EMAIL = r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.[A-Za-z]{2,24}"
_SSN = r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"
_CARD = r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)"
_PHONE = r"(?<![\w.])(?:\+\d{1,3}[ .-]?)?(?:\(\d{3}\)|\d{3})[ .-]?\d{3}[ .-]?\d{4}(?!\w)"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IP = rf"(?<![\d.])(?:{_OCTET}\.){{3}}{_OCTET}(?![\d.])"


class Redactor:
    """Applies a PiiConfig. Raises ConfigurationError for a custom pattern that is none."""

    def __init__(self, config: PiiConfig) -> None:
        on = config.builtin_patterns
        self._mode = config.mode
        self._fields = REDACTABLE if config.fields is None else frozenset(_camel(name) for name in config.fields)
        self._patterns: list[tuple[re.Pattern[str], str]] = [
            (_compile(custom.pattern), custom.label) for custom in config.custom_patterns
        ]
        # The more exact ones first: a card number also looks like a phone number.
        for wanted, pattern, label in (
            (on.emails, _EMAIL, "EMAIL"),
            (on.ssns, _SSN, "SSN"),
            (on.credit_cards, _CARD, "CREDIT_CARD"),
            (on.ip_addresses, _IP, "IP_ADDRESS"),
            (on.phones, _PHONE, "PHONE"),
        ):
            if wanted:
                self._patterns.append((re.compile(pattern), label))

    def redact(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of the JSON-safe ``fields`` of one input without what the patterns match."""
        return {name: self._value(value) if name in self._fields else value for name, value in fields.items()}

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(name): self._value(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner) for inner in value]
        return value

    def text(self, text: str) -> str:
        for pattern, label in self._patterns:
            text = pattern.sub(partial(self._instead, label), text)
        return text

    def _instead(self, label: str, found: re.Match[str]) -> str:
        if self._mode == "remove":
            return ""
        if self._mode == "hash":
            return f"[{label}:{hashlib.sha256(found[0].encode('utf-8', 'replace')).hexdigest()[:12]}]"
        return f"[{label}]"


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigurationError(f"pii: {pattern!r} is no regular expression: {error}") from None


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
