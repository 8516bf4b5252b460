"""A video as an endpoint gets it: its facts, and either the file itself, a small one made of it, or some of its frames."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition

from captiond.errors import Corrupt, Failure, NoKeyFrame, NoVideoStream, Truncated, Unsupported
from captiond.media import asfile, frames, header, metadata, small
from captiond.media.identify import Sniffed
from captiond.media.image import check_size
from captiond.media.jpeg import to_jpeg
from captiond.media.keyframes import Film
from captiond.media.measure import measure
from captiond.media.picture import Pictures
from captiond.media.spec import EncodeSpec
from captiond.mounts import AWAY
from captiond.values import Encoded, Kind, MediaFacts

if TYPE_CHECKING:
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

_BUDGET = 0.4
"""The share of the time allowed for a file that may go into decoding on between key frames, or into a small video."""

_LEAST_SECONDS = 3.0
"""For frames, when the time went into a small video that did not come about."""
_LATEST = 0.7
"""The share of the time allowed for a file within which they have to be found all the same."""

_NOTHING = "no frame can be read in what is there of it"

_LONGEST = 1e9
"""Seconds: a longer video is one that lies."""


def encode(file: BinaryIO, sniffed: Sniffed, spec: EncodeSpec, seconds: float) -> Encoded | MediaFacts:
    """Probe a video, and make of it what is sent; if that is the file itself, only its facts come back.

    Of a damaged file the frames are taken that can be read, and its facts tell so.

    Args:
        file: a seekable file with a descriptor.
        seconds: of wall time that all of it may take.

    Raises:
        NoVideoStream, NoKeyFrame, NoPixels, TooManyPixels, Unsupported, Truncated, Corrupt: as they say.
        OSError: with its errno, if the file itself can't be read.
    """
    began = time.monotonic()
    ends, latest = began + seconds * _BUDGET, began + seconds * _LATEST
    cut = header.ends_early(sniffed.format, file)
    os.lseek(file.fileno(), 0, os.SEEK_SET)  # libav reads on from where the descriptor stands
    try:
        with _open(file, sniffed) as container:
            return _encode(container, file, sniffed, spec, ends, latest, cut=cut)
    except MemoryError:
        raise
    except Failure as failure:
        if cut and isinstance(failure, NoKeyFrame | NoVideoStream):
            raise Truncated(_NOTHING) from failure
        raise
    except (av.error.FFmpegError, OSError, ValueError, RuntimeError, ArithmeticError) as error:
        found = _failure(error, file)
        raise (Truncated(_NOTHING) if cut and isinstance(found, Corrupt) else found) from error


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
    container: InputContainer,
    file: BinaryIO,
    sniffed: Sniffed,
    spec: EncodeSpec,
    ends: float,
    latest: float,
    *,
    cut: bool,
) -> Encoded | MediaFacts:
    stream = _picture_stream(container)
    codec = stream.codec_context
    # A stream whose header is missing or late says 0 x 0 until its first frame.
    check_size(codec.width or 1, codec.height or 1, spec.max_pixels)
    codec.thread_count = 1  # the decoder processes are the parallelism
    film = Film(container, stream, ends)
    size = os.fstat(file.fileno()).st_size
    told = film.told()
    there = film.there(size) if cut or not told.seconds else told
    pictures = Pictures(stream, spec.frame_edge, spec.max_pixels)
    length = told.seconds or there.seconds
    as_it_is = asfile.File(sniffed.format, codec.name, size, length, codec.color_trc)
    if not cut and asfile.goes(as_it_is, spec):
        first = film.first()
        if first is None:
            raise NoKeyFrame
        pictures.of(first)
        return _facts(container, stream, sniffed, length, pictures.size)
    if spec.video in ("video_url", "small") and not cut and not spec.measure:
        made = small.make(film, there, pictures, spec)
        if made is not None:
            return Encoded(_facts(container, stream, sniffed, length, pictures.size), (made,))
        film.ends = min(latest, max(film.ends, time.monotonic() + _LEAST_SECONDS))
    chosen = frames.chosen(film, there, spec.max_frames, pictures.of)
    if not chosen:
        raise NoKeyFrame
    facts = _facts(container, stream, sniffed, length, pictures.size)
    shorter = cut and (there.seconds < told.seconds or not told.seconds)  # else only an index is missing at its end
    if shorter or film.damaged:
        facts = replace(facts, damaged=True, readable_seconds=round(there.seconds, 3) if shorter else None)
    parts = tuple(to_jpeg(picture, spec.max_bytes, round(at, 3)) for at, picture in chosen)
    return Encoded(facts, parts, measure(chosen[len(chosen) // 2][1]) if spec.measure else None)


def _facts(
    container: InputContainer, stream: VideoStream, sniffed: Sniffed, seconds: float, size: tuple[int, int]
) -> MediaFacts:
    taken = metadata.of_video({**stream.metadata, **container.metadata})
    return MediaFacts(
        kind=Kind.VIDEO,
        mime=sniffed.mime,
        format=sniffed.format,
        width=size[0],
        height=size[1],
        duration_seconds=round(seconds, 3) if 0 < seconds < _LONGEST else None,
        taken_at=taken.at,
        camera=taken.camera,
        latitude=taken.latitude,
        longitude=taken.longitude,
        video_codec=stream.codec_context.name,
    )


def _picture_stream(container: InputContainer) -> VideoStream:
    found = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not found:
        raise NoVideoStream
    for stream in found:
        if stream.codec_context is not None:
            return stream
    raise Unsupported("no decoder for its video")


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
