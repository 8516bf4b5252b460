"""A small H.264 MP4 made of a video that an endpoint does not take as it is: few pictures a second, no sound.

It is made in memory, since a decoder process may write no file, and handed to the guard as bytes.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import av.codec
from av.video.stream import VideoStream

from captiond.media import sampling
from captiond.values import VideoPart

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from PIL import Image

    from captiond.media.keyframes import Film, Span
    from captiond.media.picture import Pictures
    from captiond.media.spec import EncodeSpec

CODEC = "libx264"
OPTIONS = {"preset": "veryfast", "crf": "24", "bf": "0", "g": "60"}
"""Without B-frames: few pictures a second have little in common, and none has to wait for a later one."""
_TICKS = 1000
_INDEX, _INDEX_ENTRY = 2_000, 32
"""Bytes that the MP4's index takes: of itself, and at most of a picture."""
_SHARE = 0.8
"""Of the bytes that are allowed, those that the encoder is told: it keeps a rate, not a size."""
_BT601, _LIMITED = 6, 1
"""H.273: the matrix that libswscale makes by itself, and players take where nothing is said; and its usual range."""
_WHOLE = 0.9
"""Pictures that end before this share of the length do not show the video."""
_LEEWAY = 0.8
"""Of the time left, what is planned with: one picture may take longer than those before."""


