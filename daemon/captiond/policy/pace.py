"""How many calls an endpoint gets in a minute: requests and tokens of the last 60 seconds, against its limits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MINUTE: Final = 60.0
UNKNOWN_TOKENS: Final = 1500
"""What a call is taken to cost before one was answered: a picture at the usual edge and a short answer."""
UNLIMITED: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class PaceLimits:
    """At most so many in any 60 seconds; None: no limit."""

    requests: int | None = None
    tokens: int | None = None


class Pace:
    """The calls of the last minute. Times are of one clock, and do not go back.

    A call counts when it begins, its tokens when it ends; one under way counts as much as the last ones did on average.
    """

    def __init__(self, limits: PaceLimits, earlier: Iterable[tuple[float, int]] = ()) -> None:
        """`earlier` are calls of before: when each began, and its tokens."""
        self._limits = limits
        self._began: deque[float] = deque()
        self._spent: deque[tuple[float, int]] = deque()
        self._tokens = 0
        self._usual = UNKNOWN_TOKENS
        self._flying = 0
        for at, tokens in sorted(earlier):
            self.began(at)
            self.ended(at, tokens)

    def began(self, now: float) -> None:
        """A call begins."""
        self._began.append(now)
        self._flying += 1

    def ended(self, now: float, tokens: int | None) -> None:
        """A call has ended; `tokens` are of its prompt and its answer, None where they were not told."""
        self._flying = max(0, self._flying - 1)
        if tokens:
            self._spent.append((now, tokens))
            self._tokens += tokens
            self._usual = max(1, (3 * self._usual + tokens) // 4) if self._usual != UNKNOWN_TOKENS else tokens

    def free(self, now: float) -> int:
        """How many more calls may begin now. One always may when the last minute had none, however large it will be."""
        if self._limits == PaceLimits():
            return UNLIMITED
        while self._began and self._began[0] <= now - MINUTE:
            self._began.popleft()
        while self._spent and self._spent[0][0] <= now - MINUTE:
            self._tokens -= self._spent.popleft()[1]
        free = UNLIMITED
        if self._limits.requests is not None:
            free = self._limits.requests - len(self._began)
        if self._limits.tokens is not None:
            left = self._limits.tokens - self._tokens - self._flying * self._usual
            idle = not self._spent and not self._flying
            free = min(free, max(left // self._usual, int(idle)))
        return max(0, free)
