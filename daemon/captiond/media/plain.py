"""Whether a picture's own file shows a server what captiond would send of it. Reads a few first bytes, decodes nothing."""

from __future__ import annotations

import struct

FORMATS = ("jpeg", "png", "webp", "gif")
"""What the endpoints that take a picture's URL decode: OpenAI, Anthropic and Gemini name these four, or more."""

HEAD_BYTES = 64 * 1024
"""How many of a file's first bytes `is_plain` wants."""

_ORIENTATION = 0x0112
_WEBP_ANIMATED, _WEBP_EXIF = 0x02, 0x08


def is_plain(format_: str, head: bytes) -> bool:
    """Still, and upright as it is stored: servers differ in whether they turn a picture, and see the first frame only.

    False also where these bytes do not tell.

    Args:
        format_: as `identify.sniff` names it.
        head: the first HEAD_BYTES, or all there are.
    """
    match format_:
        case "jpeg":
            return _jpeg_orientation(head) == 1
        case "png":  # both chunks stand before the picture's own
            before, found, _ = head.partition(b"IDAT")
            return bool(found) and b"acTL" not in before and b"eXIf" not in before
        case "webp":
            return head[12:16] != b"VP8X" or not head[20] & (_WEBP_ANIMATED | _WEBP_EXIF)
        case "gif":
            return b"NETSCAPE2.0" not in head
    return False


def _jpeg_orientation(head: bytes) -> int:
    """EXIF's 1 to 8; 1 where nothing is said, 0 where it can't be told from these bytes."""
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        mark = head[at + 1]
        if mark == 0xFF:
            at += 1
            continue
        if mark == 0xDA:
            return 1
        length = int.from_bytes(head[at + 2 : at + 4], "big")
        if mark == 0xE1 and head[at + 4 : at + 10] == b"Exif\0\0":
            return _exif_orientation(head[at + 10 : at + 2 + length])
        at += 2 + length
    return 0


def _exif_orientation(tiff: bytes) -> int:
    order = "<" if tiff[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, at)
        for entry in range(count):
            tag, _type, _number, value = struct.unpack_from(order + "HHIH", tiff, at + 2 + 12 * entry)
            if tag == _ORIENTATION:
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        return 0
    return 1
