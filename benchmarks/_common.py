"""What the benchmarks share: their options, a folder to work in, a process tree's cost, and the report with its verdict."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

if TYPE_CHECKING:
    from program import Home, Program

sys.path.insert(
    0, str(Path(__file__).parents[1] / "tests")
)  # program.py and fake_endpoint.py are shared with the tests

SAMPLE_SECONDS = 0.1
FAMILY_SECONDS = 1.0
MB = 1e6
CAPTIONED = "SELECT count(*) FROM captions"
WRITTEN = "SELECT count(*) FROM sidecar WHERE state = 'written'"


def options(doc: str | None, add: Callable[[argparse.ArgumentParser], object] | None = None) -> argparse.Namespace:
    """The command line: `--quick`, `--keep FOLDER`, and what `add` adds."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small and not judged: only to see that it works")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="make photos and videos there, and use them again")
    if add is not None:
        add(parser)
    chosen = parser.parse_args()
    if chosen.keep is not None:
        chosen.keep = chosen.keep.absolute()
    return chosen


@contextmanager
def workplace(keep: Path | None) -> Iterator[tuple[Path, Path]]:
    """A folder for what is measured, removed at the end, and one for photos and videos, on the same disk."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="captiond-bench-", dir=keep))
    try:
        material = keep or place / "material"
        material.mkdir(exist_ok=True)
        yield place, material
    finally:
        shutil.rmtree(place, ignore_errors=True)


def linked(photos: list[Path], folder: Path) -> Path:
    """A folder with these files in it, as hard links: the same bytes without copying them."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in photos:
        os.link(path, folder / path.name)
    return folder


def machine() -> dict[str, object]:
    """What the figures depend on."""
    versions = {}
    for name in ("captiond", "pillow", "openai", "av"):
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        **versions,
    }


def numbers(pid: int, name: str) -> int:
    """A number of /proc/PID/status, in bytes; 0 when the process is gone."""
    with suppress(OSError):
        found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else 0
    return 0


class Watched:
    """The memory and CPU time of a process and all below it; a context manager that samples until it ends.

    Memory is resident, summed over the processes: a page that two of them share counts twice, so it is an upper bound.
    """

    def __init__(self, pid: int) -> None:
        self.peak_tree = 0
        self.peak_main = 0
        self._process = psutil.Process(pid)
        self._family: list[psutil.Process] = [self._process]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def cpu_seconds(self) -> tuple[float, float]:
        """Of the process itself, and of all below it, also of those that have ended."""
        own = below = 0.0
        for process in [self._process, *self._children()]:
            with suppress(psutil.Error):
                times = process.cpu_times()
                if process == self._process:
                    own = times.user + times.system
                else:
                    below += times.user + times.system
                below += times.children_user + times.children_system
        return own, below

    def _children(self) -> list[psutil.Process]:
        children: list[psutil.Process] = []
        with suppress(psutil.Error):
            children = self._process.children(recursive=True)
        return children

    def _sample(self) -> None:
        family_at = 0.0
        while not self._stop.wait(SAMPLE_SECONDS):
            if time.monotonic() >= family_at:
                family_at = time.monotonic() + FAMILY_SECONDS
                self._family = [self._process, *self._children()]
            self.peak_tree = max(self.peak_tree, sum(numbers(process.pid, "VmRSS") for process in self._family))
            self.peak_main = max(self.peak_main, numbers(self._process.pid, "VmHWM"))


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """Hold these processes and all below them (SIGSTOP), and let them go on at the end."""
    tops = [psutil.Process(pid) for pid in pids]
    for process in tops:
        process.suspend()
    everyone = [process for top in tops for process in (*top.children(recursive=True), top)]
    for process in everyone:
        process.suspend()
    try:
        yield
    finally:
        for process in everyone:
            with suppress(psutil.Error):
                process.resume()


class Report:
    """A short table, a line of JSON, and whether the goals were met."""

    def __init__(self, name: str, *, quick: bool) -> None:
        self._name = name
        self._quick = quick
        self._facts = machine()
        self._rows: list[tuple[str, str]] = []
        self._values: dict[str, object] = {}
        self._missed: list[str] = []

    def row(self, key: str, label: str, value: float | str, form: str = "{:,.1f}") -> None:
        """One line of the table; `key` names it in the JSON."""
        self._values[key] = round(value, 4) if isinstance(value, float) else value
        self._rows.append((label, value if isinstance(value, str) else form.format(value)))

    def note(self, text: str) -> None:
        """A line for the reader alone."""
        self._rows.append(("", text))

    def goal(
        self, key: str, label: str, value: float, form: str, *, least: float | None = None, under: float = 0
    ) -> None:
        """A figure with its goal: at least `least`, or under `under`."""
        met = value >= least if least is not None else value < under
        wanted = f"at least {form.format(least)}" if least is not None else f"under {form.format(under)}"
        verdict = "not judged" if self._quick else "met" if met else "MISSED"
        self.row(key, label, value, form + f"   goal: {wanted}: {verdict}")
        if not met:
            self._missed.append(key)

    def table(self, head: list[str], lines: list[list[str]]) -> None:
        """A table within the table."""
        widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]
        for first, *others in [head, *lines]:
            cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
            self._rows.append(("", "  ".join([first.ljust(widths[0]), *cells]).rstrip()))

    def value(self, key: str, value: object) -> None:
        """Something for the JSON alone."""
        self._values[key] = value

    def end(self) -> int:
        """Print it all; the exit code."""
        facts = ", ".join(f"{key} {value}" for key, value in self._facts.items())
        print(f"\n{self._name}: {facts}" + ("  (quick: figures mean nothing)" if self._quick else ""))
        width = max((len(label) for label, _ in self._rows), default=0)
        for label, text in self._rows:
            print(f"  {label.ljust(width)}  {text}" if label else f"  {text}")
        missed = [] if self._quick else self._missed
        head = {"benchmark": self._name, "quick": self._quick, "machine": self._facts}
        print(json.dumps({**head, **self._values, "missed": missed}))
        return 1 if missed else 0


def counted(home: Home, sql: str) -> int:
    """A number from the database of a running service; 0 while there is no database."""
    found = home.rows(sql)
    return int(found[0][0]) if found else 0


def wait_for(done: Callable[[], bool], program: Program, seconds: float, every: float = 0.5) -> None:
    """Wait until something is done, as long as the program lives."""
    deadline = time.monotonic() + seconds
    while not done():
        if program.process.poll() is not None:
            sys.exit(f"the program ended with {program.process.returncode}:\n{program.text[-3000:]}")
        if time.monotonic() > deadline:
            sys.exit(f"not done after {seconds:g} s:\n{program.text[-3000:]}")
        time.sleep(every)
