"""The JPEG that an endpoint gets: made of a picture, or a file's own without its metadata."""

from __future__ import annotations

import io
import struct

from PIL import Image

from captiond.values import ImagePart

_QUALITIES = (85, 75, 65, 50)
_SHRINK = 0.8
_METADATA_SEGMENTS = frozenset({0xE1, 0xED, 0xFE})  # EXIF and XMP, Photoshop, comments


def to_jpeg(image: Image.Image, max_bytes: int, at_seconds: float | None = None) -> ImagePart:
    """An RGB, YCbCr or L picture as JPEG of at most `max_bytes`: first the quality goes down, then the size."""
    image.info.clear()  # Pillow would write the original's comment
    while True:
        target = io.BytesIO()
        for quality in _QUALITIES:
            target.seek(0)
            target.truncate()
            image.save(target, "JPEG", quality=quality)
            if target.tell() <= max_bytes:
                return ImagePart("image/jpeg", target.getvalue(), *image.size, at_seconds)
        if max(image.size) <= 16:
            return ImagePart("image/jpeg", target.getvalue(), *image.size, at_seconds)
        smaller = (max(1, int(image.width * _SHRINK)), max(1, int(image.height * _SHRINK)))
        image = image.resize(smaller, Image.Resampling.LANCZOS)


def without_metadata(data: bytes) -> bytes:
    """A JPEG without EXIF, XMP, IPTC and comments, its picture untouched; the same bytes if its markers are odd."""
    kept, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        mark, (length,) = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])
        if mark == 0xDA:
            return b"".join((*kept, data[at:]))
        if mark not in _METADATA_SEGMENTS:
            kept.append(data[at : at + 2 + length])
        at += 2 + length
    return data
