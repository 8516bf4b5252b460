"""A Photoshop document's flattened picture: whether there is one, and what Pillow does not tell or read of it."""

from __future__ import annotations

import struct
from typing import BinaryIO

from PIL import Image

from captiond.errors import Truncated, Unsupported

_DEPTHS = (1, 8)
_DEEP = 16
_GREY, _RGB, _CMYK, _MULTICHANNEL = 1, 3, 4, 7
_HEAD = 26
_VERSION_INFO = 1057
"""The image resource that says whether a flattened picture was saved: Adobe Photoshop File Formats Specification."""


def check(file: BinaryIO) -> None:
    """See that there is a flattened picture that can be read.

    Raises:
        Unsupported: there is none.
        Truncated: the file ends before it.
    """
    try:
        depth, mode = _depth_and_mode(file)
        if depth not in _DEPTHS and not (depth == _DEEP and mode in (_GREY, _RGB, _CMYK)):
            raise Unsupported(f"Photoshop with {depth} bits a channel")
        if mode == _MULTICHANNEL:
            raise Unsupported("Photoshop with channels of their own inks")
        _skip(file)  # the palette
        if not _has_picture(file):
            raise Unsupported("Photoshop, saved without its flattened picture (\u201cmaximise compatibility\u201d)")
    except (struct.error, IndexError):
        raise Truncated from None


def is_deep(file: BinaryIO) -> bool:
    """Whether it has 16 bits a channel."""
    return _depth_and_mode(file)[0] == _DEEP


class Bytewise:
    """A document of 16 bits a channel as one of 8 bits and of twice the width: all that Pillow asks of a file.

    Each value is two bytes, the high one first, in rows that are packed byte by byte.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0)
        head = file.read(_HEAD)
        (width,) = struct.unpack(">I", head[18:22])
        self._head = head[:18] + struct.pack(">IH", 2 * width, 8) + head[24:]
        file.seek(0)

    def read(self, size: int = -1) -> bytes:
        """As of any file."""
        at = self._file.tell()
        data = self._file.read(size)
        return self._head[at : at + len(data)] + data[len(self._head) - at :] if at < _HEAD else data

    def seek(self, place: int, whence: int = 0) -> int:
        """As of any file."""
        return self._file.seek(place, whence)

    def tell(self) -> int:
        """As of any file."""
        return self._file.tell()


def high_bytes(image: Image.Image) -> Image.Image:
    """The picture of 8 bits a channel in one that was opened `Bytewise`: each second column, from the first on."""
    size = image.width // 2, image.height
    return image.transform(size, Image.Transform.AFFINE, (2, 0, -1, 0, 1, 0), Image.Resampling.NEAREST)


def opaque(image: Image.Image, file: BinaryIO) -> Image.Image:
    """The picture without a fourth channel that is no transparency, but a selection that someone kept."""
    if image.mode != "RGBA" or _has_transparency(file):
        return image
    image.load()
    return image.convert("RGB")


def _depth_and_mode(file: BinaryIO) -> tuple[int, int]:
    """Bits a channel, and the number of the colour mode; the file stands behind its head then."""
    file.seek(0)
    depth, mode = struct.unpack(">HH", file.read(_HEAD)[22:])
    return depth, mode


def _has_picture(file: BinaryIO) -> bool:
    (length,) = struct.unpack(">I", file.read(4))
    end = file.tell() + length
    while file.tell() < end:
        signature, number, name = struct.unpack(">4sHB", file.read(7))
        if not signature.startswith((b"8B", b"MeSa")):
            return True  # what comes is for the decoder to judge
        file.seek(name + (name + 1) % 2, 1)
        (size,) = struct.unpack(">I", file.read(4))
        if number == _VERSION_INFO:
            return file.read(5)[4] != 0
        file.seek(size + size % 2, 1)
    return True


def _has_transparency(file: BinaryIO) -> bool:
    """Whether the first channel beside the colours is transparency: then the number of layers is written below zero."""
    file.seek(_HEAD)
    try:
        _skip(file)
        _skip(file)
        section, layers = struct.unpack(">II", file.read(8))
        return bool(section and layers) and struct.unpack(">h", file.read(2))[0] < 0
    except struct.error:
        return False


def _skip(file: BinaryIO) -> None:
    (length,) = struct.unpack(">I", file.read(4))
    file.seek(length, 1)
