"""What a service costs that has nothing to do.

`captiond run` on 10,000 captioned files in 200 folders, each with its sidecar: first by inotify, then polled. CPU time of
the program and all its processes over a minute in which nothing happens, after it has come to rest.
"""

from __future__ import annotations

import sys
import time

import _common
import _material

from fake_endpoint import FakeProcess
from program import Home

FOLDERS = 200


def main() -> int:
    chosen = _common.options(__doc__)
    files, idle, rest = (400, 5, 2) if chosen.quick else (10_000, 60, 30)
    report = _common.Report("idle", quick=chosen.quick)
    report.row("files", "captioned files", f"{files:,} in {FOLDERS} folders, each with a sidecar")
    with _common.workplace(chosen.keep) as (place, _), FakeProcess("--fast") as fake:
        home = Home(place / "home", fake.base_url)
        photo = _material.tiny()  # copies of one photo: one call, and soon done
        for number in range(files):
            folder = home.inbox / f"{number % FOLDERS:03}"
            folder.mkdir(exist_ok=True)
            (folder / f"{number}.jpg").write_bytes(photo)
        for mode in ("inotify", "poll"):
            home.configure(settle=0.1, watch=f'mode = "{mode}"', queue="confirm_above = 0")
            with home.run() as program, _common.Watched(program.process.pid) as tree:
                _common.wait_for(lambda: _common.counted(home, _common.WRITTEN) == files, program, 600, 1)
                time.sleep(rest)
                before = sum(tree.cpu_seconds())
                lines = len(program.lines())
                time.sleep(idle)
                spent = sum(tree.cpu_seconds()) - before
                said = len(program.lines()) - lines
                program.stop()
            report.goal(f"cpu_{mode}", f"idle, {mode}", spent / idle, "{:.3%} of a core", under=0.01)
            report.row(f"lines_{mode}", "  log lines meanwhile", said, "{:d}")
            report.row(f"memory_{mode}_mb", "  peak memory, all processes", tree.peak_tree / _common.MB, "{:.0f} MB")
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
