"""What the decoder process costs: the same files encoded through the guard, and by the same code in this process.

In turns, each over all files of a kind, by one thread each: neither gains from a second core but by what the decoders
themselves do. Both open, identify and encode; through the guard the file's descriptor goes to a confined process, its
limits are set anew for each file, and the pictures come back. A turn through the guard is compared with the mean of the
turns before and after it, and the median of these counts.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import _common
import _material
from PIL import _imaging

import media_samples
from captiond.media import identify, image, video
from captiond.media.guard import Guard
from captiond.media.reader import check_same, open_same, read
from captiond.media.spec import EncodeSpec
from captiond.values import Kind, Opened

SPEC = EncodeSpec()
SECONDS = 60.0
LEAST = 0.9
"""Of the throughput without. Not of small pictures, which are sent as they are: half a millisecond's work."""
BLOCKS = 4
"""Of picture memory kept for the next file: what the guard sets for its process (media/child.py)."""

Encode = Callable[[Opened], object]


def main() -> int:
    chosen = _common.options(__doc__)
    report = _common.Report("guard", quick=chosen.quick)
    turns = 2 if chosen.quick else 9
    lines: list[list[str]] = []
    shares: dict[str, float] = {}
    with _common.workplace(chosen.keep) as (place, material):
        kinds = made(place, material, quick=chosen.quick)
        guard = Guard()
        _imaging.set_blocks_max(BLOCKS)
        for kind, paths in kinds.items():
            opened = [read(str(path), None) for path in paths]
            bare, guarded, share = compared(opened, lambda one: guard.encode(one, SPEC), turns)
            lines.append(
                [kind, f"{bare * 1e3:.2f}", f"{guarded * 1e3:.2f}", f"{(guarded - bare) * 1e3:+.2f}", f"{share:.1%}"]
            )
            report.value(f"{kind}_bare_ms", round(bare * 1e3, 3))
            report.value(f"{kind}_guard_ms", round(guarded * 1e3, 3))
            shares[kind] = share
        report.row("confinement", "confined by", str(guard.confinement))
        guard.close()
    report.table(["ms a file", "here", "guard", "more", "throughput"], lines)
    report.value("small_share", round(shares.pop("small"), 4))
    for kind, share in shares.items():
        report.goal(f"{kind}_share", f"{kind}s through the guard, of those without", share, "{:.1%}", least=LEAST)
    return report.end()


def made(place: Path, material: Path, *, quick: bool) -> dict[str, list[Path]]:
    """The files of each kind: photos as phones take them, pictures of a screen's size, small ones, and clips of 1080p."""
    some = 5 if quick else 50
    return {
        "photo": _material.photos(material, 2 if quick else 10, _material.SMALL if quick else _material.PHOTO),
        "screenful": drawn(place, some, (1920, 1080)),
        "small": drawn(place, some, (640, 480)),
        "video": _material.videos(material / "guard-clips", 1 if quick else 3, 5_000_000 if quick else 20_000_000),
    }


def drawn(place: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """Different pictures of a size. What is no larger than is wanted is decoded to be sure of it, and sent as it is."""
    paths = [place / f"{size[0]}-{number}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        media_samples.jpeg(path, media_samples.photo(*size, number))
    return paths


def compared(files: Sequence[Opened], guarded: Encode, turns: int) -> tuple[float, float, float]:
    """Seconds of a file here, and through the guard, at the median; and the guard's share of the throughput here."""
    took(here, files), took(guarded, files)
    bare, behind = [took(here, files)], []
    for _ in range(turns):
        behind.append(took(guarded, files))
        bare.append(took(here, files))
    shares = [statistics.mean(pair) / one for pair, one in zip(itertools.pairwise(bare), behind, strict=True)]
    return statistics.median(bare), statistics.median(behind), statistics.median(shares)


def took(encode: Encode, files: Sequence[Opened]) -> float:
    """The mean seconds of a file."""
    began = time.perf_counter()
    for opened in files:
        encode(opened)
    return (time.perf_counter() - began) / len(files)


def here(opened: Opened) -> None:
    """What the decoder process does, without it; the file is opened as safely."""
    with os.fdopen(open_same(opened), "rb") as file:
        sniffed = identify.sniff(os.pread(file.fileno(), identify.HEAD_BYTES, 0), file.fileno())
        assert sniffed is not None
        if sniffed.kind is Kind.VIDEO:
            video.encode(file, sniffed, SPEC, SECONDS)
        else:
            image.encode(file, sniffed, SPEC, SECONDS)
        check_same(file.fileno(), opened)


if __name__ == "__main__":
    sys.exit(main())
