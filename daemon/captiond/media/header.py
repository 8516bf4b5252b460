"""What a file's header says without decoding: the picture's size, and whether the file ends early.

Decoders tell neither well: some refuse a picture of no pixels as unknown, some allocate the canvas at once, and most
call a file that was copied half simply invalid.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from captiond.media import jxl, tiff

_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_BOXED = ("heic", "avif", "cr3", "mp4", "mov", "3gp")
_TIFFS = ("tiff", "dng", "cr2", "nef", "arw", "pef")
_RIFF = ("webp", "avi")


def picture_size(format_: str, file: BinaryIO) -> tuple[int, int] | None:
    """Width and height as stored; None where the header does not tell simply."""
    file.seek(0)
    head = file.read(64)
    try:
        match format_:
            case "png":
                return struct.unpack(">II", head[16:24]) if head[12:16] == b"IHDR" else None
            case "gif":
                return struct.unpack("<HH", head[6:10])
            case "psd":
                height, width = struct.unpack(">II", head[14:22])
                return width, height
            case "jxl":
                return jxl.size(file)
            case "bmp":
                core = head[14] == 12
                width, height = struct.unpack("<HH", head[18:22]) if core else struct.unpack("<ii", head[18:26])
                return abs(width), abs(height)
            case "webp":
                return _webp(head)
            case "jpeg":
                return _jpeg(file)
            case "tiff":
                return _tiff_size(file)
    except (struct.error, IndexError):
        return None
    return None


def ends_early(format_: str, file: BinaryIO) -> bool:
    """Whether the container says that it is longer than the file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if format_ in _BOXED:
        return _boxes_end_early(file, size)
    head = file.read(64)
    if format_ in _RIFF:
        # An AVI's recorder may have died before it wrote its length, which then is 0.
        return int.from_bytes(head[4:8], "little") + 8 > size
    if format_ in ("mkv", "webm"):
        return _matroska_ends_early(file, head, size)
    if format_ in _TIFFS:
        return _tiff_ends_early(file, size)
    if format_ == "png":
        return _chunks_end_early(file, size)
    if format_ == "jpeg":
        return _segments_end_early(file, size)
    return False


def _webp(head: bytes) -> tuple[int, int] | None:
    chunk = head[12:16]
    if chunk == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if chunk == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if chunk == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _jpeg(file: BinaryIO) -> tuple[int, int] | None:
    file.seek(2)
    for _ in range(1000):
        mark = file.read(2)
        while mark == b"\xff\xff":
            mark = b"\xff" + file.read(1)
        if len(mark) < 2 or mark[0] != 0xFF or mark[1] in (0xD9, 0xDA):
            return None
        if mark[1] in _JPEG_ALONE:
            continue
        length = int.from_bytes(file.read(2), "big")
        if mark[1] in _JPEG_SIZES:
            _bits, height, width = struct.unpack(">BHH", file.read(5))
            return width, height
        file.seek(max(0, length - 2), os.SEEK_CUR)
    return None


def _tiff_size(file: BinaryIO) -> tuple[int, int] | None:
    tags = tiff.first(file, (tiff.WIDTH, tiff.HEIGHT))
    width, height = tiff.integers(tags, tiff.WIDTH), tiff.integers(tags, tiff.HEIGHT)
    return (width[0], height[0]) if width and height else None


def _tiff_ends_early(file: BinaryIO, size: int) -> bool:
    try:
        return any(at + length > size for at, length in tiff.data_places(file))
    except struct.error:
        return True


def _chunks_end_early(file: BinaryIO, size: int) -> bool:
    """Well-formed PNG chunks up to the file's end, and no last one. Noise instead of a chunk is no missing end."""
    at = 8
    while at < size:
        file.seek(at)
        head = file.read(8)
        if len(head) == 8 and not head[4:].isalpha():
            return False
        if head[4:] == b"IEND":
            return False
        at += int.from_bytes(head[:4], "big") + 12
    return True


def _segments_end_early(file: BinaryIO, size: int) -> bool:
    """Well-formed JPEG segments up to the file's end, and no picture yet."""
    at = 2
    while at < size:
        file.seek(at)
        head = file.read(4)
        if head[:1] != b"\xff" or head[1:2] < b"\xc0" or head[1:2] == b"\xda":
            return False
        at += 2 + int.from_bytes(head[2:4], "big") if len(head) == 4 else 4
    return True


def _boxes_end_early(file: BinaryIO, size: int) -> bool:
    at, kinds = 0, set()
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if not kind.isascii():
            return False  # noise, and no box
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length == 0:
            return False
        if length < 8:
            return b"moov" not in kinds and b"meta" not in kinds and b"mdat" in kinds
        kinds.add(kind)
        at += length
    # The index of a video comes last when it was recorded; a picture's or a streamed one's comes first.
    return at > size or not kinds & {b"moov", b"meta", b"moof"}


def _matroska_ends_early(file: BinaryIO, head: bytes, size: int) -> bool:
    length, at = _vint(head, 4)
    start = at + length
    if start > size:  # by more than any file can have, too
        return True
    file.seek(start)
    segment = file.read(16)
    if segment[:4] != b"\x18\x53\x80\x67":
        return False
    length, at = _vint(segment, 4)
    unknown = (1 << 7 * (at - 4)) - 1  # a stream that was recorded live
    return length != unknown and start + at + length > size


def _vint(data: bytes, at: int) -> tuple[int, int]:
    """An EBML number and where it ends."""
    first = data[at] if at < len(data) else 0
    if first == 0:
        return 0, at + 1
    width = 9 - first.bit_length()
    return int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1), at + width
