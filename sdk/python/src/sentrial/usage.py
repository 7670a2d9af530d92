"""Token usage, whatever the provider calls it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .pricing import calculate_cost

# Names of one count, in snake case, the most usual first.
_PROMPT = ("input_tokens", "prompt_tokens", "prompt_token_count", "input_token_count", "prompt_eval_count")
_COMPLETION = (
    "output_tokens",
    "completion_tokens",
    "candidates_token_count",
    "output_token_count",
    "generated_token_count",
    "response_tokens",
    "eval_count",
)
_TOTAL = ("total_tokens", "total_token_count")
_CACHE_READ = ("cache_read_input_tokens", "cached_content_token_count", "cache_read", "cached_tokens")
_CACHE_WRITE = ("cache_creation_input_tokens", "cache_creation", "cache_write_tokens")
_REASONING = ("reasoning", "reasoning_tokens", "thoughts_token_count")
# Where a provider keeps the finer counts.
_DETAILS = (
    "input_token_details",
    "prompt_tokens_details",
    "input_tokens_details",
    "output_token_details",
    "completion_tokens_details",
    "output_tokens_details",
)


@dataclass(frozen=True)
class Usage:
    """Tokens of one call of a model. None is unknown, which is not 0.

    ``prompt_tokens`` counts all that the model read, from and into the cache too; ``completion_tokens`` all that it
    wrote, reasoning too.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None

    def cost(self, model: str) -> float | None:
        """US dollars by list price; None where a price is unknown, as that of cached tokens is."""
        if self.prompt_tokens is None or self.completion_tokens is None or self.cache_read_tokens or self.cache_write_tokens:
            return None
        return calculate_cost(model, self.prompt_tokens, self.completion_tokens)

    def details(self) -> dict[str, int]:
        """The finer counts, for an event's metadata."""
        finer = {
            "cache_read_tokens": self.cache_read_tokens,
            "cache_write_tokens": self.cache_write_tokens,
            "reasoning_tokens": self.reasoning_tokens,
        }
        return {name: count for name, count in finer.items() if count}


def read_usage(raw: Any, *, cache_is_extra: bool = False) -> Usage | None:
    """The usage that a provider reports, from a mapping or an object; None where it holds no count.

    ``cache_is_extra``: the prompt count leaves cached tokens out, as Anthropic's own does.
    """
    counts = _counts(raw)
    prompt, completion = _first(counts, _PROMPT), _first(counts, _COMPLETION)
    if prompt is None and completion is None and _first(counts, _TOTAL) is None:
        return None
    read, written = _first(counts, _CACHE_READ), _first(counts, _CACHE_WRITE)
    if cache_is_extra and prompt is not None:
        prompt += (read or 0) + (written or 0)
    total = None if cache_is_extra else _first(counts, _TOTAL)
    if total is None and prompt is not None and completion is not None:
        total = prompt + completion
    return Usage(prompt, completion, total, read, written, _first(counts, _REASONING))


def _counts(raw: Any) -> dict[str, int]:
    """All whole numbers of the usage and its details, by their names in snake case."""
    fields = raw if isinstance(raw, Mapping) else getattr(raw, "__dict__", None)
    counts: dict[str, int] = {}
    for name, value in (fields or {}).items():
        key = _snake(str(name))
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
            counts[key] = int(value)
        elif key in _DETAILS:
            for finer, count in _counts(value).items():
                counts.setdefault(finer, count)
    return counts


def _first(counts: dict[str, int], names: tuple[str, ...]) -> int | None:
    return next((counts[name] for name in names if name in counts), None)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
