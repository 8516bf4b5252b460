"""A video as an endpoint gets it: its facts, and either the file itself or evenly spaced frames."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import av
import av.error
from av.container import InputContainer
from av.sidedata.sidedata import SideData
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from PIL import Image

from captiond.errors import Corrupt, Failure, NoKeyFrame, NoVideoStream, Truncated, Unsupported
from captiond.media import frames, header, metadata
from captiond.media.identify import Sniffed
from captiond.media.image import check_size, fitted
from captiond.media.jpeg import to_jpeg
from captiond.media.measure import measure
from captiond.media.spec import EncodeSpec
from captiond.mounts import AWAY
from captiond.values import Encoded, Kind, MediaFacts

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

DEMUXERS = {
    "mp4": "mov",
    "mov": "mov",
    "3gp": "mov",
    "mkv": "matroska",
    "webm": "matroska",
    "avi": "avi",
    "mpegts": "mpegts",
    "mpeg": "mpeg",
}
"""Our name of a format: libav's demuxer for it. No other is ever opened: some read further files."""

AS_FILE = ("mp4", "mov", "webm", "mkv", "avi")
"""The formats that are sent as they are to an endpoint that takes video."""

_BUDGET = 0.4
"""The share of the time allowed for a file that may go into decoding on between key frames."""

_LONGEST = 1e9
"""Seconds: a longer video is one that lies."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a decoded frame becomes upright: `turn` is Pillow's, `aspect` a pixel's width by its height."""

    turn: Image.Transpose | None
    aspect: float


def encode(file: BinaryIO, sniffed: Sniffed, spec: EncodeSpec, seconds: float) -> Encoded | MediaFacts:
    """Probe a video, and take its frames unless the file itself is to be sent: then only its facts come back.

    Args:
        file: a seekable file with a descriptor.
        seconds: of wall time that all of it may take.

    Raises:
        NoVideoStream, NoKeyFrame, NoPixels, TooManyPixels, Unsupported, Truncated, Corrupt: as they say.
        OSError: with its errno, if the file itself can't be read.
    """
    ends = time.monotonic() + seconds * _BUDGET
    if header.ends_early(sniffed.format, file):
        raise Truncated
    os.lseek(file.fileno(), 0, os.SEEK_SET)  # libav reads on from where the descriptor stands
    try:
        with _open(file, sniffed) as container:
            return _encode(container, file, sniffed, spec, ends)
    except (Failure, MemoryError):
        raise
    except (av.error.FFmpegError, OSError, ValueError, RuntimeError, ArithmeticError) as error:
        raise _failure(error, file) from error


def _open(file: BinaryIO, sniffed: Sniffed) -> InputContainer:
    demuxer = DEMUXERS[sniffed.format]
    # The descriptor is all that libav may open: no playlist, no reference to another file, no network.
    container = av.open(
        "fd:",
        format=demuxer,
        options={"fd": str(file.fileno()), "protocol_whitelist": "fd", "format_whitelist": f"{demuxer},mp4,webm"},
        metadata_errors="replace",
    )
    assert isinstance(container, InputContainer)
    return container


