"""From a file's last write to its request on the wire, while the service has nothing else to do.

Photos of 12 megapixels come one by one into a running service: written at once, written slowly in pieces, or moved in
under their name when they are whole. The clock starts at the last write (or the move) and ends when the request
arrives at the endpoint; the photo's hash and its encoding are within. The settle time is a part of it by definition.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import _common
import _material

from fake_endpoint import FakeProcess
from program import Home

SETTLE = 1.0
PIECES = 6
PIECE_SECONDS = 0.15


def at_once(source: Path, target: Path) -> float:
    """As `cp` does it."""
    target.write_bytes(source.read_bytes())
    return time.time()


def slowly(source: Path, target: Path) -> float:
    """As a camera or a slow link does it."""
    data = source.read_bytes()
    size = len(data) // PIECES + 1
    wrote = 0.0
    with target.open("wb") as file:
        for at in range(0, len(data), size):
            if at:
                time.sleep(PIECE_SECONDS)
            file.write(data[at : at + size])
            file.flush()
            wrote = time.time()
    return wrote


def moved(source: Path, target: Path) -> float:
    """As rsync and browsers do it."""
    partial = target.with_name(target.name + ".part")
    shutil.copyfile(source, partial)
    partial.rename(target)
    return time.time()


WAYS: dict[str, Callable[[Path, Path], float]] = {"at once": at_once, "slowly": slowly, "moved in": moved}


def main() -> int:
    chosen = _common.options(__doc__)
    count = 6 if chosen.quick else 51
    report = _common.Report("latency", quick=chosen.quick)
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    with _common.workplace(chosen.keep) as (place, material), FakeProcess("--fast") as fake:
        photos = _material.photos(material, count, _material.SMALL if chosen.quick else _material.PHOTO)
        home = Home(place / "home", fake.base_url)
        home.configure(settle=SETTLE)
        with home.run() as program:
            time.sleep(3)
            for number, photo in enumerate(photos):
                way = list(WAYS)[number % len(WAYS)]
                wrote = WAYS[way](photo, home.inbox / photo.name)
                _common.wait_for(lambda: fake.stats()["requests"] > number, program, 30, 0.1)  # noqa: B023 - called at once
                found[way].append(fake.stats()["arrivals"][number] - wrote)
            program.stop()
    every = [seconds for of_way in found.values() for seconds in of_way]
    report.row("files", "photos", f"{count}, one by one; settle_seconds = {SETTLE:g}")
    for way, of_way in found.items():
        report.row(f"median_{way.replace(' ', '_')}_s", f"median, written {way}", statistics.median(of_way), "{:.3f} s")
    report.row("longest_s", "longest", max(every), "{:.3f} s")
    report.row("shortest_s", "shortest", min(every), "{:.3f} s")
    over = statistics.median(every) - SETTLE
    report.goal("over_settle_s", "median, longer than the settle time by", over, "{:.3f} s", under=0.3)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
