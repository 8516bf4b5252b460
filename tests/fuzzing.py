"""Spoiled files of each format, through the real guard: no crash, no hang, no bug, no leak. `./dev fuzz` runs it.

Each file follows from the seed and its number alone, whichever thread has it: one that found something is made again by
`./dev fuzz --seed SEED --case NUMBER`.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from captiond.errors import FAILURES, DecoderCrashed, Failure, Fault, Unreadable
from captiond.fetch import PEEK_BYTES
from captiond.media import header, identify
from captiond.media.guard import Guard
from captiond.media.live import is_short
from captiond.media.reader import read
from captiond.media.spec import EncodeSpec, GuardLimits
from mutations import MADE, mutated
from processes import children, descriptors, threads

SECONDS = 600
LIMITS = GuardLimits(seconds=20, memory_mb=512)
SLACK_SECONDS = 30.0
"""Beyond the limit: to end a child and start another, on a busy machine."""
GROWTH_MB = 48
"""What the process may grow by: the allocator's, and the figures of the run itself."""

SPECS = (
    EncodeSpec(),
    EncodeSpec(measure=True, max_edge=200, frame_edge=100),
    EncodeSpec(max_bytes=20_000, max_frames=3),
    EncodeSpec(video="video_url", max_pixels=1_000_000),
)
FINE = {"whole", "decoder_crashed", "decoder_timeout", "decoder_memory"} | {
    code for code, kind in FAILURES.items() if kind.fault is Fault.FILE and kind is not Unreadable
}
"""How a spoiled file may end: its own failure, or one that cost a decoder process. All else is a bug."""


@dataclass
class Report:
    """What came of a run."""

    seed: str
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, int] = field(default_factory=dict)
    """Outcome -> the first file that had it."""
    slowest: tuple[float, int] = (0.0, -1)
    """Seconds, and which file."""
    findings: list[str] = field(default_factory=list)

    def text(self) -> str:
        """For a person."""
        files = self.outcomes.total()
        lines = [f"seed {self.seed}: {files:,} files in {self.seconds:.0f} s"]
        lines += [
            f"{count:8,}  {outcome:<18} first: {self.examples[outcome]}"
            for outcome, count in self.outcomes.most_common()
        ]
        lines.append(f"slowest: {self.slowest[0]:.1f} s, file {self.slowest[1]}")
        lines += self.findings or ["nothing found"]
        return "\n".join(lines)


