"""The least that a photo costs: decode, resize and encode with Pillow done well, in one process, on one thread.

`python benchmarks/_bare.py REPEATS PHOTO…` prints the seconds of each photo as JSON: the median of its repeats, by way.
It is the encoder's bound of overhead.py, and nothing else is in it: no hash, no queue, no database, no request.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

EDGE, QUALITY = 1568, 85
"""The settings that captiond has: `max_edge`, and the quality it begins with."""
WAYS = {"lanczos": None, "lanczos after a box filter": 2.0}
"""Pillow's `reducing_gap`: the second is faster and looks the same."""


def encode(path: str, gap: float | None) -> int:
    """One photo; the bytes of the result."""
    with Image.open(path) as image:
        longest = max(image.size)
        target = (round(image.width * EDGE / longest), round(image.height * EDGE / longest))
        image.draft(None, target)
        small = image.resize(target, Image.Resampling.LANCZOS, reducing_gap=gap)
    result = io.BytesIO()
    small.save(result, "JPEG", quality=QUALITY)
    return result.tell()


def main(repeats: int, paths: list[str]) -> dict[str, list[float]]:
    """Seconds of each photo, by way; the ways take turns."""
    encode(paths[0], None)
    times: dict[str, list[list[float]]] = {way: [[] for _ in paths] for way in WAYS}
    for _ in range(repeats):
        for at, path in enumerate(paths):
            for way, gap in WAYS.items():
                began = time.perf_counter()
                encode(path, gap)
                times[way][at].append(time.perf_counter() - began)
    return {way: [statistics.median(of_one) for of_one in found] for way, found in times.items()}


def measure(photos: list[Path], repeats: int, processes: int = 1) -> dict[str, float]:
    """The mean seconds of a photo, by way, with so many processes at once."""
    command = [sys.executable, __file__, str(repeats), *map(str, photos)]
    environment = os.environ | {"PILLOW_BLOCKS_MAX": "4"}  # as captiond's decoders have it
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(processes)]
    found = [json.loads(process.communicate()[0]) for process in running]
    return {way: statistics.mean(statistics.mean(one[way]) for one in found) for way in WAYS}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), sys.argv[2:])))
