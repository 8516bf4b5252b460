"""What a small MP4 made of a video costs, against the `ffmpeg` program making the same with the same settings.

Both run in turns, and the best of each counts. `captiond` is all that the service does from the open file to the MP4's bytes
in its hands; `ffmpeg` is the program from its start to the file, on as many threads as it likes: it reads the video through,
takes as many pictures a second, scales them to as many pixels, and encodes them with the same options of x264. `captiond`
leaves out the frames that no other one is built upon, and seeks in a long film instead of reading it through: the program
has no options that come to the same.

The program is taken from `$PATH`; without it there is nothing to compare with, and that is said.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import _common
import _material
import av
import numpy as np

from captiond.media import small
from captiond.media.guard import Guard, GuardLimits
from captiond.media.reader import read
from captiond.media.spec import EncodeSpec
from captiond.values import Opened, VideoPart

SPEC = EncodeSpec(video="small")
LIMIT = 1.0
TURNS = 3


def ffmpeg(program: str, source: Path, target: Path, rate: float) -> None:
    options = [word for name, value in small.OPTIONS.items() for word in (f"-{name}", value)]
    scale = f"fps={rate},scale='min({SPEC.frame_edge},iw)':-2:flags=area"
    command = [program, "-v", "error", "-y", "-i", str(source), "-an", "-vf", scale, "-c:v", small.CODEC, *options]
    subprocess.run([*command, "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(target)], check=True)


def seconds(way: Callable[[], object]) -> float:
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


def main() -> int:
    chosen = _common.options(__doc__)
    program = shutil.which("ffmpeg")
    hd, uhd = ((640, 360), (640, 360)) if chosen.quick else ((1920, 1080), (3840, 2160))
    report = _common.Report("reencode", quick=chosen.quick)
    if program is None:
        report.note("no ffmpeg program in $PATH, so there is nothing to compare with: apt install ffmpeg")
        return report.end()
    with _common.workplace(chosen.keep) as (place, material):
        films = {
            "minute": ("a minute of 1080p, H.264", _material.film(material / f"film-60-{hd[0]}.mp4", 3, 60, hd)),
            "phone": (
                "10 s of 4K, HEVC",
                _material.film(material / f"phone-{uhd[0]}.mp4", 1, 10, uhd, hevc=True),
            ),
            "long": ("ten minutes of 1080p, H.264", _material.film(material / f"film-600-{hd[0]}.mp4", 10, 600, hd)),
        }
        for key, (name, path) in films.items():
            opened = read(str(path), None)
            guard = Guard(GuardLimits())
            try:
                count = pictures(made(guard, opened))
                with av.open(str(path)) as container:
                    assert container.duration
                    rate = round(count / (container.duration / 1e6), 2)
                runs = [
                    (
                        seconds(lambda: ffmpeg(program, path, place / "small.mp4", rate)),  # noqa: B023
                        seconds(lambda: made(guard, opened)),  # noqa: B023
                    )
                    for _ in range(1 if chosen.quick else TURNS)
                ]
                part = made(guard, opened)
            finally:
                guard.close()
            theirs, ours = np.min(np.array(runs), axis=0)
            report.row(f"{key}_ffmpeg_s", f"{name}: ffmpeg", float(theirs), "{:.2f} s")
            report.row(f"{key}_ffmpeg_mb", "  its MP4", (place / "small.mp4").stat().st_size / _common.MB, "{:.2f} MB")
            report.row(f"{key}_s", "  captiond", float(ours), "{:.2f} s")
            report.row(f"{key}_mb", f"  its MP4, {pictures(part)} pictures", len(part.data) / _common.MB, "{:.2f} MB")
            report.goal(f"{key}_ratio", "  as a multiple of ffmpeg", float(ours / theirs), "{:.2f}", under=LIMIT)
    return report.end()


def made(guard: Guard, opened: Opened) -> VideoPart:
    """The small MP4; where the machine is so busy that none comes about there is nothing to compare."""
    (part,) = guard.encode(opened, SPEC).parts
    assert isinstance(part, VideoPart)
    return part


def pictures(part: VideoPart) -> int:
    with av.open(io.BytesIO(part.data), "r") as container:
        return sum(1 for _ in container.decode(video=0))


if __name__ == "__main__":
    sys.exit(main())
