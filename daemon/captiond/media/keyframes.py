"""A film that is open: its length, and its pictures by seeking.

A seek and one key frame cost some 20 ms at 1080p however long the film is; decoding on costs every frame between.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av.error
from av.video.frame import PictureType, VideoFrame

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_MOST_PACKETS = 2_000_000
_INDEX_ENDS = 2.0
"""Seconds: an index that ends earlier than this before the film does is not one of all of it."""
_MOST_BAD = 24
"""Key frames in a row that can't be decoded: what comes behind so many is not what was looked for."""
_UNINDEXED = ("mpegts", "mpeg")
"""The demuxers that seek to a place between two key frames, for these containers have no index."""
_BACK = 1.0
"""Seconds: how far before a time its key frame is looked for next, and then twice as far."""
_MOST_RENEWING = 600
"""Frames within which a picture is renewed: encoders take as many as they would put between two key frames."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stream's extent: its first time in the stream's own units, and its length in seconds (0: not known)."""

    start: int
    seconds: float


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A key frame's time in the stream's own units. `frame` is None for one that was known: it is not decoded again."""

    pts: int
    frame: VideoFrame | None


class Film:
    """One video stream of an open container.

    Args:
        ends: monotonic time after which nothing further is looked for; what was found until then is given.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, ends: float) -> None:
        self.stream = stream
        self.ends = ends
        self.damaged = False
        """Whether something on the way could not be decoded."""
        self._container = container
        self._bad = 0

    @property
    def base(self) -> float:
        """The seconds of one of the stream's own units of time."""
        return float(self.stream.time_base or 1)

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.ends

    def told(self) -> Span:
        """Where the stream begins and how long it is, as the container says."""
        stream = self.stream
        seconds = float((stream.duration or 0) * (stream.time_base or 0)) or (self._container.duration or 0) / 1_000_000
        return Span(stream.start_time or 0, max(0.0, seconds))

    def there(self, size: int) -> Span:
        """How long the stream is within a file of so many bytes: by an index of all of it, else read to its end."""
        told = self.told()
        entries = self.stream.index_entries
        if told.seconds and entries and (entries[-1].timestamp - told.start) * self.base > told.seconds - _INDEX_ENDS:
            missing = (entry.timestamp for entry in entries if entry.pos + entry.size > size)
            first = next(missing, None)
            return told if first is None else Span(told.start, max(0.0, (first - told.start) * self.base))
        return self._read_through()

    def _read_through(self) -> Span:
        """Nothing is decoded, but all of the file is read."""
        start = last = self.stream.start_time or 0
        for number, packet in enumerate(self._container.demux(self.stream)):
            if packet.pts is not None and packet.size and not packet.is_corrupt:
                last = max(last, packet.pts + (packet.duration or 0))
            if number % 256 == 255 and (self.late or number > _MOST_PACKETS):
                break
        return Span(start, (last - start) * self.base)

    def first(self) -> VideoFrame | None:
        """The first frame that can be decoded by itself; None if there is none."""
        found = self.key_frame_at(self.stream.start_time or 0)
        if found is None:  # the index may lie: once more, from the first byte on
            found = self.key_frame_at(None)
        return found.frame if found is not None else None

    def key_frame_at(self, at: int | None, known: Collection[int] = ()) -> KeyFrame | None:
        """The key frame at or before a time, in the stream's own units; of a damaged one the next.

        One packet and a flush: the decoder would wait for more to put in order.
        """
        self._seek(at)
        codec = self.stream.codec_context
        self._bad = 0
        for number, packet in enumerate(self._container.demux(self.stream)):
            if packet.is_keyframe and packet.size:
                if packet.pts is not None and packet.pts in known:
                    return KeyFrame(packet.pts, None)
                for frame in self._decode(packet) or self._decode(None):
                    if frame.key_frame or frame.pict_type == PictureType.I:
                        pts = next((t for t in (frame.pts, packet.pts, packet.dts) if t is not None), 0)
                        return KeyFrame(pts, frame)
                codec.flush_buffers()
                self._bad += 1
            if self._bad == _MOST_BAD or (number % 64 == 63 and self.late):
                break
        return None

    def key_frame_near(self, at: int, later: int, known: Collection[int] = ()) -> KeyFrame | None:
        """The key frame at or before a time, or one that comes at most `later` units after it.

        Of a stream without an index the one before is looked for further and further back, where the next is far. Not
        where there are some that can't be decoded: see `renewed_at`.
        """
        found = self.key_frame_at(at, known)
        place, back = at if self._unindexed and not self._bad else None, _BACK
        while (found is None or found.pts > at + later) and place is not None and not self.late:
            place, back = self._before(at, back), back * 2
            before = self.key_frame_at(place, known)
            if before is not None and (found is None or before.pts < found.pts):
                found = before
        return found

    def renewed_at(self, at: int) -> VideoFrame | None:
        """The first whole picture from a time on, of a film of H.264 that has key frames in name only.

        Screen casts and cameras that send at a constant rate renew the picture strip by strip. What is called a key frame
        is where that begins, and the stream tells the decoder where it is done.
        """
        if self.stream.codec_context.name != "h264":
            return None
        self._seek(at)
        for packet in itertools.islice(self._container.demux(self.stream), _MOST_RENEWING):
            for frame in self._decode(packet):
                if frame.pts is not None:
                    return frame
            if self.late:
                break
        return None

    def decoded_on(self, key: int, targets: list[int]) -> Iterator[VideoFrame]:
        """From one key frame on, the frames that are shown at these times."""
        self._seek(self._before(key, _BACK) if self._unindexed else key)
        waiting = iter(sorted(targets))
        target = next(waiting, None)
        latest: VideoFrame | None = None
        self.stream.codec_context.skip_frame = "NONREF"  # a third of the work, for a frame that is a few off
        try:
            for packet in self._container.demux(self.stream):
                for frame in self._decode(packet):
                    if (
                        frame.pts is None or frame.pts < key or target is None
                    ):  # what comes before the key frame is in parts
                        continue
                    if frame.pts >= target:
                        yield frame
                        now = frame.pts
                        target = next((t for t in waiting if t > now), None)
                    latest = frame
                if target is None or self.late:
                    return
            if latest is not None:  # the container promised more than there is
                yield latest
        finally:
            self.stream.codec_context.skip_frame = "DEFAULT"

    @property
    def _unindexed(self) -> bool:
        return self._container.format.name in _UNINDEXED

    def _before(self, at: int, seconds: float) -> int | None:
        """So long before a time; None where that is the beginning, which is not found by its own time there."""
        place = at - round(seconds / self.base)
        return place if place > (self.stream.start_time or 0) else None

    def _seek(self, at: int | None) -> None:
        try:
            if at is not None:
                self._container.seek(at, stream=self.stream)
                return
        except av.error.FFmpegError:
            pass  # without an index some times can't be sought: read from the start
        try:
            self._container.seek(0, backward=True, any_frame=True)
        except av.error.FFmpegError:
            self.stream.codec_context.flush_buffers()

    def _decode(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """The frames that are whole; what the decoder had to make up is none."""
        try:
            frames = list(self.stream.codec_context.decode(packet))
        except EOFError:
            return []
        except av.error.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            self.damaged = True  # the next key frame may do
            return []
        whole = [frame for frame in frames if not frame.is_corrupt]
        self.damaged |= len(whole) < len(frames)
        return whole
