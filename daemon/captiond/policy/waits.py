"""How long a wait is: doubling, jitter, and what an endpoint asked for."""

from __future__ import annotations

from captiond.errors import Failure

LONGEST_WAIT = 86_400.0
"""Seconds. No endpoint makes a job or itself wait longer, whatever its Retry-After says: quotas end with the day."""


def grown(first: float, times: int, longest: float) -> float:
    """`first` doubled so many times, at most `longest`; 64 doublings exceed any wait."""
    return float(min(first * 2.0 ** min(max(times, 0), 64), longest))


def jittered(wait: float, chance: float) -> float:
    """Between half of the wait and the whole: many jobs that failed together do not come back together."""
    return wait * (0.5 + 0.5 * chance)


def told(failure: Failure) -> float:
    """The endpoint's Retry-After in seconds, within reason; 0 if there is none."""
    asked = failure.retry_after
    return min(asked, LONGEST_WAIT) if asked is not None and asked > 0 else 0.0
