"""How long each frame of an animation is shown, told by its container without decoding a pixel."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

from captiond.media.boxes import boxes, inside

MOST_FRAMES = 100_000
"""No more are looked at: an hour and a half at 20 a second."""

_SHORTEST, _INSTEAD = 0.011, 0.1
"""Browsers show a frame that asks for 10 ms or less for 100 ms, and animations are made for browsers."""


def frame_seconds(format_: str, file: BinaryIO) -> list[float]:
    """The seconds of each frame of a GIF, WebP, APNG or AVIF, in order; empty where there are none or they can't be told."""
    ways = {"gif": _gif, "webp": _webp, "png": _png, "avif": _avif}
    if format_ not in ways:
        return []
    size = file.seek(0, os.SEEK_END)
    found: list[float] = []
    try:
        for seconds in ways[format_](file, size):
            found.append(seconds if seconds >= _SHORTEST else _INSTEAD)
            if len(found) >= MOST_FRAMES:
                break
    except (struct.error, IndexError):
        pass  # it ends early: what is there counts
    return found


def _gif(file: BinaryIO, size: int) -> Iterator[float]:
    file.seek(10)
    at, delay = 13 + _table(file.read(1)[0]), 0.0
    while at < size:
        file.seek(at)
        head = file.read(10)
        if head[0] == 0x21:  # an extension; the one for the next frame has its delay
            if head[1] == 0xF9:
                delay = int.from_bytes(head[4:6], "little") / 100
            at = _after_blocks(file, at + 2)
        elif head[0] == 0x2C:
            yield delay
            delay = 0.0
            at = _after_blocks(file, at + 11 + _table(head[9]))
        else:
            return


def _table(flags: int) -> int:
    """The bytes of a colour table, by the flags that tell of it."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(file: BinaryIO, at: int) -> int:
    file.seek(at)
    while (length := file.read(1)[0]) > 0:
        file.seek(length, os.SEEK_CUR)
    return file.tell()


def _webp(file: BinaryIO, size: int) -> Iterator[float]:
    at = 12
    while at + 8 <= size:
        file.seek(at)
        head = file.read(24)
        if head[:4] == b"ANMF":
            yield int.from_bytes(head[20:23], "little") / 1000
        length = int.from_bytes(head[4:8], "little")
        at += 8 + length + length % 2


def _png(file: BinaryIO, size: int) -> Iterator[float]:
    at = 8
    while at + 8 <= size:
        file.seek(at)
        head = file.read(34)
        if head[4:8] == b"fcTL":
            count, parts = struct.unpack(">HH", head[28:32])
            yield count / (parts or 100)
        at += int.from_bytes(head[:4], "big") + 12


def _avif(file: BinaryIO, size: int) -> Iterator[float]:
    """From the first track that has a table of times: the pictures' own; one of alpha has the same times."""
    movie = inside(file, 0, size, b"moov")
    for start, end in boxes(file, *movie, b"trak") if movie else ():
        media = inside(file, start, end, b"mdia")
        header = inside(file, *media, b"mdhd") if media else None
        table: tuple[int, int] | None = media
        for kind in (b"minf", b"stbl", b"stts"):
            table = inside(file, *table, kind) if table else None
        if not header or not table:
            continue
        file.seek(header[0])
        version, *_rest = head = file.read(24)
        (scale,) = struct.unpack(">I", head[20:24] if version == 1 else head[12:16])
        file.seek(table[0] + 4)
        (entries,) = struct.unpack(">I", file.read(4))
        for _ in range(min(entries, MOST_FRAMES)):
            count, ticks = struct.unpack(">II", file.read(8))
            for _ in range(min(count, MOST_FRAMES)):
                yield ticks / (scale or 1)
        return
