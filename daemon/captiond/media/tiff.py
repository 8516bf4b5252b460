"""The directories of a TIFF, read without decoding: sizes, strips, pages, and what tells a camera's raw photo."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from typing import BinaryIO

WIDTH, HEIGHT, PHOTOMETRIC, MAKE, SUB_DIRECTORIES, DNG_VERSION = 256, 257, 262, 271, 330, 50706
_BITS, _COMPRESSION, _SAMPLE_FORMAT = 258, 259, 339
STRIPS, STRIP_BYTES, TILES, TILE_BYTES = 273, 279, 324, 325
_SUBFILE, _OLD_SUBFILE = 254, 255
_REDUCED, _MASK, _OLD_REDUCED = 1, 4, 2
_SENSOR = (32803, 34892)
"""Photometric interpretations of a sensor's own values: behind a colour filter, and linear."""

_FLOATS = 3
_RARE_COMPRESSIONS = {
    33003: "JPEG 2000", 33005: "JPEG 2000", 34661: "JBIG", 34712: "JPEG 2000", 34887: "LERC", 50001: "WebP", 50002: "JPEG XL",
}  # fmt: skip
"""By the numbers that libtiff's tiff.h and the makers of slide scanners gave them; no decoder here knows these."""

_INTEGERS = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_BYTES = (1, 2, 7)
_MOST_VALUES = 1_000_000
_MOST_ENTRIES = 512
_MOST_PAGES = 10_000
_MOST_BELOW = 16

Tags = dict[int, tuple[int, ...] | bytes]


def directories(file: BinaryIO, wanted: Collection[int], most: int = 1, at: int = 0) -> Iterator[Tags]:
    """The wanted tags of the first directories, whole numbers and bytes alone; of classic TIFF and BigTIFF.

    Args:
        at: where to begin, if not with the file's first.

    Raises:
        struct.error: the file ends before them.
    """
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    (version,) = struct.unpack(order + "H", head[2:4])
    if version not in (42, 43):
        return
    big = version == 43
    offset, number = struct.Struct(order + ("Q" if big else "I")), struct.Struct(order + ("Q" if big else "H"))
    at = at or offset.unpack(head[8:16] if big else head[4:8])[0]
    seen: set[int] = set()
    while at and at not in seen and len(seen) < most:
        seen.add(at)
        _go(file, at)
        (count,) = number.unpack(file.read(number.size))
        if count > _MOST_ENTRIES:  # noise, and no directory
            return
        size = 4 + 2 * offset.size
        table = file.read(count * size + offset.size)
        (at,) = offset.unpack(table[count * size :])
        entries = (table[i : i + size] for i in range(0, count * size, size))
        yield {tag: value for entry in entries for tag, value in _entry(file, entry, order, offset, wanted)}


def _entry(
    file: BinaryIO, entry: bytes, order: str, offset: struct.Struct, wanted: Collection[int]
) -> Iterator[tuple[int, tuple[int, ...] | bytes]]:
    tag, type_ = struct.unpack(order + "HH", entry[:4])
    (count,) = offset.unpack(entry[4 : 4 + offset.size])
    if tag not in wanted or count > _MOST_VALUES or (type_ not in _INTEGERS and type_ not in _BYTES):
        return
    values = struct.Struct(f"{order}{count}{_INTEGERS.get(type_, 's')}")
    data = entry[4 + offset.size :]
    if values.size > offset.size:
        _go(file, *offset.unpack(data))
        data = file.read(values.size)
    found = values.unpack(data[: values.size])
    yield tag, found if type_ in _INTEGERS else found[0]


def _go(file: BinaryIO, at: int) -> None:
    """Raises struct.error for a place that no file can have: BigTIFF has numbers for such."""
    try:
        file.seek(at)
    except (OSError, OverflowError, ValueError) as error:
        raise struct.error from error


def first(file: BinaryIO, wanted: Collection[int]) -> Tags:
    """The wanted tags of the first directory; struct.error where the file ends before them."""
    return next(directories(file, wanted), {})


def data_places(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Where the strips and tiles of the first directory, and of those below it, begin, and how long they are.

    Raises:
        struct.error: the file ends before the directories do.
    """
    wanted = (STRIPS, STRIP_BYTES, TILES, TILE_BYTES, SUB_DIRECTORIES)
    found = [first(file, wanted)]
    for at in integers(found[0], SUB_DIRECTORIES)[:_MOST_BELOW]:
        found += directories(file, wanted, 1, at)
    for tags in found:
        for where, lengths in ((STRIPS, STRIP_BYTES), (TILES, TILE_BYTES)):
            yield from zip(integers(tags, where), integers(tags, lengths), strict=False)


def integers(tags: Tags, tag: int) -> tuple[int, ...]:
    """A tag's whole numbers; none if it has other values."""
    value = tags.get(tag, ())
    return value if isinstance(value, tuple) else ()


def pages(file: BinaryIO) -> tuple[int, int]:
    """Which directory is the first page, and how many pages there are: thumbnails, smaller copies and masks are none."""
    found: list[int] = []
    try:
        for number, tags in enumerate(directories(file, (_SUBFILE, _OLD_SUBFILE, PHOTOMETRIC), _MOST_PAGES)):
            if not is_reduced(tags) and not is_sensor(tags):
                found.append(number)
    except (struct.error, OSError):
        pass  # broken off further on: what is there counts
    return (found[0], len(found)) if found else (0, 0)


def is_reduced(tags: Tags) -> bool:
    """Whether a directory is a smaller copy, or a mask, of another one."""
    new, old = integers(tags, _SUBFILE), integers(tags, _OLD_SUBFILE)
    return bool(new and new[0] & (_REDUCED | _MASK)) or bool(old and old[0] == _OLD_REDUCED)


def is_sensor(tags: Tags) -> bool:
    """Whether a directory has a sensor's own values."""
    told = integers(tags, PHOTOMETRIC)
    return bool(told) and told[0] in _SENSOR


def is_raw_like(tags: Tags) -> bool:
    """Whether a first directory is what a camera's raw photo begins with: a thumbnail, or a sensor's own values."""
    return is_reduced(tags) or is_sensor(tags)


def layout(file: BinaryIO) -> str | None:
    """How the first page's values are written, for one that can't be decoded; None where it does not even tell its size."""
    try:
        page, count = pages(file)
        wanted = (WIDTH, HEIGHT, _BITS, _COMPRESSION, _SAMPLE_FORMAT)
        tags = list(directories(file, wanted, page + 1))[page] if count else {}
    except (struct.error, OSError):
        return None
    if not (integers(tags, WIDTH) and integers(tags, HEIGHT)):
        return None
    bits = "+".join(map(str, integers(tags, _BITS)[:4])) or "1"
    return f"{bits} bits{' in floating point' if _FLOATS in integers(tags, _SAMPLE_FORMAT) else ''}"


def rare_compression(file: BinaryIO) -> str | None:
    """The name of the first directory's compression, if it is one that is not read here."""
    try:
        told = integers(first(file, (_COMPRESSION,)), _COMPRESSION)
    except (struct.error, OSError):
        return None
    return _RARE_COMPRESSIONS.get(told[0]) if told else None


WHAT_IT_IS = (_SUBFILE, _OLD_SUBFILE, PHOTOMETRIC, DNG_VERSION)
"""The tags that tell a camera's raw photo, beside its make."""
