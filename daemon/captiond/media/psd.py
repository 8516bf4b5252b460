"""A Photoshop document's flattened picture: whether there is one, and whether its fourth channel is transparency."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

from captiond.errors import Truncated, Unsupported

if TYPE_CHECKING:
    from PIL import Image

_DEPTHS = (1, 8)
_MULTICHANNEL = 7
_VERSION_INFO = 1057
"""The image resource that says whether a flattened picture was saved: Adobe Photoshop File Formats Specification."""


def check(file: BinaryIO) -> None:
    """See that there is a flattened picture that can be read.

    Raises:
        Unsupported: there is none.
        Truncated: the file ends before it.
    """
    file.seek(0)
    try:
        depth, mode = struct.unpack(">HH", file.read(26)[22:])
        if depth not in _DEPTHS:
            raise Unsupported(f"Photoshop with {depth} bits a channel")
        if mode == _MULTICHANNEL:
            raise Unsupported("Photoshop with channels of their own inks")
        _skip(file)  # the palette
        if not _has_picture(file):
            raise Unsupported("Photoshop, saved without its flattened picture (\u201cmaximise compatibility\u201d)")
    except (struct.error, IndexError):
        raise Truncated from None


def opaque(image: Image.Image, file: BinaryIO) -> Image.Image:
    """The picture without a fourth channel that is no transparency, but a selection that someone kept."""
    if image.mode != "RGBA" or _has_transparency(file):
        return image
    image.load()
    return image.convert("RGB")


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
    file.seek(26)
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
