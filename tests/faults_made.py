"""One run of the service with a fault at one system call, and what came of it."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import invariants
from archive import SUFFIX, Archive
from captiond.store.engine import Database
from fake_endpoint import FakeEndpoint, echo
from forked import ForkedProgram
from program import Home
from waiting import until

CALLS = (
    "write", "pwrite64", "writev", "pwritev", "fsync", "fdatasync", "sync_file_range", "ftruncate", "fallocate",
    "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat",
    "sendto", "sendmsg", "sendmmsg", "sendfile", "copy_file_range",
)  # fmt: skip
"""The system calls that write, sync, rename, link, make or send."""
SELDOM = 24
CONCURRENCY = 2
DRAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is tried: points of a sweep (None: all of them), made-up runs, folders of 100 files, seconds of a soak."""

    points: int | None
    examples: int
    folders: int
    soak_seconds: float


@dataclass(frozen=True, slots=True)
class Point:
    """A fault at the `when`-th `call` of a thread: `kill`, or the error of that name.

    strace counts the calls of each thread by itself, so the fault meets the first thread that comes so far.
    """

    call: str
    when: int
    fault: str = "kill"

    def strace(self, log: Path) -> list[str]:
        """The arguments that make it, with a line in `log` for each such call."""
        inject = "signal=SIGKILL" if self.fault == "kill" else f"error={self.fault}"
        return ["-o", str(log), "-e", f"trace={self.call}", "-e", f"inject={self.call}:{inject}:when={self.when}"]

    def __str__(self) -> str:
        return f"{self.fault} at {self.call} {self.when}"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a point: whether the fault was met, and what is not as it should be."""

    point: Point
    met: bool
    broken: list[str]


def empty_database(path: Path) -> Path:
    """A database at the present schema, with nothing in it."""
    Database.open(f"sqlite:///{path}", migrate=True).close()
    return path


def counted(folder: Path, template: Path | None) -> Counter[str]:
    """How often the busiest thread makes each of CALLS in an undisturbed run."""
    log = folder / "calls"
    with FakeEndpoint(default=echo()) as fake:
        scenario = Scenario(folder / "home", fake, template)
        with ForkedProgram(scenario.home, "run", strace=["-o", str(log), "-e", f"trace={','.join(CALLS)}"]) as run:
            scenario.play(run)
            run.stop()
    return busiest(log.read_text().splitlines())


def busiest(lines: list[str]) -> Counter[str]:
    """Of strace's lines, `thread call(…`: the most times that one thread made each call."""
    by_thread: Counter[tuple[str, str]] = Counter()
    for line in lines:
        thread, rest = line.split(None, 1)
        call = rest.partition("(")[0]
        if call in CALLS:
            by_thread[thread, call] += 1
    most: Counter[str] = Counter()
    for (_, call), count in by_thread.items():
        most[call] = max(most[call], count)
    return most


