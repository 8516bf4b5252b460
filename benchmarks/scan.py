"""What comparing a tree with the database costs, against only walking it.

100,000 known files in 1,000 folders, compared by the code of `captiond scan`; the bare walk is `os.scandir` and a stat of
each file, and nothing else. The two take turns; medians are compared. Then the same with a sidecar beside each file, as
captiond leaves a tree, and with a tenth of the files, which shows that time and memory grow as they should. A polled
root makes this same comparison. A first comparison, which takes all files in, makes them known.
"""

from __future__ import annotations

import gc
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import _common

from captiond.config.models import Watch
from captiond.store.engine import Database
from captiond.watch import once

SUFFIX = ".caption.json"
A_FOLDER = 100
ROUNDS = 7


@dataclass(frozen=True)
class Found:
    """Medians in seconds, and bytes."""

    taken_in: float
    walk: float
    scan: float
    ratio: float
    growth: int


def main() -> int:
    chosen = _common.options(__doc__)
    files = 2_000 if chosen.quick else 100_000
    report = _common.Report("scan", quick=chosen.quick)
    with _common.workplace(chosen.keep) as (place, _):
        whole = measure(place / "whole", files, sidecars=False)
        tenth = measure(place / "tenth", files // 10, sidecars=False)
        beside = measure(place / "beside", files, sidecars=True)
    report.row("files", "known files", f"{files:,} in {files // A_FOLDER:,} folders")
    report.row("taken_in_per_s", "first comparison: files taken in", files / whole.taken_in, "{:,.0f} /s")
    report.row("walk_s", "bare walk with a stat of each file", whole.walk, "{:.3f} s")
    report.row("scan_s", "comparison with the database", whole.scan, "{:.3f} s")
    report.goal("ratio", "comparison / walk", whole.ratio, "{:.2f}", under=2)
    report.row("walk_sidecars_s", "with a sidecar beside each file: walk", beside.walk, "{:.3f} s")
    report.row("scan_sidecars_s", "with a sidecar beside each file: comparison", beside.scan, "{:.3f} s")
    report.goal("ratio_sidecars", "comparison / walk", beside.ratio, "{:.2f}", under=2)
    report.goal(
        "time_of_tenth", f"time for {files:,} / {files // 10:,} files", whole.scan / tenth.scan, "{:.1f}", under=15
    )
    report.row(
        "memory_tenth_mb",
        f"memory it needs, {files // 10:,} files",
        tenth.growth / _common.MB,
        "{:.2f} MB",
    )
    report.goal("memory_mb", f"memory it needs, {files:,} files", whole.growth / _common.MB, "{:.2f} MB", under=5)
    return report.end()


def measure(place: Path, files: int, *, sidecars: bool) -> Found:
    """One tree, made, taken in, and compared again and again."""
    root = place / "tree"
    make(root, files, sidecars=sidecars)
    watch = Watch(path=root, settle_seconds=0.1)
    with Database.open(f"sqlite:///{place / 'captions.db'}", migrate=True) as db:
        began = time.perf_counter()
        first = once.scan(watch, db=db, suffix=SUFFIX, roots=[os.fspath(root)], record=True)
        taken_in = time.perf_counter() - began
        if first.new != files:
            sys.exit(f"{first.new} files were taken in, not {files}: {first}")

        def scan() -> None:
            found = once.scan(watch, db=db, suffix=SUFFIX, roots=[os.fspath(root)], record=True)
            if found.seen != files or found.new or found.changed or found.gone:
                sys.exit(f"the comparison found what is not so: {found}")

        walks, scans = [], []
        walk(root)
        scan()
        for _ in range(ROUNDS):
            walks.append(seconds(lambda: walk(root)))
            scans.append(seconds(scan))
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        scan()
        growth = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
    ratio = statistics.median(after / bare for after, bare in zip(scans, walks, strict=True))
    return Found(taken_in, statistics.median(walks), statistics.median(scans), ratio, growth)


def make(root: Path, files: int, *, sidecars: bool) -> None:
    """Folders of a hundred small files each."""
    for number in range(files):
        folder = root / f"{number // A_FOLDER // 100:02}" / f"{number // A_FOLDER % 100:02}"
        if number % A_FOLDER == 0:
            folder.mkdir(parents=True)
        names = [f"IMG_{number:06}.jpg", f"IMG_{number:06}.jpg{SUFFIX}"] if sidecars else [f"IMG_{number:06}.jpg"]
        for name in names:
            (folder / name).write_bytes(b"photo %d" % number)


def walk(root: Path) -> int:
    """All that a comparison can't do without: list each folder, stat each file."""
    folders, bytes_ = [os.fspath(root)], 0
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    bytes_ += entry.stat(follow_symlinks=False).st_size
    return bytes_


def seconds(function: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
