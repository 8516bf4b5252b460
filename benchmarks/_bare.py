"""The least that a photo costs: decode, resize and encode with Pillow done well, in one process, on one thread.

`python benchmarks/_bare.py REPEATS PHOTO…` prints the mean seconds of a photo: each photo's time is the median of its
repeats. It is the encoder's bound of overhead.py, and nothing else is in it: no hash, no queue, no request.
"""

from __future__ import annotations

import io
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

EDGE, QUALITY = 1568, 85
"""The settings that captiond has: `max_edge`, and the quality it begins with."""


def encode(path: str) -> int:
    """One photo; the bytes of the result."""
    with Image.open(path) as image:
        longest = max(image.size)
        target = (round(image.width * EDGE / longest), round(image.height * EDGE / longest))
        image.draft(None, target)  # libjpeg decodes at half the size, which saves most
        small = image.resize(target, Image.Resampling.LANCZOS)
    result = io.BytesIO()
    small.save(result, "JPEG", quality=QUALITY)
    return result.tell()


def main(repeats: int, paths: list[str]) -> float:
    """The mean seconds of a photo."""
    encode(paths[0])
    times: list[list[float]] = [[] for _ in paths]
    for _ in range(repeats):
        for found, path in zip(times, paths, strict=True):
            began = time.perf_counter()
            encode(path)
            found.append(time.perf_counter() - began)
    return statistics.mean(statistics.median(found) for found in times)


def measure(photos: list[Path], repeats: int, processes: int = 1) -> float:
    """The mean seconds of a photo, with so many processes at once."""
    command = [sys.executable, __file__, str(repeats), *map(str, photos)]
    environment = os.environ | {"PILLOW_BLOCKS_MAX": "64"}  # saves Pillow returning its memory after each photo
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(processes)]
    return statistics.mean(float(process.communicate()[0]) for process in running)


if __name__ == "__main__":
    print(main(int(sys.argv[1]), sys.argv[2:]))
