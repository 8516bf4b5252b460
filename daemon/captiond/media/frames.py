"""Which frames of a video, and how to get to them cheaply: key frames first, decoding on only where those are far apart.

A seek and one key frame cost some 20 ms at 1080p however long the video is; decoding on costs every frame between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av.error
from av.video.frame import PictureType, VideoFrame

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream
    from PIL import Image

_MOST_PACKETS = 2_000_000
_ENOUGH = 0.75
_MOST_PIXELS = 200e6
"""About a hundred frames of 1080p, half a second of one core."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stream's extent: its first time in the stream's own units, and its length in seconds (0: not known)."""

    start: int
    seconds: float


def span(container: InputContainer, stream: VideoStream, ends: float) -> Span:
    """Where the stream begins and how long it is; read through to its end where the container does not say."""
    start = stream.start_time or 0
    if stream.duration and stream.duration > 0 and stream.time_base:
        return Span(start, float(stream.duration * stream.time_base))
    if container.duration and container.duration > 0:
        return Span(start, container.duration / 1_000_000)
    last = start
    for number, packet in enumerate(container.demux(stream)):
        if packet.pts is not None:
            last = max(last, packet.pts + (packet.duration or 0))
        if number % 256 == 255 and (time.monotonic() > ends or number > _MOST_PACKETS):
            break
    return Span(start, float((last - start) * (stream.time_base or 0)))


def first(container: InputContainer, stream: VideoStream, ends: float) -> VideoFrame | None:
    """The first frame that can be decoded by itself; None if there is none."""
    frame = _key_frame_at(container, stream, stream.start_time or 0, ends)
    if frame is None:  # the index may lie: once more, from the first byte on
        frame = _key_frame_at(container, stream, None, ends)
    return frame


def spaced(
    container: InputContainer,
    stream: VideoStream,
    extent: Span,
    count: int,
    ends: float,
    take: Callable[[VideoFrame], Image.Image],
) -> list[tuple[float, Image.Image]]:
    """Up to `count` pictures at the midpoints of equal parts, as (seconds from the start, picture), in order.

    A part's key frame is its picture. Where a part has none, its midpoint is decoded to, unless that costs much and
    the key frames alone are nearly as many: then they are the pictures.

    Args:
        ends: monotonic time after which no further frame is decoded to; those found until then are given.
        take: makes the small picture of a frame at once: whole frames are not kept.
    """
    base = float(stream.time_base or 1)
    part = extent.seconds / count / base if extent.seconds else 0.0
    targets = [extent.start + int((i + 0.5) * part) for i in range(count)] if part >= 1 else []
    found: dict[int, Image.Image] = {}
    others: dict[int, Image.Image] = {}
    late: dict[int, list[int]] = {}
    for target in targets:
        if time.monotonic() > ends:
            break
        frame = _key_frame_at(container, stream, target, ends)
        if frame is None or frame.pts is None:
            continue
        near = abs(frame.pts - target) < part / 2
        if not near:
            late.setdefault(frame.pts, []).append(target)
        if frame.pts not in found and frame.pts not in others:
            (found if near else others)[frame.pts] = take(frame)
    if len(others.keys() | found.keys()) >= _ENOUGH * count and _pixels(stream, late, base) > _MOST_PIXELS:
        found |= others
        late = {}
    for key, wanted in late.items():
        for frame in _decoded_on(container, stream, key, wanted, ends):
            if frame.pts is not None and frame.pts not in found:
                found[frame.pts] = take(frame)
    found = found or others
    return [(max(0.0, (pts - extent.start) * base), found[pts]) for pts in sorted(found)]


def _pixels(stream: VideoStream, late: dict[int, list[int]], base: float) -> float:
    """How many pixels are decoded to get to these times from their key frames."""
    rate = float(stream.average_rate or 25)
    seconds = sum((max(targets) - key) * base for key, targets in late.items())
    return seconds * rate * stream.codec_context.width * stream.codec_context.height


def _key_frame_at(container: InputContainer, stream: VideoStream, at: int | None, ends: float) -> VideoFrame | None:
    """The key frame at or before a time. One packet and a flush: the decoder would wait for more to put in order."""
    _seek(container, stream, at)
    codec = stream.codec_context
    for number, packet in enumerate(container.demux(stream)):
        if packet.is_keyframe and packet.size:
            for frame in _decode(stream, packet) or _decode(stream, None):
                if frame.key_frame or frame.pict_type == PictureType.I:
                    if frame.pts is None:
                        frame.pts = packet.pts if packet.pts is not None else packet.dts
                    return frame
            codec.flush_buffers()
        if number % 64 == 63 and time.monotonic() > ends:
            break
    return None


def _decoded_on(
    container: InputContainer, stream: VideoStream, key: int, targets: list[int], ends: float
) -> Iterator[VideoFrame]:
    """From one key frame on, the frames that are shown at these times."""
    _seek(container, stream, key)
    waiting = iter(sorted(targets))
    target = next(waiting, None)
    latest: VideoFrame | None = None
    stream.codec_context.skip_frame = "NONREF"  # a third of the work, for a frame that is a few off
    try:
        for packet in container.demux(stream):
            for frame in _decode(stream, packet):
                if frame.pts is None or target is None:
                    continue
                if frame.pts >= target:
                    yield frame
                    now = frame.pts
                    target = next((t for t in waiting if t > now), None)
                latest = frame
            if target is None or time.monotonic() > ends:
                return
        if latest is not None:  # the container promised more than there is
            yield latest
    finally:
        stream.codec_context.skip_frame = "DEFAULT"


def _seek(container: InputContainer, stream: VideoStream, at: int | None) -> None:
    try:
        if at is not None:
            container.seek(at, stream=stream)
            return
    except av.error.FFmpegError:
        pass  # without an index some times can't be sought: read from the start
    try:
        container.seek(0, backward=True, any_frame=True)
    except av.error.FFmpegError:
        stream.codec_context.flush_buffers()


def _decode(stream: VideoStream, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
    try:
        return list(stream.codec_context.decode(packet))
    except EOFError:
        return []
    except av.error.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        return []  # a damaged packet: the next key frame may do
