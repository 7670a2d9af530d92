"""What runs of Claude cost: the SDK counts from the beginning of a Claude session, so one run's part is a difference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

N = TypeVar("N", int, float)

CLAUDE_SESSIONS_REMEMBERED = 1_000


@dataclass(frozen=True)
class Totals:
    """US dollars, tokens, and milliseconds that the API took. None is unknown, which is not 0."""

    cost: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    api_ms: int | None = None

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            _plus(self.cost, other.cost),
            _plus(self.prompt_tokens, other.prompt_tokens),
            _plus(self.completion_tokens, other.completion_tokens),
            _plus(self.api_ms, other.api_ms),
        )

    @property
    def total_tokens(self) -> int | None:
        return _plus(self.prompt_tokens, self.completion_tokens)

    def since(self, before: Totals) -> Totals:
        return Totals(
            _minus(self.cost, before.cost),
            _minus(self.prompt_tokens, before.prompt_tokens),
            _minus(self.completion_tokens, before.completion_tokens),
            _minus(self.api_ms, before.api_ms),
        )


class Ledger:
    """What each Claude session had cost at its last result.

    A result's ``total_cost_usd``, ``model_usage`` and ``duration_api_ms`` count from the beginning of the Claude session,
    through all turns of a client and through ``resume``. So what one run cost is a difference.
    """

    def __init__(self) -> None:
        self._last: dict[str, Totals] = {}

    def since_last(self, result: Any, resumed: str | None) -> Totals:
        """What was spent since the last result of this Claude session, or of the one it resumes.

        Where that one is unknown (another process had it), the cost is unknown, and the tokens are those of the turn
        without its subagents.
        """
        session_id = str(getattr(result, "session_id", ""))
        now = _counted(result)
        before = self._last.pop(session_id, None) or (self._last.get(resumed) if resumed else None)
        self._last[session_id] = now
        while len(self._last) > CLAUDE_SESSIONS_REMEMBERED:
            del self._last[next(iter(self._last))]
        turn = _of_turn(getattr(result, "usage", None))
        if before is None and resumed is not None:
            return turn
        spent = now.since(before or Totals())
        if spent.prompt_tokens is None:
            return replace(turn, cost=spent.cost, api_ms=spent.api_ms)
        return spent


def _counted(result: Any) -> Totals:
    """All that a Claude session has spent. Its subagents count; so do tokens of the cache, as prompt tokens."""
    spent = Totals(getattr(result, "total_cost_usd", None), api_ms=getattr(result, "duration_api_ms", None))
    by_model = getattr(result, "model_usage", None)
    models = [usage for usage in by_model.values() if isinstance(usage, dict)] if isinstance(by_model, dict) else []
    if not models:
        return spent
    read = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
    return replace(
        spent,
        prompt_tokens=sum(usage.get(name) or 0 for usage in models for name in read),
        completion_tokens=sum(usage.get("outputTokens") or 0 for usage in models),
    )


def _of_turn(usage: Any) -> Totals:
    if not isinstance(usage, dict) or (usage.get("input_tokens") is None and usage.get("output_tokens") is None):
        return Totals()
    read = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return Totals(None, sum(usage.get(name) or 0 for name in read), usage.get("output_tokens") or 0)


def _plus(a: N | None, b: N | None) -> N | None:
    return b if a is None else a if b is None else a + b


def _minus(now: N | None, before: N | None) -> N | None:
    """``now`` alone where the count began anew, as it does after ``/clear``."""
    return now if now is None or before is None or now < before else now - before
