"""Files of each format, and how they are spoiled: bits, numbers, lengths, and pieces of other files."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import media_samples as samples
import raw_samples as raws

Make = Callable[[Path], Path]
_clip: Callable[..., Path] = partial(samples.video, seconds=0.5)

MADE: dict[str, Make] = {
    "jpeg": lambda path: samples.jpeg(path, exif=samples.exif()),
    "cmyk jpeg": samples.cmyk_jpeg,
    "mpo": samples.mpo,
    "png": samples.png,
    "png of 16 bits": samples.png_16bit_rgb,
    "png with palette": samples.png_palette_alpha,
    "webp": samples.webp,
    "gif": samples.gif,
    "bmp": samples.bmp,
    "tiff": samples.tiff,
    "tiff of pages": samples.tiff_of_pages,
    "packed tiff": lambda path: samples.tiff(path, compression="tiff_lzw"),
    "heic": samples.heic,
    "heic burst": samples.heic_burst,
    "avif": samples.avif,
    "jxl": samples.jxl,
    "jxl of jpeg": samples.jxl_of_jpeg,
    "psd": samples.psd,
    "animated gif": samples.animation,
    "animated webp": lambda path: samples.animation(path, "WEBP"),
    "animated png": lambda path: samples.animation(path, "PNG"),
    "animated avif": lambda path: samples.animation(path, "AVIF"),
    "dng": raws.dng,
    "dng with preview": lambda path: raws.dng(path, preview=samples.scene(160, 120)),
    "mp4": lambda path: _clip(path, "mp4", sound=True),
    "mp4 of hevc": lambda path: _clip(path, "mp4", codec="libx265"),
    "mp4 of av1": lambda path: _clip(path, "mp4", codec="libsvtav1"),
    "mov": lambda path: _clip(path, "mov", rotation=90),
    "hdr mov": lambda path: samples.hdr_video(path, "pq", "mov"),
    "mkv": lambda path: _clip(path, "matroska"),
    "webm": lambda path: _clip(path, "webm"),
    "webm of vp9": lambda path: _clip(path, "webm", codec="libvpx-vp9"),
    "avi": lambda path: _clip(path, "avi"),
    "mts": lambda path: _clip(path, "mpegts"),
    "3gp": lambda path: _clip(path, "3gp"),
}
"""A small file of each kind that captiond decodes."""

_HEADER = 600  # bytes: where most of what a decoder believes stands
_LONGEST = 65536  # bytes of a piece that is doubled, moved or taken over
_EDGES = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    (1 << 63) - 1,
    (1 << 64) - 1,
)


def mutated(random: Random, data: bytes, other: bytes) -> bytes:
    """`data`, spoiled a few times; `other` is where foreign pieces come from. The same `random` gives the same bytes."""
    spoiled = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        random.choice(_WAYS)(random, spoiled, other)
    if spoiled.startswith(b"\x89PNG") and random.random() < 0.7:
        _mend_png(spoiled)
    return bytes(spoiled)


def _place(random: Random, data: bytes | bytearray) -> int:
    length = max(1, len(data))
    return random.randrange(min(length, _HEADER) if random.random() < 0.5 else length)


def _piece(random: Random, data: bytes | bytearray) -> bytes:
    start = _place(random, data)
    return bytes(data[start : start + random.randrange(1, random.choice((9, 257, _LONGEST)))])


def _flip_bits(random: Random, data: bytearray, _other: bytes) -> None:
    for _ in range(random.choice((1, 3, 20))):
        if data:
            data[_place(random, data)] ^= 1 << random.randrange(8)


def _set_number(random: Random, data: bytearray, _other: bytes) -> None:
    """A length, a count or an offset at its edge."""
    size, at = random.choice((1, 2, 4, 8)), _place(random, data)
    number = random.choice(_EDGES) & ((1 << 8 * size) - 1)
    data[at : at + size] = number.to_bytes(size, random.choice(("big", "little")))


def _set_noise(random: Random, data: bytearray, _other: bytes) -> None:
    at, size = _place(random, data), random.choice((1, 8, 300))
    data[at : at + size] = random.randbytes(size)


def _cut_end(random: Random, data: bytearray, _other: bytes) -> None:
    del data[_place(random, data) + 1 :]


def _remove(random: Random, data: bytearray, _other: bytes) -> None:
    at = _place(random, data)
    del data[at : at + random.randrange(1, random.choice((9, 257, _LONGEST)))]


def _double(random: Random, data: bytearray, _other: bytes) -> None:
    at, piece = _place(random, data), _piece(random, data)
    data[at:at] = piece * random.choice((1, 1, 2, 20))


def _take_over(random: Random, data: bytearray, other: bytes) -> None:
    at, piece = _place(random, data), _piece(random, other)
    data[at : at + random.choice((0, len(piece)))] = piece


def _join(random: Random, data: bytearray, other: bytes) -> None:
    """The first part of one file, the last of another."""
    data[_place(random, data) + 1 :] = other[_place(random, other) :]


_WAYS = (_flip_bits, _set_number, _set_noise, _cut_end, _remove, _double, _take_over, _join)


def _mend_png(data: bytearray) -> None:
    """Sums that fit: a decoder that looks at them first would see nothing else."""
    at = 8
    while at + 12 <= len(data):
        end = at + 8 + struct.unpack_from(">I", data, at)[0]
        if end + 4 > len(data):
            return
        struct.pack_into(">I", data, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
