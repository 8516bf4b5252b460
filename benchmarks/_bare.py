"""The least that a photo costs: decode, resize and encode with Pillow done well, in one process, on one thread.

`python benchmarks/_bare.py PHOTO…` prints the mean seconds of a photo, on the clock and of CPU time. It is the encoder's
bound of overhead.py, and nothing else is in it: no hash, no queue, no request.
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


def main(paths: list[str]) -> tuple[float, float]:
    """The mean seconds of a photo: on the clock, and of CPU time."""
    encode(paths[0])
    began, cpu = time.perf_counter(), time.process_time()
    for path in paths:
        encode(path)
    return (time.perf_counter() - began) / len(paths), (time.process_time() - cpu) / len(paths)


def measure(photos: list[Path], processes: int = 1) -> tuple[float, float]:
    """The same in processes of their own, so many at once."""
    command = [sys.executable, __file__, *map(str, photos)]
    environment = os.environ | {"PILLOW_BLOCKS_MAX": "64"}  # saves Pillow returning its memory after each photo
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(processes)]
    found = [json.loads(process.communicate()[0]) for process in running]
    return statistics.mean(clock for clock, _ in found), statistics.mean(cpu for _, cpu in found)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
