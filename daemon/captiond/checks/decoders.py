"""Check of the decoders: a picture of our own making goes through the guarded child process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from captiond.checks.finding import Finding, Situation, fail, ok
from captiond.errors import Failure
from captiond.media.guard import Guard
from captiond.media.reader import read
from captiond.media.spec import EncodeSpec, GuardLimits
from captiond.values import Encoded, Opened

EDGE = 64
"""Pixels: some models refuse pictures that are much smaller."""


def picture(folder: Path) -> Opened:
    """A small JPEG in `folder`, made, written and read like any file: a red disc on white."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (EDGE, EDGE), "white")
    ImageDraw.Draw(image).ellipse((8, 8, EDGE - 8, EDGE - 8), fill="red")
    path = folder / "check.jpg"
    image.save(path, "JPEG")
    return read(str(path), None)


def encode(opened: Opened, situation: Situation, spec: EncodeSpec) -> Encoded:
    """What the service would send of it. Raises a Failure."""
    media = situation.settings.media
    guard = Guard(GuardLimits(seconds=media.decode_seconds, memory_mb=media.decode_memory_mb))
    try:
        return guard.encode(opened, spec)
    finally:
        guard.close()


def decoders(situation: Situation) -> Iterator[Finding]:
    """The decoder process starts, and makes a picture of a picture."""
    with tempfile.TemporaryDirectory(prefix="captiond-check-") as folder:
        try:
            encoded = encode(picture(Path(folder)), situation, EncodeSpec())
        except Failure as failure:
            yield fail(
                f"a test picture can't be encoded: {failure.message}", failure.remedy or "install captiond again"
            )
            return
    yield ok(f"a test picture was encoded in {encoded.seconds * 1000:.0f} ms")
