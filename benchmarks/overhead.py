"""How much of what the machine and the endpoint allow is left when captiond does all that it does.

1,000 different photos of 12 megapixels in an inbox, an endpoint that answers after 300 ms in a process of its own, 32
requests in flight. The rate is measured at the endpoint, between the first and the last request. It is compared with
the slower of two limits, measured in the same run: the endpoint's (32 / 0.3 s), and the encoder's: cores / the time of
one bare decode-resize-encode on one thread (see _bare.py), before and after.
"""

from __future__ import annotations

import os
import statistics
import sys
import time

import _bare
import _common
import _material

from fake_endpoint import FakeProcess
from program import Home

DELAY = 0.3
IN_FLIGHT = 32


def main() -> int:
    chosen = _common.options(__doc__, lambda parser: parser.add_argument("--photos", type=int, default=1000))
    count = 12 if chosen.quick else chosen.photos
    cores = os.cpu_count() or 1
    report = _common.Report("overhead", quick=chosen.quick)
    with _common.workplace(chosen.keep) as (place, material):
        photos = _material.photos(material / "photos", count)
        sample = photos[: _material.DRAWN]
        repeats = 1 if chosen.quick else 3
        home = Home(place / "home")
        _common.linked(photos, home.inbox)
        alone = [_bare.measure(sample, repeats)]
        together = [_bare.measure(sample, repeats, cores)]
        with FakeProcess("--fast", "--delay", str(DELAY)) as fake:
            home.base_url = fake.base_url
            home.configure(base_url=fake.base_url, concurrency=IN_FLIGHT, settle=0.1, timeout=60)
            began = time.monotonic()
            with home.run() as program, _common.Watched(program.process.pid) as tree:
                _common.wait_for(lambda: _common.counted(home, _common.CAPTIONED) == count, program, 60 + count)
                wall = time.monotonic() - began
                own, below = tree.cpu_seconds()
                at_endpoint = sum(_common.Watched(fake.pid).cpu_seconds())
                stats = fake.stats()
                _common.wait_for(lambda: _common.counted(home, _common.WRITTEN) == count, program, 30)
                program.stop()
        together.append(_bare.measure(sample, repeats, cores))
        alone.append(_bare.measure(sample, repeats))
        if stats["requests"] != count or stats["violations"]:
            sys.exit(f"{stats['requests']} requests for {count} photos; {stats['violations'][:3]}")

    way = min(_bare.WAYS, key=lambda name: statistics.mean(one[name] for one in alone))
    one = statistics.mean(found[way] for found in alone)
    at_once = statistics.mean(found[way] for found in together)
    reached = _common.rate(stats)
    limits = {"endpoint": IN_FLIGHT / DELAY, "encoder": cores / one}
    bound = min(limits, key=lambda name: limits[name])

    report.row("photos", "photos", f"{count}, {_material.mean_megabytes(photos):.1f} MB each at the mean")
    report.row("bare_ms", f"one bare encode alone ({way})", one * 1e3, "{:.1f} ms")
    report.row("bare_before_after_ms", "  before / after", " / ".join(f"{found[way] * 1e3:.1f} ms" for found in alone))
    report.row("bare_at_once_ms", f"one bare encode, {cores} at once", at_once * 1e3, "{:.1f} ms")
    report.row("limit_endpoint", "endpoint's limit", limits["endpoint"], "{:.1f} photos/s")
    report.row("limit_encoder", "encoder's limit: cores / time of one alone", limits["encoder"], "{:.1f} photos/s")
    report.row("rate", "captiond, at the endpoint", reached, "{:.2f} photos/s")
    report.row("rate_wall", "captiond, from its start to the last caption", count / wall, "{:.2f} photos/s")
    report.row("max_in_flight", "most requests in flight", stats["max_in_flight"], "{:d}")
    report.row("cpu_main_ms", "CPU of its main process, a photo", own / count * 1e3, "{:.2f} ms")
    report.row("cpu_decoders_ms", "CPU of its decoders, a photo", below / count * 1e3, "{:.2f} ms")
    report.row("cpu_endpoint_ms", "CPU of the endpoint here, a photo", at_endpoint / count * 1e3, "{:.2f} ms")
    report.row("sent_kb", "sent, a photo", stats["body_bytes"] / count / 1e3, "{:.0f} kB")
    report.row("of_at_once", f"of {cores} bare encoders at once", reached * at_once / cores, "{:.1%}")
    report.goal("of_limit", f"of the limit ({bound})", reached / limits[bound], "{:.1%}", least=0.9)
    report.row("peak_main_mb", "peak memory, main process", tree.peak_main / _common.MB, "{:.0f} MB")
    report.goal("peak_tree_mb", "peak memory, all processes", tree.peak_tree / _common.MB, "{:.0f} MB", under=400)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
