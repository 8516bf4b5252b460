"""How long `captiond --help` takes, against `python -c pass`: heavy libraries are imported where they are used."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import _common

COMMANDS = {
    "pass": ["-c", "pass"],
    "help": ["--help"],
    "search_help": ["search", "--help"],
    "version": ["--version"],
}


def main() -> int:
    chosen = _common.options(__doc__)
    report = _common.Report("startup", quick=chosen.quick)
    script = Path(sys.executable).with_name("captiond")
    program = [str(script)] if script.exists() else [sys.executable, "-m", "captiond"]
    commands = {
        name: [sys.executable, *args] if name == "pass" else [*program, *args] for name, args in COMMANDS.items()
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(3 if chosen.quick else 21):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if turn:  # the first reads the files from the disk
                times[name].append(time.perf_counter() - began)
    bare = statistics.median(times.pop("pass"))
    report.row("pass_s", "python -c pass", bare, "{:.3f} s")
    for name, found in times.items():
        label = " ".join(["captiond", *COMMANDS[name]])
        report.row(f"{name}_s", label, statistics.median(found), "{:.3f} s")
    report.goal("over", "captiond --help, longer by", statistics.median(times["help"]) - bare, "{:.3f} s", under=0.3)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
