"""Files that are small and ask for much: each ends within its limits, and the next file is decoded."""

from __future__ import annotations

import re
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

import media_samples as samples
from captiond.errors import Failure
from captiond.media.guard import Guard, GuardLimits
from captiond.media.reader import read
from captiond.media.spec import EncodeSpec

LIMITS = GuardLimits(seconds=10, memory_mb=300)
SLACK_SECONDS = 10.0
UNPACKED = 400 << 20
"""Bytes: more than the memory that is allowed."""


@cache
def zeros() -> bytes:
    """Two megabytes that unpack to `UNPACKED` bytes."""
    packer, block = zlib.compressobj(1), bytes(1 << 20)
    return b"".join([packer.compress(block) for _ in range(UNPACKED >> 20)]) + packer.flush()


def png_with(path: Path, kind: bytes, body: bytes) -> None:
    """A small picture with a further chunk before its pixels."""
    data = samples.png(path).read_bytes()
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    path.write_bytes(data[:33] + chunk + data[33:])


def png_of_more_rows(path: Path) -> None:
    path.write_bytes(samples._png(320, 240, zeros()))


def many_scans(path: Path) -> None:
    """A progressive JPEG that begins its picture anew 3,000 times: each costs a pass over all of it."""
    data = samples.jpeg(path, samples.scene(4000, 3000), progressive=True).read_bytes()
    starts = [found.start() for found in re.finditer(rb"\xff\xda", data)]
    scan = data[
        starts[1] : data.rindex(b"\xff\xc4", 0, starts[2]) if b"\xff\xc4" in data[starts[1] : starts[2]] else starts[2]
    ]
    path.write_bytes(data[: starts[1]] + scan * 3000 + data[starts[1] :])


def packed_lines(path: Path) -> None:
    Image.new("1", (15_800, 15_800)).save(path, "TIFF", compression="group4")


def with_number(make: Callable[[Path], Path], form: str, at: int, *numbers: int) -> Callable[[Path], None]:
    """A file whose header says another size."""

    def made(path: Path) -> None:
        data = bytearray(make(path).read_bytes())
        struct.pack_into(form, data, at, *numbers)
        path.write_bytes(data)

    return made


def long_animation(path: Path) -> None:
    """3,000 frames of 2000 x 2000 in less than 5 bytes a thousand pixels."""
    small = [Image.new("P", (2000, 2000), number % 2) for number in range(3)]
    small[0].save(path, "GIF", save_all=True, append_images=small[1:], duration=100)
    data = path.read_bytes()
    start = data.index(b"\x21\xf9", 20)
    path.write_bytes(data[:start] + data[start:-1] * 1000 + data[-1:])


BOMBS: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "png: text": (lambda path: png_with(path, b"zTXt", b"Comment\0\0" + zeros()), {"corrupt", "whole"}),
    "png: international text": (
        lambda path: png_with(path, b"iTXt", b"Comment\0\1\0\0\0" + zeros()),
        {"corrupt", "whole"},
    ),
    "png: profile": (lambda path: png_with(path, b"iCCP", b"profile\0\0" + zeros()), {"corrupt", "whole"}),
    "png: more rows than it says": (png_of_more_rows, {"whole", "corrupt"}),
    "png: within the pixels, not the memory": (lambda path: samples.png_bomb(path, 12_000, 9_000), {"decoder_memory"}),
    "png: of two thousand million pixels a side": (
        lambda path: samples.png_of_size(path, 0x7FFFFFFF, 0x7FFFFFFF),
        {"too_many_pixels"},
    ),
    "tiff: lines of nothing": (packed_lines, {"decoder_memory", "whole"}),
    "bmp: size": (with_number(samples.bmp, "<ii", 18, 1 << 30, 1 << 30), {"too_many_pixels"}),
    "gif: canvas": (with_number(samples.gif, "<HH", 6, 65_535, 65_535), {"too_many_pixels"}),
    "gif: frames": (long_animation, {"whole", "decoder_timeout"}),
    "psd: size": (with_number(samples.psd, ">II", 14, 300_000, 300_000), {"too_many_pixels"}),
    "jpeg: size": (
        lambda path: path.write_bytes(_jpeg_of_size(samples.jpeg(path).read_bytes(), 65_000, 65_000)),
        {"too_many_pixels"},
    ),
    "jpeg: scans": (many_scans, {"decoder_timeout", "whole"}),
}


def _jpeg_of_size(data: bytes, width: int, height: int) -> bytes:
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard(LIMITS)
    yield guard
    guard.close()


@pytest.mark.fault("a hostile picture or video")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_its_limits_at_most_and_the_next_file_is_decoded(guard: Guard, tmp_path: Path, name: str) -> None:
    make, expected = BOMBS[name]
    path = tmp_path / "bomb"
    make(path)
    assert path.stat().st_size < 20_000_000
    outcome, began = "whole", time.monotonic()
    try:
        guard.encode(read(str(path), None), EncodeSpec())
    except Failure as failure:
        outcome = failure.code
    assert outcome in expected
    assert time.monotonic() - began < LIMITS.seconds + SLACK_SECONDS
    assert guard.encode(read(str(samples.jpeg(tmp_path / "next")), None), EncodeSpec()).parts
