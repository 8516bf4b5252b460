"""JPEG XL, by libjxl as `imagecodecs` brings it: the first frame, and what the file says of itself.

A JPEG XL that was made of a JPEG gives that JPEG back, with its profile and metadata. Of another one libjxl gives the
pixels upright, in the colours that they are kept in, without their profile: nearly always sRGB.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any, BinaryIO

from PIL import Image

from captiond.errors import Corrupt, DecoderMemory, Failure, Truncated
from captiond.media.boxes import boxes, inside

_CONTAINER = b"\0\0\0\x0cJXL "
_HEAD = 64
_RATIOS = (
    Fraction(0),
    Fraction(1),
    Fraction(6, 5),
    Fraction(4, 3),
    Fraction(3, 2),
    Fraction(16, 9),
    Fraction(5, 4),
    Fraction(2),
)
_LENGTHS = (9, 13, 18, 30)


def size(file: BinaryIO) -> tuple[int, int] | None:
    """Width and height as stored, by the codestream's header (ISO/IEC 18181-1, SizeHeader); None where there is none."""
    head = _codestream(file)
    if head[:2] != b"\xff\x0a":
        return None
    bits = _Bits(head[2:])
    small = bits.take(1)
    height = _length(bits, small=small)
    ratio = _RATIOS[bits.take(3)]
    width = int(height * ratio) if ratio else _length(bits, small=small)
    return width, height


def exif(file: BinaryIO) -> Image.Exif:
    """The file's EXIF, where it is there unpacked."""
    found, end = Image.Exif(), file.seek(0, io.SEEK_END)
    place = inside(file, 0, end, b"Exif")
    if place is not None and place[1] - place[0] < 1 << 20:
        file.seek(place[0])
        data = file.read(place[1] - place[0])
        try:
            found.load(b"Exif\0\0" + data[4 + int.from_bytes(data[:4], "big") :])
        except Exception:  # noqa: BLE001 - a broken directory raises what it likes
            return Image.Exif()
    return found


def picture(file: BinaryIO) -> Image.Image:
    """The picture: the JPEG that it was made of, not loaded yet, or the decoded pixels.

    Raises:
        Truncated, Corrupt, DecoderMemory: as they say.
    """
    import imagecodecs

    end = file.seek(0, io.SEEK_END)
    was_jpeg = inside(file, 0, end, b"jbrd") is not None
    file.seek(0)
    data = file.read()
    if was_jpeg:
        try:
            return Image.open(io.BytesIO(imagecodecs.jpegxl_decode_jpeg(data, numthreads=1)), formats=["JPEG"])
        except (imagecodecs.JpegxlError, OSError, SyntaxError):
            pass  # then as any other
    try:
        return _image(imagecodecs.jpegxl_decode(data, index=0, numthreads=1))
    except (imagecodecs.JpegxlError, ValueError) as error:
        raise _failure(error) from error


def _image(pixels: Any) -> Image.Image:
    if pixels.dtype.kind == "f":
        pixels = (pixels.clip(0, 1) * 255 + 0.5).astype("u1")
    elif pixels.dtype.itemsize == 2:
        pixels = (pixels >> 8).astype("u1")
    return Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)


def _failure(error: Exception) -> Failure:
    said = str(error)
    if "NEED_MORE" in said:
        return Truncated()
    return DecoderMemory() if "memory" in said.lower() else Corrupt(said[:200])


def _codestream(file: BinaryIO) -> bytes:
    """The first bytes of the codestream, with or without a container about it."""
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(_HEAD)
    if not head.startswith(_CONTAINER):
        return head
    for kind, skip in ((b"jxlc", 0), (b"jxlp", 4)):  # whole, or in numbered parts
        for start, _end in boxes(file, 0, end, kind):
            file.seek(start + skip)
            return file.read(_HEAD)
    return b""


class _Bits:
    """Bits, lowest first. Past the end they are zeros."""

    def __init__(self, data: bytes) -> None:
        self._left = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        """The next bits as a number."""
        value = self._left & ((1 << count) - 1)
        self._left >>= count
        return value


def _length(bits: _Bits, *, small: int) -> int:
    if small:
        return (bits.take(5) + 1) * 8
    return bits.take(_LENGTHS[bits.take(2)]) + 1
