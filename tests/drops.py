"""Small pictures dropped into folders: each with bytes of its own, quickly made, and there at once."""

from __future__ import annotations

import functools
import io
import os
import struct
from pathlib import Path

from PIL import Image


@functools.cache
def _plain(colour: str, size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


def picture(label: str | bytes, colour: str = "red", size: tuple[int, int] = (64, 48)) -> bytes:
    """A JPEG of one colour with `label` as its comment: another label, other bytes of the same length per label's."""
    comment = label if isinstance(label, bytes) else os.fsencode(label)
    plain = _plain(colour, size)
    return plain[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + plain[2:]


def drop(path: Path, label: str | None = None, colour: str = "red", size: tuple[int, int] = (64, 48)) -> Path:
    """A picture at `path`, renamed into place; its label is its name unless told."""
    staged = path.parent / f"{abs(hash(path))}.part"
    staged.write_bytes(picture(path.name if label is None else label, colour, size))
    staged.rename(path)
    return path


def drop_many(folder: Path, count: int, prefix: str = "") -> list[str]:
    """`count` pictures, each with its own bytes; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{prefix}{number}.jpg" for number in range(count)]
    for name in names:
        (folder / name).write_bytes(picture(f"{folder.name} {name}"))
    return names


def noise(path: Path, size: tuple[int, int] = (1500, 1000)) -> Path:
    """A picture that takes about a byte a pixel, with bytes of its own, renamed into place."""
    staged = path.with_suffix(".part")
    Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3)).save(staged, "JPEG", quality=60)
    return staged.rename(path)