def _encode(
    container: InputContainer, file: BinaryIO, sniffed: Sniffed, spec: EncodeSpec, ends: float
) -> Encoded | MediaFacts:
    stream = _picture_stream(container)
    codec = stream.codec_context
    # A stream whose header is missing or late says 0 x 0 until its first frame.
    check_size(codec.width or 1, codec.height or 1, spec.max_pixels)
    codec.thread_count = 1  # the decoder processes are the parallelism
    span = frames.span(container, stream, ends)
    first = frames.first(container, stream, ends)
    if first is None:
        raise NoKeyFrame
    check_size(first.width, first.height, spec.max_pixels)
    shape = _shape(first, stream)
    taken = metadata.of_video({**stream.metadata, **container.metadata})
    turned = shape.turn in (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270)
    turned = turned or shape.turn in (Image.Transpose.TRANSPOSE, Image.Transpose.TRANSVERSE)
    facts = MediaFacts(
        kind=Kind.VIDEO,
        mime=sniffed.mime,
        format=sniffed.format,
        width=first.height if turned else first.width,
        height=first.width if turned else first.height,
        duration_seconds=round(span.seconds, 3) if 0 < span.seconds < _LONGEST else None,
        taken_at=taken.at,
        camera=taken.camera,
        latitude=taken.latitude,
        longitude=taken.longitude,
        video_codec=codec.name,
    )
    size = os.fstat(file.fileno()).st_size
    if spec.video == "video_url" and sniffed.format in AS_FILE and size <= spec.max_video_bytes and not spec.measure:
        return facts

    def take(frame: VideoFrame) -> Image.Image:
        check_size(frame.width, frame.height, spec.max_pixels)  # a stream may change its size on the way
        return _picture(frame, shape, spec.frame_edge)

    pictures = frames.spaced(container, stream, span, spec.max_frames, ends, take) or [(0.0, take(first))]
    parts = tuple(to_jpeg(picture, spec.max_bytes, round(at, 3)) for at, picture in pictures)
    middle = pictures[len(pictures) // 2][1]
    return Encoded(facts, parts, measure(middle) if spec.measure else None)


def _picture_stream(container: InputContainer) -> VideoStream:
    found = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not found:
        raise NoVideoStream
    for stream in found:
        if stream.codec_context is not None:
            return stream
    raise Unsupported("no decoder for its video")


def _shape(frame: VideoFrame, stream: VideoStream) -> _Shape:
    """The turn that the display matrix asks for, in quarters, and the pixels' aspect."""
    aspect = float(stream.sample_aspect_ratio or 1)
    return _Shape(_turn(frame), aspect if 0.2 < aspect < 5 else 1.0)


def _turn(frame: VideoFrame) -> Image.Transpose | None:
    sides = [side for side in frame.side_data if isinstance(side, SideData) and side.type == SideDataType.DISPLAYMATRIX]
    matrix = bytes(sides[0]) if sides else b""
    if len(matrix) < 36:
        return None
    # Nine 32-bit numbers; the first two rows map x and y. Only their signs matter for quarter turns and mirrors.
    a, b, _, c, d = (int.from_bytes(matrix[i : i + 4], "little", signed=True) for i in range(0, 20, 4))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        kind = (a >= 0, d >= 0)
        return {
            (True, True): None,
            (False, False): Image.Transpose.ROTATE_180,
            (False, True): Image.Transpose.FLIP_LEFT_RIGHT,
            (True, False): Image.Transpose.FLIP_TOP_BOTTOM,
        }[kind]
    return {
        (True, True): Image.Transpose.TRANSPOSE,
        (False, False): Image.Transpose.TRANSVERSE,
        (True, False): Image.Transpose.ROTATE_270,
        (False, True): Image.Transpose.ROTATE_90,
    }[(b >= 0, c >= 0)]


def _picture(frame: VideoFrame, shape: _Shape, edge: int) -> Image.Image:
    """A frame as an upright picture, scaled by libav: Pillow would convert and copy all of it first."""
    width, height = frame.width, frame.height
    # Square pixels by making the longer way shorter: nothing is made larger.
    shown = (width, max(1, round(height / shape.aspect))) if shape.aspect > 1 else (round(width * shape.aspect), height)
    target = fitted((max(1, shown[0]), shown[1]), edge)
    scaled = frame.reformat(width=target[0], height=target[1], format="rgb24", interpolation="AREA", threads=1)
    plane = scaled.planes[0]
    image = Image.frombytes("RGB", target, bytes(plane), "raw", "RGB", plane.line_size, 1)
    return image.transpose(shape.turn) if shape.turn is not None else image


def _failure(error: Exception, file: BinaryIO) -> Exception:
    number = getattr(error, "errno", None)
    if number in AWAY and not _readable(file):
        return OSError(number, os.strerror(number))
    said = re.sub(r"^\[Errno -?\d+\] |: 'fd:'", "", str(error))
    if isinstance(error, av.error.DecoderNotFoundError):
        return Unsupported("no decoder for its video")
    return Corrupt(said[:200])


def _readable(file: BinaryIO) -> bool:
    """Whether the file itself can be read: libav says «I/O error» of bad content too."""
    try:
        file.seek(0)
        while file.read(1 << 20):
            pass
    except OSError:
        return False
    return True
