"""The boxes of which MP4, HEIC, AVIF, JPEG XL and CR3 files are made (ISO/IEC 14496-12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO


def inside(file: BinaryIO, start: int, end: int, kind: bytes) -> tuple[int, int] | None:
    """Where the contents of the first box of a kind lie, between two places in a file."""
    return next(boxes(file, start, end, kind), None)


def boxes(file: BinaryIO, start: int, end: int, kind: bytes) -> Iterator[tuple[int, int]]:
    """Where the contents of each box of a kind lie; it ends where what comes is no box."""
    at = start
    while at + 8 <= end:
        file.seek(at)
        head = file.read(16)
        length, skip = int.from_bytes(head[:4], "big"), 8
        if length == 1:
            length, skip = int.from_bytes(head[8:16], "big"), 16
        if length == 0:
            length = end - at
        if length < skip:
            return
        if head[4:8] == kind:
            yield at + skip, min(at + length, end)
        at += length
