"""When an endpoint is asked at all: ranges of the local day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

DAY_MINUTES: Final = 1440


def seconds_closed(ranges: Sequence[tuple[int, int]], minute: float) -> float:
    """Seconds until one of the ranges begins; 0 within one.

    Args:
        ranges: first and last minute of the day, as `config.hours.parse` has them; one that ends before it begins goes
            over midnight.
        minute: of the day, now.
    """
    waits = []
    for first, last in ranges:
        length = (last - first) % DAY_MINUTES or DAY_MINUTES
        if (minute - first) % DAY_MINUTES < length:
            return 0.0
        waits.append((first - minute) % DAY_MINUTES)
    return min(waits, default=0.0) * 60
