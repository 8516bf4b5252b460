"""How many calls an endpoint gets at once: it adapts to what the endpoint bears, up to the setting.

Halved when it asks to slow down, one more after each round of good answers: additive increase and multiplicative
decrease, as TCP's congestion avoidance has it (RFC 5681).
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Concurrency:
    """`limit` calls at once, at most `ceiling`. `halved_at` is monotonic; `good` counts the answers since the last change."""

    ceiling: int
    limit: int
    halved_at: float = float("-inf")
    good: int = 0

    @classmethod
    def full(cls, ceiling: int) -> Concurrency:
        """Nothing is known against the setting."""
        return cls(ceiling, ceiling)


def after_limited(now_has: Concurrency, *, started_at: float, now: float) -> Concurrency:
    """A call was refused for coming too fast. Those that began before the last halving are of the same wave."""
    if started_at < now_has.halved_at:
        return now_has
    return replace(now_has, limit=max(1, now_has.limit // 2), halved_at=now, good=0)


def after_good(now_has: Concurrency, *, started_at: float) -> Concurrency:
    """A call was answered."""
    if now_has.limit >= now_has.ceiling or started_at < now_has.halved_at:
        return now_has
    if now_has.good + 1 >= now_has.limit:
        return replace(now_has, limit=now_has.limit + 1, good=0)
    return replace(now_has, good=now_has.good + 1)
