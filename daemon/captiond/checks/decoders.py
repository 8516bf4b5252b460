"""Check of the decoders: a picture of our own making goes through the guarded child process."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from captiond.checks.finding import Finding, Situation, fail, ok, warn
from captiond.errors import Failure
from captiond.media.guard import Guard
from captiond.media.reader import read
from captiond.media.spec import Confinement, EncodeSpec, GuardLimits
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
    with contextlib.closing(_guard(situation)) as guard:
        return guard.encode(opened, spec)


def decoders(situation: Situation) -> Iterator[Finding]:
    """The decoder process starts, makes a picture of a picture, and is kept from all else."""
    with (
        tempfile.TemporaryDirectory(prefix="captiond-check-") as folder,
        contextlib.closing(_guard(situation)) as guard,
    ):
        try:
            encoded = guard.encode(picture(Path(folder)), EncodeSpec())
        except Failure as failure:
            yield fail(
                f"a test picture can't be encoded: {failure.message}", failure.remedy or "install captiond again"
            )
            return
        confinement = guard.confinement
    yield ok(f"a test picture was encoded in {encoded.seconds * 1000:.0f} ms")
    if confinement is not None:
        yield held(confinement)


def held(confinement: Confinement) -> Finding:
    """What confines the decoders, and what is missing of it."""
    said = f"decoders are confined by limits, {confinement}"
    if not confinement.landlock:
        return warn(
            f"{said}: a file that takes one over could read other files",
            "run a kernel of version 5.13 or newer with Landlock in its list of security modules (`lsm=`)",
        )
    if not confinement.seccomp:
        return warn(
            f"{said}: a file that takes one over could start processes and reach the network",
            "install libseccomp (Debian: libseccomp2), and let the unit's SystemCallFilter= permit `seccomp`",
        )
    return ok(said)


def _guard(situation: Situation) -> Guard:
    media = situation.settings.media
    return Guard(GuardLimits(seconds=media.decode_seconds, memory_mb=media.decode_memory_mb))
