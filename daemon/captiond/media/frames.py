"""Which frames of a video are sent, and when they are: first at even distances, then where something may be missing."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING

from PIL import Image

from captiond.media import scenes

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from captiond.media.keyframes import Film, Span

_ENOUGH = 0.75
_MOST_PIXELS = 200e6
"""About a hundred frames of 1080p, half a second of one core."""
_LEAST_GAP = 0.5
"""Seconds: what is shown between two frames that are nearer is not looked for."""
_FURTHER = 1 / 4
"""Of the frames that may be sent, so many more are looked at, where some look alike; two at least."""

Take = Callable[["VideoFrame"], Image.Image]
"""Makes the small picture of a frame at once: whole frames are not kept."""


def chosen(film: Film, extent: Span, count: int, take: Take) -> list[tuple[float, Image.Image]]:
    """Up to `count` different pictures, as (seconds from the start, picture), in order; none if there is no frame.

    A film that changes all the time costs `count` key frames. Where pictures look alike or show nothing, a few more are
    looked at, between those that differ first: what is short lies there.
    """
    pictures = _evenly(film, extent, count, take)
    seen = _Seen(film, extent)
    for pts in sorted(pictures):
        seen.add(pts, pictures[pts])
    if pictures:
        _further(film, extent, count, take, seen)
    return seen.chosen(count)


class _Seen:
    """The pictures that were looked at."""

    def __init__(self, film: Film, extent: Span) -> None:
        self.looks: list[scenes.Look] = []
        self._film, self._extent = film, extent
        self._by_pts: dict[int, tuple[float, Image.Image, bytes]] = {}
        self._by_look: dict[float, int] = {}

    @property
    def known(self) -> frozenset[int]:
        """The times of the frames, in the stream's own units."""
        return frozenset(self._by_pts)

    def add(self, pts: int, picture: Image.Image) -> None:
        """A frame and its picture."""
        at = max(0.0, (pts - self._extent.start) * self._film.base)
        cells = picture.convert("RGB").resize((scenes.SIDE, scenes.SIDE), Image.Resampling.BOX).tobytes()
        self._by_pts[pts] = at, picture, cells
        self._note(at, pts)

    def again(self, at: float, pts: int) -> None:
        """Where one was looked for there is none but this known one: no other key frame lies between."""
        self._note(at, pts)

    def chosen(self, count: int) -> list[tuple[float, Image.Image]]:
        """The times and pictures of those that are to be sent."""
        found = [self._by_pts[self._by_look[self.looks[place].at]] for place in scenes.chosen(self.looks, count)]
        return sorted(((at, picture) for at, picture, _cells in found), key=lambda one: one[0])

    def _note(self, at: float, pts: int) -> None:
        if at not in self._by_look:
            self._by_look[at] = pts
            insort(self.looks, scenes.Look(at, self._by_pts[pts][2]), key=attrgetter("at"))


def _further(film: Film, extent: Span, count: int, take: Take, seen: _Seen) -> None:
    """Look at some more key frames, as long as there are fewer than `count` different pictures."""
    for _ in range(max(2, int(_FURTHER * count))):
        at = scenes.next_moment(seen.looks, extent.seconds, _LEAST_GAP)
        if at is None or film.late or len(scenes.different(seen.looks)) >= count:
            return
        found = film.key_frame_at(extent.start + round(at / film.base), seen.known)
        if found is None:
            return
        if found.frame is not None:
            seen.add(found.pts, take(found.frame))
        seen.again(at, found.pts)


def _evenly(film: Film, extent: Span, count: int, take: Take) -> dict[int, Image.Image]:
    """Up to `count` pictures at the midpoints of equal parts, by their times in the stream's own units.

    A part's key frame is its picture. Where a part has none, its midpoint is decoded to, unless that costs much and
    the key frames alone are nearly as many: then they are the pictures. A film that has none but its first is decoded on
    to where a picture is whole. A film without a length gives its first frame.
    """
    part = extent.seconds / count / film.base if extent.seconds else 0.0
    targets = [extent.start + int((i + 0.5) * part) for i in range(count)] if part >= 1 else []
    pictures: dict[int, Image.Image] = {}
    near: set[int] = set()
    missing: list[int] = []
    between: dict[int, list[int]] = {}
    for target in targets:
        if film.late:
            break
        key = film.key_frame_near(target, int(part / 2), pictures)
        if key is None:
            missing.append(target)
            continue
        if key.frame is not None:
            pictures[key.pts] = take(key.frame)
        if abs(key.pts - target) < part / 2:
            near.add(key.pts)
        else:
            between.setdefault(key.pts, []).append(target)
    if len(pictures) <= 1:
        renewed = _renewed(film, missing, take)
        pictures |= renewed
        near |= renewed.keys()
    if len(pictures) >= _ENOUGH * count and _pixels(film, between) > _MOST_PIXELS:
        return pictures
    found = {pts: pictures[pts] for pts in near}
    for pts, wanted in between.items():
        for frame in film.decoded_on(pts, wanted):
            if frame.pts is not None and frame.pts not in found:
                found[frame.pts] = take(frame)
    if found or pictures:
        return found or pictures
    first = film.first()
    return {first.pts or 0: take(first)} if first is not None else {}


def _renewed(film: Film, targets: list[int], take: Take) -> dict[int, Image.Image]:
    """Pictures of a film in which no frame stands alone, by their times in the stream's own units."""
    pictures: dict[int, Image.Image] = {}
    for target in targets:
        frame = film.renewed_at(target)
        if frame is not None and frame.pts is not None and frame.pts not in pictures:
            pictures[frame.pts] = take(frame)
    return pictures


def _pixels(film: Film, between: dict[int, list[int]]) -> float:
    """How many pixels are decoded to get to these times from their key frames."""
    rate = float(film.stream.average_rate or 25)
    seconds = sum((max(targets) - key) * film.base for key, targets in between.items())
    return seconds * rate * film.stream.codec_context.width * film.stream.codec_context.height
