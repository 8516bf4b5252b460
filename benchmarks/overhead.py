"""How much of what the machine and the endpoint allow is left when captiond does all that it does.

1,000 different photos of 12 megapixels in an inbox, an endpoint that answers after 300 ms in a process of its own, 32
requests in flight. The rate is measured at the endpoint, between the first and the last request. It is compared with
the slower of two limits: the endpoint's (32 / 0.3 s), and the encoder's: cores / the time of one bare decode-resize-encode
on one thread (see _bare.py).

A shared machine is not as fast now as a minute later. So captiond and the endpoint are stopped (SIGSTOP) four times
during the run, the bare encode is measured, and they go on; each part of the run is compared with what was measured
before and after it, and the time of the stops is left out.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import _bare
import _common
import _material

from fake_endpoint import FakeProcess
from program import Home

DELAY = 0.3
IN_FLIGHT = 32
PARTS = 5


@dataclass(frozen=True)
class Bare:
    """The bare encode, measured once: seconds of a photo alone, with all cores at it, and of CPU; and when that was."""

    alone: float
    at_once: float
    cpu: float
    began: float
    ended: float


def main() -> int:
    chosen = _common.options(__doc__, lambda parser: parser.add_argument("--photos", type=int, default=1000))
    count = 12 if chosen.quick else chosen.photos
    cores = os.cpu_count() or 1
    report = _common.Report("overhead", quick=chosen.quick)
    with _common.workplace(chosen.keep) as (place, material):
        photos = _material.photos(material, count, _material.SMALL if chosen.quick else _material.PHOTO)
        megabytes = _material.mean_megabytes(photos)
        sample = photos[: _material.DRAWN]
        home = Home(place / "home")
        _common.linked(photos, home.inbox)
        bare = [measure(sample, cores)]
        with FakeProcess("--fast", "--delay", str(DELAY)) as fake:
            home.configure(
                base_url=fake.base_url, concurrency=IN_FLIGHT, settle=0.1, timeout=120, queue="confirm_above = 0"
            )
            began = time.monotonic()
            with home.run() as program, _common.Watched(program.process.pid) as tree:
                for part in range(1, 1 if chosen.quick else PARTS):
                    _common.wait_for(lambda: fake.stats()["requests"] >= count * part // PARTS, program, 60 + count)  # noqa: B023
                    with _common.stopped(program.process.pid, fake.pid):
                        bare.append(measure(sample, cores))
                _common.wait_for(lambda: _common.counted(home, _common.CAPTIONED) == count, program, 60 + count)
                wall = time.monotonic() - began - sum(one.ended - one.began for one in bare[1:])
                own, below = tree.cpu_seconds()
                at_endpoint = sum(_common.Watched(fake.pid).cpu_seconds())
                stats = fake.stats()
                _common.wait_for(lambda: _common.counted(home, _common.WRITTEN) == count, program, 30)
                program.stop()
        bare.append(measure(sample, cores))
        if stats["requests"] != count or stats["violations"]:
            sys.exit(f"{stats['requests']} requests for {count} photos; {stats['violations'][:3]}")

    first, last = stats["arrivals"][0], stats["arrivals"][-1]
    seconds, by_encoder, by_all = 0.0, 0.0, 0.0
    for before, after in itertools.pairwise(bare):
        of_part = min(after.began, last) - max(before.ended, first)
        seconds += of_part
        by_encoder += of_part * cores / statistics.mean((before.alone, after.alone))
        by_all += of_part * cores / statistics.mean((before.at_once, after.at_once))
    reached = (count - 1) / seconds
    limits = {"endpoint": IN_FLIGHT / DELAY, "encoder": by_encoder / seconds}
    bound = min(limits, key=lambda name: limits[name])

    report.row("photos", "photos", f"{count}, {megabytes:.1f} MB each at the mean")
    report.row("bare_ms", "one bare encode, alone", cores / limits["encoder"] * 1e3, "{:.1f} ms")
    report.row(
        "bare_all_ms", "  each time it was measured", ", ".join(f"{one.alone * 1e3:.0f}" for one in bare) + " ms"
    )
    report.row("bare_at_once_ms", f"one bare encode, {cores} at once", cores * seconds / by_all * 1e3, "{:.1f} ms")
    report.row("limit_endpoint", "endpoint's limit", limits["endpoint"], "{:.1f} photos/s")
    report.row("limit_encoder", "encoder's limit: cores / time of one alone", limits["encoder"], "{:.1f} photos/s")
    report.row("rate", "captiond, at the endpoint", reached, "{:.2f} photos/s")
    report.row("rate_wall", "captiond, from its start to the last caption", count / wall, "{:.2f} photos/s")
    report.row("max_in_flight", "most requests in flight", stats["max_in_flight"], "{:d}")
    report.row("cpu_main_ms", "CPU of its main process, a photo", own / count * 1e3, "{:.2f} ms")
    report.row("cpu_decoders_ms", "CPU of its decoders, a photo", below / count * 1e3, "{:.2f} ms")
    report.row(
        "cpu_endpoint_ms", "CPU of the endpoint, on the same cores, a photo", at_endpoint / count * 1e3, "{:.2f} ms"
    )
    spent = (own + below + at_endpoint) / count
    report.row(
        "of_cpu", "  the bare encode's part of all that", statistics.mean(one.cpu for one in bare) / spent, "{:.1%}"
    )
    report.row("sent_kb", "sent, a photo", stats["body_bytes"] / count / 1e3, "{:.0f} kB")
    report.row("of_at_once", f"of {cores} bare encoders at once", (count - 1) / by_all, "{:.1%}")
    report.goal("of_limit", f"of the limit ({bound})", reached / limits[bound], "{:.1%}", least=0.9)
    report.row("peak_main_mb", "peak memory, main process", tree.peak_main / _common.MB, "{:.0f} MB")
    report.goal("peak_tree_mb", "peak memory, all processes", tree.peak_tree / _common.MB, "{:.0f} MB", under=400)
    return report.end()


def measure(sample: list[Path], cores: int) -> Bare:
    """The bare encode, now."""
    began = time.time()
    (alone, cpu), (at_once, _) = _bare.measure(sample), _bare.measure(sample, cores)
    return Bare(alone, at_once, cpu, began, time.time())


if __name__ == "__main__":
    sys.exit(main())
