"""A still picture as an endpoint gets it: turned, in sRGB, on white, small enough, and without metadata."""

from __future__ import annotations

import importlib
import os
import re
import time
from dataclasses import replace
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from captiond.errors import Corrupt, DecoderMemory, Failure, NoPixels, TooManyPixels, Truncated, Unsupported
from captiond.media import animation, colour, header, jxl, metadata, planes, psd, tiff
from captiond.media.identify import Sniffed
from captiond.media.jpeg import to_jpeg, without_metadata
from captiond.media.measure import measure
from captiond.media.spec import EncodeSpec
from captiond.values import Encoded, ImagePart, Kind, MediaFacts

PLUGINS = {
    "jpeg": ("PIL.JpegImagePlugin", "JPEG"),
    "png": ("PIL.PngImagePlugin", "PNG"),
    "webp": ("PIL.WebPImagePlugin", "WEBP"),
    "gif": ("PIL.GifImagePlugin", "GIF"),
    "bmp": ("PIL.BmpImagePlugin", "BMP"),
    "tiff": ("PIL.TiffImagePlugin", "TIFF"),
    "psd": ("PIL.PsdImagePlugin", "PSD"),
    "jxl": ("imagecodecs._jpegxl", "JPEG"),  # the JPEG that it was made of, if it was; else no plugin is asked
    "avif": ("PIL.AvifImagePlugin", "AVIF"),
    "heic": ("pillow_heif", "HEIF"),
}
"""Our name of a format: the module that reads it, and Pillow's name of it. No other format is ever opened."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PANORAMA = 4
_LONGEST = 8000
"""Pixels of any picture's long edge as sent: Anthropic's API, for one, refuses more."""
_BUDGET = 0.4
"""The share of the time allowed for a file that may go into an animation's frames."""
_ENDS = re.compile(r"truncat|end of (file|data)|endofdata|premature|unexpected eof|bytes not processed", re.IGNORECASE)
_MEMORY = re.compile(r"out of memory|memory alloc|bad_alloc|cannot allocate|insufficient memory", re.IGNORECASE)


def encode(file: BinaryIO, sniffed: Sniffed, spec: EncodeSpec, seconds: float) -> Encoded:
    """Decode a picture and encode it as a JPEG for an endpoint; several JPEGs of one that moves.

    A JPEG that fits already is sent as it is; only its metadata is cut out if a place is in it.

    Args:
        file: a seekable file with a descriptor.
        sniffed: what its first bytes say; nothing else is tried.
        seconds: of wall time that all of it may take.

    Raises:
        NoPixels, TooManyPixels: by its header.
        Truncated, Corrupt, Unsupported: while decoding.
        OSError: with its errno, if the file itself can't be read.
    """
    size = header.picture_size(sniffed.format, file)
    if size is not None:
        check_size(*size, spec.max_pixels)
    file.seek(0)
    try:
        return _encode(file, sniffed, spec, time.monotonic() + seconds * _BUDGET)
    except (Failure, MemoryError):
        raise
    except OSError as error:
        if error.errno:
            raise
        raise _failure(error, file, sniffed.format) from error
    except Exception as error:  # plugins raise SyntaxError, struct.error, KeyError, zlib.error and more on bad input
        raise _failure(error, file, sniffed.format) from error


def prepare(sniffed: Sniffed) -> str:
    """Import what reads a format, once; Pillow's name of it. Pillow by itself would import all it has."""
    module, name = PLUGINS[sniffed.format]
    plugin = importlib.import_module(module)
    if module == "pillow_heif" and name not in Image.OPEN:
        # One thread: the decoder processes are the parallelism. An embedded thumbnail is no substitute.
        plugin.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    return name


