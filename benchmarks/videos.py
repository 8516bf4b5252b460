"""The memory that large videos take, in each form that they are sent in: ten of 100 MB, and one of 1 GB.

All are in the inbox at the start. The endpoint takes three seconds to answer, so that up to eight requests are in flight:
of the files of 100 MB each has 133 MB of base64. These are one real clip of ten seconds, filled up with a `free` box. The
one of 1 GB is all film, minutes of it at the rate of a good camera, so that whoever reads it through reads all of it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import _common
import _material

from fake_endpoint import FakeProcess
from program import Home

WHOLE = "max_video_bytes = 2_000_000_000"
FORMS = {
    "whole": ("as they are", f'video = "video_url"\n{WHOLE}'),
    "small": ("as a small MP4", 'video = "video_url"\nmax_video_bytes = 4_000_000'),
    "frames": ("as frames", 'video = "frames"'),
    "llamacpp": ("as they are, to llama.cpp", f'video = "video_url"\nvideo_dialect = "llamacpp"\n{WHOLE}'),
    "vllm": ("as a list of 32 frames, to vLLM", 'video = "frames"\nvideo_dialect = "vllm"\nmax_frames = 32'),
}


def main() -> int:
    chosen = _common.options(__doc__)
    count, size, giant = (2, 5_000_000, 20_000_000) if chosen.quick else (10, _material.VIDEO_BYTES, 1_000_000_000)
    report = _common.Report("videos", quick=chosen.quick)
    with _common.workplace(chosen.keep) as (place, material):
        sets = {
            "many": _material.videos(material / f"videos-{size}", count, size),
            "giant": [_material.heavy(material / f"film-{giant}.mp4", giant)],
        }
        for key, videos in sets.items():
            bytes_each = videos[0].stat().st_size
            report.row(f"{key}_videos", "videos", f"{len(videos)} of {bytes_each / _common.MB:,.0f} MB, 1080p")
            for form, (label, endpoint) in FORMS.items():
                measured(report, f"{key}_{form}", label, videos, Home(place / f"{key}-{form}"), endpoint)
    return report.end()


def measured(report: _common.Report, key: str, label: str, videos: list[Path], home: Home, endpoint: str) -> None:
    """One run of the service over these videos."""
    _common.linked(videos, home.inbox)
    with FakeProcess("--fast", "--video", "--delay", "3") as fake:
        home.configure(base_url=fake.base_url, concurrency=8, settle=0.1, timeout=120, endpoint=endpoint)
        began = time.monotonic()
        with home.run() as program, _common.Watched(program.process.pid) as tree:
            _common.wait_for(lambda: _common.counted(home, _common.CAPTIONED) == len(videos), program, 300)
            wall = time.monotonic() - began
            stats = fake.stats()
            program.stop()
    if stats["requests"] != len(videos):
        sys.exit(f"{stats['requests']} requests for {len(videos)} videos")
    sent = stats["body_bytes"] / len(videos) / _common.MB
    report.row(f"{key}_s", f"{label}: from start to the last caption", wall, "{:.1f} s")
    report.row(f"{key}_sent_mb", "  sent, a video", sent, "{:,.2f} MB")
    report.row(f"{key}_in_flight", "  most requests in flight", stats["max_in_flight"], "{:d}")
    report.row(f"{key}_main_mb", "  peak memory, main process", tree.peak_main / _common.MB, "{:.0f} MB")
    report.goal(f"{key}_tree_mb", "  peak memory, all processes", tree.peak_tree / _common.MB, "{:.0f} MB", under=500)


if __name__ == "__main__":
    sys.exit(main())