class Fuzzer:
    """One run. `folder` is for the spoiled files, and holds none at the end."""

    def __init__(self, seed: str, folder: Path) -> None:
        self.report = Report(seed)
        self._folder = folder
        self._whole = {name: make(folder / "made").read_bytes() for name, make in MADE.items()}
        (folder / "made").unlink()
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def spoiled(self, number: int) -> tuple[str, bytes, EncodeSpec]:
        """The file of a number: what it was, its bytes, and what is wanted of it."""
        random = Random(f"{self.report.seed}/{number}")
        name, other = random.choice(list(MADE)), random.choice(list(MADE))
        spec = random.choice(SPECS)
        return name, mutated(random, self._whole[name], self._whole[other]), spec

    def run(self, seconds: float, workers: int) -> Report:
        """For so long, on so many threads with a decoder process each."""
        self._warm_up()
        before = _held()
        ends = time.monotonic() + seconds
        began = time.monotonic()
        pool = [threading.Thread(target=self._work, args=(ends,), daemon=True) for _ in range(workers)]
        for thread in pool:
            thread.start()
        for thread in pool:
            thread.join(max(0.0, ends - time.monotonic()) + LIMITS.seconds + SLACK_SECONDS)
            if thread.is_alive():
                self.report.findings.append("a thread hangs")
        self.report.seconds = time.monotonic() - began
        self._compare(before, _held())
        return self.report

    def one(self, guard: Guard, number: int) -> None:
        """Decode the file of a number, and note what came of it."""
        name, data, spec = self.spoiled(number)
        path = self._folder / f"{threading.get_ident()}.jpg"
        path.write_bytes(data)
        began = time.monotonic()
        outcome, found = _outcome(guard, path, spec)
        took = time.monotonic() - began
        if took > LIMITS.seconds + SLACK_SECONDS:
            found = f"took {took:.0f} s"
        path.unlink()
        with self._lock:
            self.report.outcomes[outcome] += 1
            self.report.examples.setdefault(outcome, number)
            self.report.slowest = max(self.report.slowest, (took, number))
            if found:
                again = f"./dev fuzz --seed {self.report.seed} --case {number}"
                self.report.findings.append(f"{name}: {found}: {again}")

    def _work(self, ends: float) -> None:
        guard = Guard(LIMITS)
        try:
            while time.monotonic() < ends:
                self.one(guard, next(self._numbers))
        finally:
            guard.close()

    def _warm_up(self) -> None:
        """Each file as it was made: it has to be well, and what is loaded once is loaded before memory is measured."""
        guard = Guard(LIMITS)
        path = self._folder / "whole"
        for name, data in self._whole.items():
            path.write_bytes(data)
            outcome, _ = _outcome(guard, path, SPECS[0])
            if outcome != "whole":
                self.report.findings.append(f"{name}: {outcome} before it was spoiled")
        path.unlink()
        guard.close()

    def _compare(self, before: Held, after: Held) -> None:
        left = [path.name for path in self._folder.iterdir()]
        pairs = (
            (before.children, after.children),
            (before.descriptors, after.descriptors),
            (before.threads, after.threads),
        )
        if any(more > less for less, more in pairs):  # fewer: what an earlier test of this process held is gone by now
            self.report.findings.append(f"left open: {before} before, {after} after")
        if after.megabytes - before.megabytes > GROWTH_MB:
            self.report.findings.append(f"grew from {before.megabytes} to {after.megabytes} MB")
        if left:
            self.report.findings.append(f"left files: {left}")


@dataclass(frozen=True)
class Held:
    """What this process holds."""

    children: int
    descriptors: int
    threads: int
    megabytes: int


def _held() -> Held:
    pid = os.getpid()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    return Held(len(children(pid)), len(descriptors(pid)), threads(pid), resident >> 20)


def _outcome(guard: Guard, path: Path, spec: EncodeSpec) -> tuple[str, str | None]:
    """The outcome's name; and what is wrong with it, if something is."""
    try:
        _glance(path)
        guard.encode(read(str(path), None), spec)
    except Failure as failure:
        ours = isinstance(failure, DecoderCrashed) and "makes no sense" in failure.detail
        return failure.code, failure.message if ours or failure.code not in FINE else None
    except Exception as error:
        return "exception", repr(error)
    return "whole", None


def _glance(path: Path) -> None:
    """What the service reads of a file itself: a clip's length, and the size of what is at a URL."""
    is_short(str(path))
    head = path.read_bytes()[:PEEK_BYTES]
    sniffed = identify.sniff(head[: identify.HEAD_BYTES])
    if sniffed is not None:
        header.picture_size(sniffed.format, io.BytesIO(head))


def main() -> int:
    """See `--help`."""
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("seconds", type=float, nargs="?", default=SECONDS, help=f"how long; default: {SECONDS}")
    parser.add_argument(
        "--seed", default=os.urandom(4).hex(), help="what the files follow from; default: another each time"
    )
    parser.add_argument("--case", type=int, metavar="NUMBER", help="only this file, which is kept, and its path told")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="captiond-fuzz-") as folder:
        fuzzer = Fuzzer(chosen.seed, Path(folder))
        if chosen.case is None:
            fuzzer.run(chosen.seconds, os.cpu_count() or 1)
        else:
            name, data, spec = fuzzer.spoiled(chosen.case)
            with tempfile.NamedTemporaryFile(prefix=f"case-{chosen.case}-", delete=False) as kept:
                kept.write(data)
            print(f"{kept.name}: was {name}, {len(data):,} bytes, wanted as {spec}")
            guard = Guard(LIMITS)
            fuzzer.one(guard, chosen.case)
            guard.close()
    print(fuzzer.report.text())
    return 1 if fuzzer.report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
