"""Pictures that move: a few frames of a GIF, WebP, APNG or AVIF, evenly over its length, each with its time.

Frames are gone through in order, since each is drawn on the one before, and made small and into a JPEG at once: never more than
one is held in full.
"""

from __future__ import annotations

import itertools
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from captiond.media.timing import MOST_FRAMES, frame_seconds
from captiond.values import ImagePart

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("GIF", "WEBP", "PNG", "AVIF")
"""Pillow's names of the formats whose further pictures are later ones. A TIFF's are pages, a HEIC's other shots."""


@dataclass(frozen=True, slots=True)
class Motion:
    """An animation's frames, the first by Pillow's number of it, with the second when each is shown."""

    first: int
    starts: tuple[float, ...]
    seconds: float

    def at(self, second: float) -> int:
        """Which of its frames is shown then."""
        return max(0, bisect_right(self.starts, second) - 1)


def motion(image: Image.Image, format_: str, file: BinaryIO) -> Motion | None:
    """How an opened picture moves; None for a still one."""
    if image.format not in FORMATS or not getattr(image, "is_animated", False):
        return None
    first = 1 if image.info.get("default_image") else 0  # an APNG's picture for those who can't show its frames
    lengths = frame_seconds(format_, file)[: min(getattr(image, "n_frames", 1) - first, MOST_FRAMES)]
    if len(lengths) < 2:
        return None
    ends = list(itertools.accumulate(lengths))
    return Motion(first, (0.0, *ends[:-1]), ends[-1])


def frames(
    image: Image.Image, moves: Motion, count: int, ends: float, take: Callable[[Image.Image, float], ImagePart]
) -> list[ImagePart]:
    """Up to `count` frames at the midpoints of equal parts, without one that looks like the one before it.

    One frame alone means that nothing moves: then the frames between those were looked at as well, since what flashes
    can be missed at even distances.

    Args:
        ends: monotonic time after which no further frame is gone to; those found until then are given.
        take: makes a frame, and its time in seconds, small and into a JPEG.
    """
    part = moves.seconds / count
    found = _taken(image, moves, [part * (number + 0.5) for number in range(count)], ends, take)
    if len(found) == 1 and len(moves.starts) > count:
        found += _taken(image, moves, [part * number for number in range(count)], ends, take)
        found = _without_repeats(sorted(found, key=lambda part: part.at_seconds or 0))[:count]
    return found


def _without_repeats(parts: list[ImagePart]) -> list[ImagePart]:
    return [part for number, part in enumerate(parts) if number == 0 or part.data != parts[number - 1].data]


def _taken(
    image: Image.Image,
    moves: Motion,
    moments: Sequence[float],
    ends: float,
    take: Callable[[Image.Image, float], ImagePart],
) -> list[ImagePart]:
    found: list[ImagePart] = []
    for number in sorted({moves.at(moment) for moment in moments}):
        if found and time.monotonic() > ends:
            break
        try:
            if not _gone_to(image, moves.first + number, ends):
                break
        except (EOFError, OSError, SyntaxError, ValueError):
            if not found:
                raise
            break  # broken off further on: what moves until there is enough
        found.append(take(image, round(moves.starts[number], 3)))
    return _without_repeats(found)


def _gone_to(image: Image.Image, number: int, ends: float) -> bool:
    """Whether a frame was reached in time."""
    if image.format == "AVIF":
        image.seek(number)  # libavif goes to the key frame before it by itself
    elif image.tell() > number:
        image.seek(0)
    while (at := image.tell()) < number:
        if time.monotonic() > ends:
            return False
        image.seek(at + 1)
        image.load()
    image.load()
    return True
