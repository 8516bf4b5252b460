"""What the frames of a film of ten minutes in 1080p cost, against the barest decode of as many key frames with PyAV.

Both run in turns, and the best of each counts. `captiond` is all that the service does from the open file on: the decoder
process finds the key frames, makes pictures of 768 pixels, chooses, and sends their JPEGs back. Bare is PyAV in this
process: open, and for each of `max_frames` equal parts a seek to its midpoint and one key frame decoded, on one thread; not
scaled, not compared, not encoded.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import _common
import _material
import av
import numpy as np

from captiond.media.guard import Guard, GuardLimits
from captiond.media.reader import read
from captiond.media.spec import EncodeSpec

SPEC = EncodeSpec(video="frames")
FILMS = {"different": ("a scene a minute", 10), "two": ("two scenes", 2), "one": ("one scene", 1)}
LIMIT = 1.5
TURNS = 9


def bare(path: Path, count: int) -> None:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context
        codec.thread_count = 1
        assert stream.duration
        for number in range(count):
            container.seek(int((number + 0.5) * stream.duration / count), stream=stream)
            packet = next(container.demux(stream))
            assert codec.decode(packet) or codec.decode(None)


def seconds(way: Callable[[], object]) -> float:
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


def main() -> int:
    chosen = _common.options(__doc__)
    size, length, turns = ((640, 360), 80, 1) if chosen.quick else ((1920, 1080), 600, TURNS)
    report = _common.Report("frames", quick=chosen.quick)
    with _common.workplace(chosen.keep) as (_place, material):
        for key, (name, scenes) in FILMS.items():
            path = _material.film(material / f"film-{scenes}-{length}.mp4", scenes, length, size)
            opened = read(str(path), None)
            guard = Guard(GuardLimits())
            try:
                first = seconds(lambda: guard.encode(opened, SPEC))  # noqa: B023
                sent = len(guard.encode(opened, SPEC).parts)
                runs = [
                    (seconds(lambda: bare(path, SPEC.max_frames)), seconds(lambda: guard.encode(opened, SPEC)))  # noqa: B023
                    for _ in range(turns)
                ]
            finally:
                guard.close()
            alone, whole = np.min(np.array(runs), axis=0)
            report.row(f"{key}_bare_ms", f"{name}: {SPEC.max_frames} key frames, bare", float(alone) * 1e3, "{:.0f} ms")
            report.row(f"{key}_sent", "  captiond sends", sent, "{:d} frames")
            report.row(f"{key}_first_ms", "  takes with the start of its process", first * 1e3, "{:.0f} ms")
            report.row(f"{key}_ms", "  takes then", float(whole) * 1e3, "{:.0f} ms")
            report.goal(f"{key}_ratio", "  as a multiple of bare", float(whole / alone), "{:.2f}", under=LIMIT)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
