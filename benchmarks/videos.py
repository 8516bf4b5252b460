"""The memory that large videos take: ten different MP4 files of 100 MB, sent as they are, and then as frames.

All ten are in the inbox at the start, and up to eight requests are in flight, each with 133 MB of base64.
"""

from __future__ import annotations

import sys
import time

import _common
import _material

from fake_endpoint import FakeProcess
from program import Home

MODES = ("video_url", "frames")


def main() -> int:
    chosen = _common.options(__doc__)
    count, size = (2, 5_000_000) if chosen.quick else (10, _material.VIDEO_BYTES)
    report = _common.Report("videos", quick=chosen.quick)
    with _common.workplace(chosen.keep) as (place, material):
        videos = _material.videos(material / f"videos-{size}", count, size)
        report.row("videos", "videos", f"{count} of {size / _common.MB:.0f} MB, 1080p")
        for mode in MODES:
            home = Home(place / mode)
            _common.linked(videos, home.inbox)
            with FakeProcess("--fast", "--video", "--delay", "0.3") as fake:
                endpoint = f'video = "{mode}"\nmax_video_bytes = 200_000_000'
                home.configure(base_url=fake.base_url, concurrency=8, settle=0.1, timeout=120, endpoint=endpoint)
                began = time.monotonic()
                with home.run() as program, _common.Watched(program.process.pid) as tree:
                    _common.wait_for(lambda: _common.counted(home, _common.CAPTIONED) == count, program, 300)  # noqa: B023
                    wall = time.monotonic() - began
                    stats = fake.stats()
                    program.stop()
            if stats["requests"] != count:
                sys.exit(f"{stats['requests']} requests for {count} videos")
            report.row(f"{mode}_s", f"as {mode}: from start to the last caption", wall, "{:.1f} s")
            report.row(f"{mode}_sent_mb", "  sent, a video", stats["body_bytes"] / count / _common.MB, "{:.1f} MB")
            report.row(f"{mode}_in_flight", "  most requests in flight", stats["max_in_flight"], "{:d}")
            report.row(f"{mode}_main_mb", "  peak memory, main process", tree.peak_main / _common.MB, "{:.0f} MB")
            report.goal(
                f"{mode}_tree_mb", "  peak memory, all processes", tree.peak_tree / _common.MB, "{:.0f} MB", under=500
            )
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
