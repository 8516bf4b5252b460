"""Cameras' raw photos, written by hand: a sensor's values behind a Bayer filter in a TIFF, and what cameras put about them.

Raw files of real cameras belong to those who took them. These are made of the directories, tags and values that the
DNG specification (Adobe, 1.7) and LibRaw's source name, with the scene of `media_samples` as what the sensor saw.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import media_samples as samples

if TYPE_CHECKING:
    from PIL import Image

_BLACK, _WHITE = 512, 16383
_XYZ_TO_SRGB = (3.2404542, -1.5371385, -0.4985314, -0.9692660, 1.8760108, 0.0415560, 0.0556434, -0.2040259, 1.0572252)
"""Lindbloom's matrix for D65: a sensor whose colours are sRGB's own."""

Value = bytes | int | tuple[int, ...] | list[float]


def jpeg_bytes(image: Image.Image, **save: Any) -> bytes:
    """A picture as a JPEG's bytes."""
    target = io.BytesIO()
    image.save(target, "JPEG", **{"quality": 90, **save})
    return target.getvalue()


def dng(
    path: Path,
    image: Image.Image | None = None,
    *,
    preview: Image.Image | None = None,
    orientation: int = 1,
    magic: bytes = b"II*\0",
    make: str = "Example",
    model: str = "Sensor 1",
    dng_version: bool = True,
    big_endian: bool = False,
    gps: bool = False,
) -> Path:
    """A raw photo of the scene as stored, to be turned by `orientation`.

    With a preview, that is the first picture and the sensor's values are in a directory below, as most cameras do it.
    """
    values = mosaic(image or samples.scene())
    height, width = values.shape
    order = ">" if big_endian else "<"
    strip = values.astype(order + "u2").tobytes()
    sensor: dict[int, tuple[int, Value]] = {
        254: (4, 0), 256: (4, width), 257: (4, height), 258: (3, 16), 259: (3, 1), 262: (3, 32803),
        273: (4, -1), 277: (3, 1), 278: (4, height), 279: (4, len(strip)), 284: (3, 1),
        33421: (3, (2, 2)), 33422: (1, bytes([0, 1, 1, 2])), 50714: (4, _BLACK), 50717: (4, _WHITE),
    }  # fmt: skip
    about: dict[int, tuple[int, Value]] = {
        271: (2, make.encode() + b"\0"),
        272: (2, model.encode() + b"\0"),
        274: (3, orientation),
        306: (2, b"2024:05:06 07:08:09\0"),
    }
    if dng_version:
        about |= {
            50706: (1, bytes([1, 4, 0, 0])),
            50707: (1, bytes([1, 1, 0, 0])),
            50708: (2, f"{make} {model}\0".encode()),
            50721: (10, list(_XYZ_TO_SRGB)),
            50728: (5, [1.0, 1.0, 1.0]),
            50778: (3, 21),
        }
    place: dict[int, tuple[int, Value]] | None = None
    if gps:
        place = {1: (2, b"N\0"), 2: (5, [48.0, 12.0, 29.52]), 3: (2, b"E\0"), 4: (5, [16.0, 22.0, 25.68])}
    writer = _Writer(order, magic)
    if preview is None:
        writer.directory({**sensor, **about}, strip, place)
    else:
        data = jpeg_bytes(preview)
        first: dict[int, tuple[int, Value]] = {
            254: (4, 1), 256: (4, preview.width), 257: (4, preview.height), 258: (3, (8, 8, 8)), 259: (3, 7),
            262: (3, 6), 273: (4, -1), 277: (3, 3), 278: (4, preview.height), 279: (4, len(data)), 330: (4, -2),
        }  # fmt: skip
        writer.directory({**first, **about}, data, place, below=(sensor, strip))
    path.write_bytes(writer.done())
    return path


def mosaic(image: Image.Image) -> np.ndarray:
    """What a sensor behind a red, green / green, blue filter would have seen of an sRGB picture: linear, above black."""
    rgb = np.asarray(image.convert("RGB")).astype(np.float64) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    values = np.empty(linear.shape[:2])
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        values[row::2, column::2] = linear[row::2, column::2, channel]
    return np.asarray(np.round(_BLACK + values * (_WHITE - _BLACK)), np.uint16)


class _Writer:
    """A TIFF under way: directories first, then what they point to."""

    def __init__(self, order: str, magic: bytes) -> None:
        self._order = order
        start = b"MM\0*" if order == ">" else magic
        self._data = bytearray(start + struct.pack(order + "I", 8))

    def directory(
        self,
        tags: dict[int, tuple[int, Value]],
        strip: bytes,
        place: dict[int, tuple[int, Value]] | None = None,
        below: tuple[dict[int, tuple[int, Value]], bytes] | None = None,
    ) -> int:
        """Write one; -1 stands for where its strip will be, -2 for the directory below it."""
        if place:
            tags = {**tags, 34853: (4, -3)}
        at = len(self._data)
        self._data += bytes(2 + 12 * len(tags) + 4)
        # Texts and fractions first, pictures last: who reads only the first bytes of a file finds them, as in a camera's.
        packed = {tag: self._packed(type_, value) for tag, (type_, value) in tags.items() if value not in (-1, -2, -3)}
        kept = {tag: self._append(data) for tag, (_count, data) in packed.items() if len(data) > 4}
        where = {-3: self.directory(place, b"") if place else 0}
        where[-2] = self.directory(below[0], below[1]) if below else 0
        where[-1] = self._append(strip)
        body = struct.pack(self._order + "H", len(tags))
        for tag, (type_, value) in sorted(tags.items()):
            count, data = packed[tag] if tag in packed else self._packed(type_, where[value])  # type: ignore[index]
            data = struct.pack(self._order + "I", kept[tag]) if tag in kept else data.ljust(4, b"\0")
            body += struct.pack(self._order + "HHI", tag, type_, count) + data
        self._data[at : at + len(body)] = body
        return at

    def done(self) -> bytes:
        """The file."""
        return bytes(self._data)

    def _append(self, data: bytes) -> int:
        at = len(self._data)
        self._data += data + bytes(len(data) % 2)
        return at

    def _packed(self, type_: int, value: Value) -> tuple[int, bytes]:
        if isinstance(value, bytes):
            return len(value), value
        if isinstance(value, list):  # fractions
            form = {5: "II", 10: "ii"}[type_]
            return len(value), b"".join(struct.pack(self._order + form, round(v * 10_000), 10_000) for v in value)
        numbers = value if isinstance(value, tuple) else (value,)
        return len(numbers), struct.pack(f"{self._order}{len(numbers)}{'H' if type_ == 3 else 'I'}", *numbers)