def spread(counts: Mapping[str, int], points: int | None, fault: str = "kill") -> list[Point]:
    """About so many points evenly over the run; all of a call that is made seldom. None: all of all."""
    if points is None:
        return [Point(call, when, fault) for call, count in sorted(counts.items()) for when in range(1, count + 1)]
    seldom = {call: count for call, count in counts.items() if count <= SELDOM}
    often = {call: count for call, count in counts.items() if count > SELDOM}
    left = max(0, points - sum(seldom.values()))
    shares = seldom | {call: min(count, 1 + left * count // sum(often.values())) for call, count in often.items()}
    return [
        Point(call, 1 + at * counts[call] // share, fault)
        for call, share in sorted(shares.items())
        for at in range(share)
    ]


class Scenario:
    """Files come, change, move, are copied, linked and deleted, while the service runs or does not."""

    def __init__(self, folder: Path, fake: FakeEndpoint, template: Path | None) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.home = Home(folder, fake.base_url)
        self.home.configure(settle=0.1, concurrency=CONCURRENCY, more="[media]\nworkers = 1")
        if template is not None:
            self.home.database.parent.mkdir()
            shutil.copyfile(template, self.home.database)
        self.archive = Archive(self.home.inbox)
        self.archive.write("before.jpg", "before")
        self.archive.write("taken.jpg", "taken")
        self.archive.put_foreign("taken.jpg")
        self._steps = self._change()

    def play(self, run: ForkedProgram) -> None:
        """All of it, as far as the service lives to see it; what it does not live to see happens all the same."""

        def ready() -> bool:
            if run.process.poll() is not None:
                return True
            try:
                return not invariants.unseen(self.home, self.archive, but_hindered=True)
            except sqlite3.OperationalError:  # it was killed while it made its database: who only reads can't mend that
                return False

        try:
            for _ in self._steps:
                until(ready, timeout=DRAIN_SECONDS, interval=0.03)
        except AssertionError as error:
            error.add_note("\n".join(invariants.waiting(self.home, self.archive)))
            error.add_note(run.text)
            raise

    def _change(self) -> Iterator[None]:
        yield
        archive = self.archive
        archive.write("new.jpg", "new")
        archive.write("away/moves.jpg", "moves")
        archive.write("album/stays.jpg", "stays")
        yield
        archive.write("new.jpg", "changed")
        archive.rename("away/moves.jpg", "moved.jpg")
        archive.copy("album/stays.jpg", "copy.jpg")
        archive.link("before.jpg", "linked.jpg")
        yield
        archive.rename_folder("album", "renamed")
        archive.overwrite("copy.jpg", "other")
        yield


def sweep(points: Sequence[Point], folder: Path, play: Callable[[Point, Path], Result]) -> list[Result]:
    """The results of all points, several at a time, for most of a run is waiting; progress is printed.

    Args:
        play: a run with a fault at this point, in a folder of its own.
    """
    results = []
    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        running = [pool.submit(play, point, folder / f"point-{number}") for number, point in enumerate(points)]
        for number, done in enumerate(as_completed(running), 1):
            results.append(done.result())
            if results[-1].broken or number % 20 == 0 or number == len(points):
                met = sum(one.met for one in results)
                print(f"{number} of {len(points)} points, {met} met", *results[-1].broken, sep="\n    ", flush=True)
    return results


def result(template: Path | None, point: Point, folder: Path) -> Result:
    """Play the scenario with this fault, start the service again, let it come to rest, and look at everything."""
    with FakeEndpoint(default=echo()) as fake:
        scenario = Scenario(folder, fake, template)
        home, archive = scenario.home, scenario.archive
        broken = []
        log = folder / "strace"
        with ForkedProgram(home, "run", strace=point.strace(log)) as run:
            try:
                scenario.play(run)
            except AssertionError as error:
                broken += ["it does not go on:", *getattr(error, "__notes__", [])]
            code = run.stop()
        killed = code == -signal.SIGKILL
        # A service whose pipe to itself fails may end: no real one does, and it is started again.
        if code != 0 and not killed and point.call != "write":
            broken.append(f"it ended with {code}: {run.text[-500:]}")
        if home.database.exists():
            broken += invariants.on_the_disk(home, archive)
        with ForkedProgram(home, "run") as again:
            try:
                again.event("started")  # it takes signals from then on
                scenario.play(again)
                until(lambda: not invariants.waiting(home, archive), timeout=DRAIN_SECONDS, interval=0.03)
            except AssertionError as error:
                broken += [
                    "it does not come to rest:",
                    *invariants.waiting(home, archive),
                    *getattr(error, "__notes__", []),
                ]
            broken += [f"it stopped with {code}" for code in [again.stop()] if code]
        broken += invariants.decoders_left(run.process.pid) + invariants.decoders_left(again.process.pid)
        if point.call == "unlinkat" and not killed:
            archive.left.add("away/moves.jpg" + SUFFIX)  # taking away what stands at an old place is tried once
        broken += invariants.at_rest(home, archive, fake, cut=CONCURRENCY if killed else 0)
        broken += [f"a bug in the log: {line}" for line in (run.text + again.text).splitlines() if "Traceback" in line]
    met = killed if point.fault == "kill" else "(INJECTED)" in log.read_text(errors="replace")
    if not broken:
        shutil.rmtree(folder)  # else it is left to be looked into
    return Result(point, met, broken)