def fitted(size: tuple[int, int], edge: int, short_edge: int = 0) -> tuple[int, int]:
    """The size within a long edge, in proportion; never larger than it is.

    Args:
        short_edge: beyond 4:1 the long edge may be longer, so that the short one keeps this: a panorama of 1568 x 100
            shows nothing.
    """
    width, height = size
    longest, shortest = max(width, height), min(width, height)
    if longest > _PANORAMA * shortest:
        edge = max(edge, min(short_edge * longest // max(1, shortest), _LONGEST))
    if longest <= edge:
        return size
    return max(1, round(width * edge / longest)), max(1, round(height * edge / longest))


def _encode(file: BinaryIO, sniffed: Sniffed, spec: EncodeSpec, ends: float) -> Encoded:
    Image.MAX_IMAGE_PIXELS = None  # the check is ours: Pillow's own only warns, up to twice its limit
    if sniffed.format == "psd":
        psd.check(file)
    pages = _pages(file) if sniffed.format == "tiff" else None
    image = _opened(file, sniffed)
    if pages is not None and pages[0] > 0:
        image.seek(pages[0])
    check_size(*image.size, spec.max_pixels)
    upright = sniffed.format == "jxl" and image.format is None
    taken = metadata.of_exif(jxl.exif(file) if upright else image.getexif())
    # Pillow turns a TIFF by itself while loading, and tells its size turned; libjxl turns as well.
    turn = None if image.format == "TIFF" or upright else TURNS.get(taken.orientation)
    turned = turn is not None and taken.orientation >= 5
    facts = MediaFacts(
        kind=Kind.IMAGE,
        mime=sniffed.mime,
        format=sniffed.format,
        width=image.height if turned else image.width,
        height=image.width if turned else image.height,
        taken_at=taken.at,
        camera=taken.camera,
        latitude=taken.latitude,
        longitude=taken.longitude,
        pages=pages[1] if pages is not None and pages[1] > 1 else None,
    )
    profile = image.info.get("icc_profile")
    profile = profile if isinstance(profile, bytes) else None
    moves = animation.motion(image, sniffed.format, file)
    if moves is not None:
        moving = _moving(image, moves, facts, profile, turn, spec, ends)
        if moving is not None:
            return moving
        image.seek(0)
    if sniffed.format == "jpeg" and _fits(image, file, spec) and turn is None and colour.is_srgb(profile):
        return _as_it_is(image, file, facts, taken, spec)
    if sniffed.format == "psd":
        image = psd.opaque(image, file)
    return still(image, facts, profile, turn, spec)


def still(
    image: Image.Image, facts: MediaFacts, profile: bytes | None, turn: Image.Transpose | None, spec: EncodeSpec
) -> Encoded:
    """One opened picture, which need not be loaded yet, made small, plain and upright, and into a JPEG."""
    target = fitted(image.size, spec.max_edge, spec.short_edge)
    if target != image.size and not spec.measure and colour.is_srgb(profile) and planes.possible(image):
        picture = planes.resized(image, target)
    else:
        picture = colour.plain(_resized(image, target), profile)
    if turn is not None:
        picture = picture.transpose(turn)
    part = to_jpeg(picture, spec.max_bytes)
    return Encoded(facts, (part,), measure(picture) if spec.measure else None)


def _opened(file: BinaryIO, sniffed: Sniffed) -> Image.Image:
    if sniffed.format == "jxl":
        return jxl.picture(file)
    if sniffed.format == "psd" and psd.is_deep(file):
        return psd.high_bytes(Image.open(psd.Bytewise(file), formats=[prepare(sniffed)]))  # type: ignore[arg-type]
    file.seek(0)
    return Image.open(file, formats=[prepare(sniffed)])


def _moving(
    image: Image.Image,
    moves: animation.Motion,
    facts: MediaFacts,
    profile: bytes | None,
    turn: Image.Transpose | None,
    spec: EncodeSpec,
    ends: float,
) -> Encoded | None:
    """The frames of an animation; None if nothing moves in it."""
    target = fitted(image.size, spec.frame_edge)
    shown: list[Image.Image] = []

    def take(frame: Image.Image, at: float) -> ImagePart:
        picture = colour.plain(_resized(frame, target), profile)
        picture = picture.transpose(turn) if turn is not None else picture.copy()
        if spec.measure:
            shown.append(picture)
        return to_jpeg(picture, spec.max_bytes, at)

    parts = animation.frames(image, moves, spec.max_frames, ends, take)
    if len(parts) < 2:
        return None
    facts = replace(facts, animated=True, duration_seconds=round(moves.seconds, 3))
    return Encoded(facts, tuple(parts), measure(shown[len(shown) // 2]) if spec.measure else None)


def _resized(image: Image.Image, target: tuple[int, int]) -> Image.Image:
    if target == image.size:
        image.load()
        return colour.resizable(image)
    # libjpeg decodes at a half, a quarter or an eighth for much less than it costs to decode all of it. `thumbnail`
    # would ask for twice the target, which most photos are not.
    image.draft(None, target)
    image.load()
    image = colour.resizable(image)
    gap = 2.0 if image.mode in ("RGB", "L", "CMYK", "RGBA", "LA") else None
    return image.resize(target, Image.Resampling.LANCZOS, reducing_gap=gap)


def _pages(file: BinaryIO) -> tuple[int, int]:
    """Which of a TIFF's pictures is its first page, and how many pages it has.

    A camera's raw photo that is not known as such is a TIFF with a thumbnail alone: captioning that would be a guess.
    """
    first, count = tiff.pages(file)
    if count == 0 and any(map(tiff.is_raw_like, tiff.directories(file, tiff.WHAT_IT_IS))):
        raise Unsupported("a camera's raw photo")
    return first, count


def _fits(image: Image.Image, file: BinaryIO, spec: EncodeSpec) -> bool:
    return (
        image.format == "JPEG"
        and image.mode in ("RGB", "L")
        and fitted(image.size, spec.max_edge, spec.short_edge) == image.size
        and os.fstat(file.fileno()).st_size <= spec.max_bytes
    )


def _as_it_is(
    image: Image.Image, file: BinaryIO, facts: MediaFacts, taken: metadata.Metadata, spec: EncodeSpec
) -> Encoded:
    # Only decoding tells that all of it is there; at an eighth that is mostly reading, unless it is to be measured.
    if not spec.measure:
        image.draft("L", (max(1, image.width // 8), max(1, image.height // 8)))
    image.load()
    file.seek(0)
    data = file.read()
    if taken.has_place or b"GPS" in data[: data.find(b"\xff\xda") + 1]:
        data = without_metadata(data)
    measures = measure(image.convert("RGB")) if spec.measure else None
    return Encoded(facts, (ImagePart("image/jpeg", data, facts.width, facts.height),), measures)


def check_size(width: int, height: int, most: int) -> None:
    """Raises NoPixels, or TooManyPixels for more than `most`."""
    if width < 1 or height < 1:
        raise NoPixels(f"{width} x {height}")
    if width * height > most:
        raise TooManyPixels(
            f"{width} x {height} is {width * height / 1e6:,.0f} megapixels, allowed are {most / 1e6:,.0f}"
        )


def _failure(error: Exception, file: BinaryIO, format_: str) -> Failure:
    said = " ".join(str(error).split())[:200]
    if _MEMORY.search(said):
        return DecoderMemory()
    if _ENDS.search(said) or header.ends_early(format_, file):
        return Truncated()
    if format_ == "tiff" and (rare := tiff.rare_compression(file)) is not None:
        return Unsupported(f"TIFF compressed as {rare}")
    if isinstance(error, UnidentifiedImageError):
        if format_ == "tiff" and (layout := tiff.layout(file)) is not None:
            return Unsupported(f"TIFF with {layout} a pixel")
        return Corrupt(f"its header is no {format_.upper()} header")
    return Corrupt(said or type(error).__name__)
