"""How much of four endpoints is used by a recipe that spreads its files over them.

1,600 different photos that need no encoding (JPEG, 1,280 pixels, sent byte for byte) in an inbox; four endpoints in
processes of their own that answer after 300 ms, 8 requests in flight at each. The rate is measured at the endpoints,
between the first request and the last; it is compared with what they allow: 4 x 8 / 0.3 s.
"""

from __future__ import annotations

import contextlib
import os
import sys

import _common
import _material

from fake_endpoint import FakeProcess
from program import Home

DELAY = 0.3
ENDPOINTS = 4
SLOTS = 8
SIZE = (1280, 960)


def main() -> int:
    chosen = _common.options(__doc__, lambda parser: parser.add_argument("--photos", type=int, default=1600))
    count = 40 if chosen.quick else chosen.photos
    report = _common.Report("spread", quick=chosen.quick)
    with _common.workplace(chosen.keep) as (place, material), contextlib.ExitStack() as stack:
        photos = _material.photos(material, count, SIZE)
        megabytes = _material.mean_megabytes(photos)
        home = Home(place / "home")
        _common.linked(photos, home.inbox)
        fakes = [stack.enter_context(FakeProcess("--fast", "--delay", str(DELAY))) for _ in range(ENDPOINTS)]
        names = [f"gpu{number}" for number in range(ENDPOINTS)]
        tables = [
            f'[endpoints.{name}]\nbase_url = "{fake.base_url}"\nmodel = "fake-vision-1"\nconcurrency = {SLOTS}\n'
            for name, fake in zip(names, fakes, strict=True)
        ]
        home.configure(settle=0.1, queue="confirm_above = 0", recipe='strategy = "spread"', more="\n".join(tables))
        text = home.config.read_text().replace('endpoint = "fake"', f"endpoint = {names}", 1)
        home.config.write_text(text)
        with home.run() as program, _common.Watched(program.process.pid) as tree:
            _common.wait_for(lambda: _common.counted(home, _common.CAPTIONED) == count, program, 120 + count)
            own, below = tree.cpu_seconds()
            at_endpoints = sum(sum(_common.Watched(fake.pid).cpu_seconds()) for fake in fakes)
            stats = [fake.stats() for fake in fakes]
            program.stop()
    arrivals = sorted(moment for one in stats for moment in one["arrivals"])
    if len(arrivals) != count or any(one["violations"] for one in stats):
        sys.exit(f"{len(arrivals)} requests for {count} photos; {[one['violations'][:3] for one in stats]}")
    reached, limit = (count - 1) / (arrivals[-1] - arrivals[0]), ENDPOINTS * SLOTS / DELAY
    report.row("photos", "photos", f"{count}, {megabytes:.2f} MB each at the mean")
    report.row("shares", "requests at each endpoint", ", ".join(str(one["requests"]) for one in stats))
    report.row("limit", "limit: endpoints x slots / answer's time", limit, "{:.1f} photos/s")
    report.row("rate", "captiond, at the endpoints", reached, "{:.1f} photos/s")
    report.row("cores", "cores", os.cpu_count() or 1, "{:d}")
    report.row("cpu_main_ms", "CPU of its main process, a photo", own / count * 1e3, "{:.2f} ms")
    report.row("cpu_decoders_ms", "CPU of its decoders, a photo", below / count * 1e3, "{:.2f} ms")
    report.row(
        "cpu_endpoints_ms", "CPU of the endpoints, on the same cores, a photo", at_endpoints / count * 1e3, "{:.2f} ms"
    )
    report.goal("of_limit", "of the limit", reached / limit, "{:.1%}", least=0.9)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
