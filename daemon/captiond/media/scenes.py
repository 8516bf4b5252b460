"""Which frames of a video are worth sending: none that looks like another, none that shows nothing. Pure.

A frame is judged by a thumbnail of its colours. Of 768 values one in 32 has to differ by more than 24 of 255 levels: a
person who walks through a still street is another picture; noise, a lip that moves and a hand that trembles are not.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import sub

SIDE = 16
"""A thumbnail's width and height in cells; each is three bytes, red, green and blue."""

_LEVELS = 24
_SHARE = 1 / 32
_PLAIN = 16
"""Levels: a frame whose colours are all within so much of each other is black, white or some other plain colour."""


@dataclass(frozen=True, slots=True)
class Look:
    """One frame that was looked at: when it is shown, in seconds from the start, and its thumbnail."""

    at: float
    cells: bytes


def is_blank(look: Look) -> bool:
    """Whether a frame shows nothing: a fade, a leader, a lens cap."""
    channels = (look.cells[channel::3] for channel in range(3))
    return all(max(channel) - min(channel) < _PLAIN for channel in channels)


def differ(one: Look, other: Look) -> bool:
    """Whether two frames are different pictures to someone who describes them."""
    return _differ(one.cells, other.cells)


def different(looks: Sequence[Look]) -> list[int]:
    """The frames of which no two look alike, and none is blank, as places in `looks`. The first of its kind stands for it."""
    kept: list[int] = []
    for place, look in enumerate(looks):
        if not is_blank(look) and all(differ(look, looks[other]) for other in kept):
            kept.append(place)
    return kept


def chosen(looks: Sequence[Look], most: int) -> list[int]:
    """The frames that are sent, as places in `looks`, which are in order of time: at most `most`.

    Those that are different; the first one, if all are blank. Of more than `most` they are taken evenly, with the first
    and the last.
    """
    kept = different(looks)
    if not kept:
        return [0] if looks else []
    if len(kept) <= most:
        return kept
    if most == 1:
        return [kept[len(kept) // 2]]
    return [kept[round(number * (len(kept) - 1) / (most - 1))] for number in range(most)]


def next_moment(looks: Sequence[Look], seconds: float, least: float) -> float | None:
    """Where to look next for a picture that is not there yet, in seconds; None where no gap is long enough.

    The middle of the longest gap between two looks that differ, since something happened there; else of the longest.

    Args:
        looks: in order of time, at least one.
        seconds: the length of the film.
        least: the shortest gap that is worth a look, in seconds.
    """
    times = [0.0, *(look.at for look in looks), seconds]
    changes = [False, *(differ(a, b) for a, b in itertools.pairwise(looks)), False]
    gaps = [
        (change, later - earlier, (earlier + later) / 2)
        for (earlier, later), change in zip(itertools.pairwise(times), changes, strict=True)
        if later - earlier >= least
    ]
    return max(gaps)[2] if gaps else None


@lru_cache(maxsize=4096)
def _differ(one: bytes, other: bytes) -> bool:
    changed = sum(not -_LEVELS <= step <= _LEVELS for step in map(sub, one, other))
    return changed > _SHARE * len(one)