def make(film: Film, span: Span, pictures: Pictures, spec: EncodeSpec) -> VideoPart | None:
    """The small video; None where frames serve better: without a length, damaged, too slow, or not to be made small enough.

    Raises:
        NoPixels, TooManyPixels: as `Pictures.of` says.
    """
    if span.seconds <= 0 or not _can_encode():
        return None
    most = min(spec.max_video_bytes, sampling.MOST_BYTES)
    plan = sampling.plan(_source(film, span), spec.max_seconds, most)
    if plan is None:
        return None
    shown = _Shown(film, span, plan)
    speed = span.seconds / plan.seconds
    made = _encoded(((at / speed, _frame(pictures.of(frame))) for at, frame in shown), plan, most)
    if made is None or film.damaged or shown.reached < span.seconds * (_WHOLE - 1 / plan.count):
        return None
    if len(made.data) > most:
        # Each second picture of it, at half the rate: nothing of the large video is decoded again.
        made = _encoded(_each_second(made.data), replace(plan, count=max(1, plan.count // 2)), most // 2)
    if made is None or len(made.data) > most:
        return None
    return replace(made, speed=speed)


def _source(film: Film, span: Span) -> sampling.Source:
    stream = film.stream
    codec = stream.codec_context
    return sampling.Source(
        seconds=span.seconds,
        frame_pixels=max(1, codec.width * codec.height),
        rate=float(stream.average_rate or 25),
        keys=_keys(stream, span),
    )


def _keys(stream: VideoStream, span: Span) -> int | None:
    """How many key frames the container's index tells; None without one that is of the whole length."""
    entries = stream.index_entries
    keys = [entry.timestamp for entry in entries if entry.is_keyframe]
    if len(entries) < 2 or not stream.time_base:
        return None
    reach = (entries[len(entries) - 1].timestamp - span.start) * float(stream.time_base)
    return len(keys) if reach >= span.seconds * _WHOLE - 1 else None


class _Shown:
    """The frames that are shown, in order, each with its seconds from the start."""

    def __init__(self, film: Film, span: Span, plan: sampling.Plan) -> None:
        self._film, self._span, self._plan = film, span, plan
        self._step = span.seconds / plan.count / film.base
        self.reached = 0.0
        """Seconds: how far frames were found; short of the length if the time was up or the container promised too much."""

    def __iter__(self) -> Iterator[tuple[float, VideoFrame]]:
        return self._read_through() if self._plan.through else self._sought()

    def _read_through(self) -> Iterator[tuple[float, VideoFrame]]:
        self._film.stream.codec_context.thread_count = sampling.THREADS
        first = self._film.first()
        if first is None:
            return
        targets = [self._span.start + int(number * self._step) for number in range(self._plan.count)]
        last = None
        for frame in self._film.decoded_on(first.pts or 0, targets):
            if frame.pts is not None and frame.pts != last:
                last = frame.pts
                self.reached = (frame.pts - self._span.start) * self._film.base
                yield self.reached, frame

    def _sought(self) -> Iterator[tuple[float, VideoFrame]]:
        """Key frames, as far apart as planned; on a machine too busy for so many further apart, but to the end."""
        film, began = self._film, time.monotonic()
        known: set[int] = set()
        whole = self._span.seconds / film.base
        at, count = self._step / 2, 0
        while at < whole:
            key = film.key_frame_near(self._span.start + int(at), int(self._step / 2), known)
            if key is None or film.late:
                return
            self.reached = at * film.base
            if key.frame is not None:
                known.add(key.pts)
                yield max(0.0, (key.pts - self._span.start) * film.base), key.frame
            count, now = count + 1, time.monotonic()
            more = (film.ends - now) * _LEEWAY / ((now - began) / count)
            at += max(self._step, (whole - at) / max(more, 1.0))


def _encoded(frames: Iterable[tuple[float, VideoFrame]], plan: sampling.Plan, most: int) -> VideoPart | None:
    """The MP4 of these frames; None if there are none. Its index comes first, so that it can be played as it arrives."""
    target = io.BytesIO()
    # The muxer leaves so much room before the pictures; what is not needed of it becomes a `free` box.
    with av.open(target, "w", format="mp4", options={"moov_size": str(_room(plan))}) as container:
        stream = container.add_stream(CODEC, rate=_rate(plan), options={**OPTIONS, **_limits(plan, most)})
        assert isinstance(stream, VideoStream)
        packets, last = [], -1
        for at, frame in frames:
            if last < 0:
                _prepare(stream, frame)
                at = 0.0  # noqa: PLW2901 - nothing is shown before the first picture
            small = frame.reformat(width=stream.width, height=stream.height, format="yuv420p", threads=1)
            small.pts = last = max(round(at * _TICKS), last + 1)
            small.time_base = Fraction(1, _TICKS)
            packets += stream.encode(small)
        if last < 0:
            return None
        packets += stream.encode(None)
        ends = [packet.pts or 0 for packet in packets[1:]] + [max(round(plan.seconds * _TICKS), last + 1)]
        for packet, end in zip(packets, ends, strict=True):
            packet.duration = end - (packet.pts or 0)
            container.mux(packet)
        size = stream.width, stream.height
    return VideoPart("video/mp4", target.getvalue(), *size, plan.seconds)


def _prepare(stream: VideoStream, frame: VideoFrame) -> None:
    stream.width, stream.height = (max(2, edge - edge % 2) for edge in (frame.width, frame.height))
    stream.pix_fmt = "yuv420p"
    codec = stream.codec_context
    codec.thread_count, codec.time_base = 1, Fraction(1, _TICKS)
    codec.colorspace, codec.color_range = _BT601, _LIMITED


def _rate(plan: sampling.Plan) -> Fraction:
    """Pictures a second."""
    return max(Fraction(plan.count / plan.seconds).limit_denominator(1000), Fraction(1, 1000))


def _room(plan: sampling.Plan) -> int:
    return _INDEX + _INDEX_ENTRY * plan.count


def _limits(plan: sampling.Plan, most: int) -> dict[str, str]:
    bits = str(max(int((most - _room(plan)) * 8 * _SHARE / plan.seconds), 1))
    return {"maxrate": bits, "bufsize": bits}


def _frame(picture: Image.Image) -> VideoFrame:
    frame: VideoFrame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call] # PyAV is typed in part
    return frame


def _each_second(data: bytes) -> Iterator[tuple[float, VideoFrame]]:
    with av.open(io.BytesIO(data), "r") as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 2 == 0:
                yield frame.time or 0.0, frame


def _can_encode() -> bool:
    """PyAV's own packages have x264; one that was built without it makes no small videos."""
    return CODEC in av.codec.codecs_available
