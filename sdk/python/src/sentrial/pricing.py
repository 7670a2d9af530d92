"""List prices, for an estimate where the provider reports no cost. US dollars for a million tokens: input, output."""

from __future__ import annotations

_PRICES: dict[str, tuple[float, float]] = {
    "gpt-5": (1.25, 10.0),
    "gpt-5-mini": (0.25, 2.0),
    "gpt-5-nano": (0.05, 0.40),
    "gpt-4.1": (2.0, 8.0),
    "gpt-4.1-mini": (0.40, 1.60),
    "gpt-4.1-nano": (0.10, 0.40),
    "gpt-4o": (2.50, 10.0),
    "gpt-4o-mini": (0.15, 0.60),
    "gpt-4-turbo": (10.0, 30.0),
    "gpt-4": (30.0, 60.0),
    "gpt-3.5-turbo": (0.50, 1.50),
    "o1": (15.0, 60.0),
    "o3": (2.0, 8.0),
    "o3-mini": (1.10, 4.40),
    "o4-mini": (1.10, 4.40),
    "claude-opus-4": (15.0, 75.0),
    "claude-opus-4-5": (5.0, 25.0),
    "claude-sonnet-4": (3.0, 15.0),
    "claude-haiku-4-5": (1.0, 5.0),
    "claude-3-7-sonnet": (3.0, 15.0),
    "claude-3-5-sonnet": (3.0, 15.0),
    "claude-3-5-haiku": (0.80, 4.0),
    "claude-3-opus": (15.0, 75.0),
    "claude-3-haiku": (0.25, 1.25),
    "gemini-2.5-pro": (1.25, 10.0),
    "gemini-2.5-flash": (0.30, 2.50),
    "gemini-2.0-flash": (0.10, 0.40),
    "gemini-1.5-pro": (1.25, 5.0),
    "gemini-1.5-flash": (0.075, 0.30),
}
_LONGEST_FIRST = sorted(_PRICES, key=len, reverse=True)


def calculate_cost(model: str, prompt_tokens: int, completion_tokens: int) -> float | None:
    """An estimate in US dollars, without discounts for cached tokens; None for a model without a known price.

    The longest known name that ``model`` begins with decides, so a dated name is priced as its family. A provider's
    prefix (``openai/``) is ignored.
    """
    name = model.rsplit("/", 1)[-1].lower()
    for known in _LONGEST_FIRST:
        if name == known or name.startswith((f"{known}-", f"{known}@")):
            price_in, price_out = _PRICES[known]
            return (prompt_tokens * price_in + completion_tokens * price_out) / 1_000_000
    return None
