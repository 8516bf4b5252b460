"""How much of a video its small version shows: how many pictures, how fast, and how they are reached. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

THREADS = 2
"""Of the decoder, where a video is read through."""
MOST_BYTES = 10_000_000
"""Of a small video, whatever the endpoint takes: those of all calls in flight are held in memory."""

_RATES = ((30.0, 4.0), (120.0, 2.0), (math.inf, 1.0))
"""Pictures a second, by the length up to which they are taken. Models look at one or two a second."""
_PICTURE_BYTES = 3_000
"""The least that a picture of 768 pixels is worth sending with; where fewer bytes are allowed there are fewer pictures."""
_READ_PIXELS = 6e9
"""A video with more is not read through: two minutes of 1080p at 25 frames a second, some four seconds of one core."""
_READ_FEW_PIXELS = 12e9
"""Nor one with more where it has next to no key frames, as a screen recording: there is no other way to its pictures."""
_KEY_PIXELS = 4e8
"""Of the key frames that are sought at most: 192 of 1080p, some six seconds of one core."""
_LEAST_KEYS = 32
_DENSE = 0.5
"""Key frames that are so many of the wanted pictures do for them."""


@dataclass(frozen=True, slots=True)
class Source:
    """A video, as its header tells of it.

    Args:
        seconds: its length.
        frame_pixels: of one frame.
        rate: its frames a second.
        keys: how many key frames it has; None where that is not known before it is read.
    """

    seconds: float
    frame_pixels: int
    rate: float
    keys: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is made of it.

    Args:
        seconds: the small video's length.
        count: its pictures, at most.
        through: the video is read through and decoded; else key frames are sought.
    """

    seconds: float
    count: int
    through: bool


def plan(source: Source, max_seconds: float, max_bytes: int) -> Plan | None:
    """Evenly over the whole length, whatever it costs least to reach; None where any way costs too much.

    A video longer than `max_seconds` runs faster in its small version, which then has at least a picture a second: a
    server that takes one a second sees each.
    """
    length = min(source.seconds, max_seconds)
    rate = next(rate for most, rate in _RATES if source.seconds <= most)
    count = max(1, min(math.ceil(length * rate), int(max_bytes // _PICTURE_BYTES)))
    dense = source.keys is not None and source.keys >= _DENSE * count
    few = source.keys is not None and source.keys < min(_LEAST_KEYS, count)
    pixels = source.seconds * source.rate * source.frame_pixels
    if few and pixels > _READ_FEW_PIXELS:
        return None
    through = not dense and (few or pixels <= _READ_PIXELS)
    if not through:
        count = min(count, max(_LEAST_KEYS, int(_KEY_PIXELS // source.frame_pixels)))
    if source.seconds > max_seconds:
        length = min(length, count / rate)
    return Plan(length, count, through)
