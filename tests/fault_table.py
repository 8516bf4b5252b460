"""The table of faults in docs/reliability.md: which test makes each, and what came of it when it ran last.

A test says what it makes: `@pytest.mark.fault("a bad configuration")`, one of FAULTS. It may add what it saw with
`record_property("seen", "250 points")`. `pytest --reliability` writes the results of its run into the table; rows of
tests that did not run keep theirs.
"""

from __future__ import annotations

import ast
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

FAULTS = {
    "kill -9 at any system call": "no file is forgotten, no sidecar is half, no caption is paid twice but those in flight",
    "an error at any system call": "an old sidecar stays whole, what failed is done again",
    "any deeds in any order": "all of this page together, however faults and files come upon each other",
    "a process that hangs": "systemd starts it again within 2 × WatchdogSec",
    "a bad configuration": "exit 78, and no restart loop; a reload keeps the old one",
    "SIGTERM during a call": "out within 10 s, the jobs back in the queue",
    "the state's disk is full": "no new calls while nothing can be recorded; it recovers by itself",
    "a share is full or read-only": "captions are kept, sidecars are written when it is possible",
    "the database is locked": "waits, then names it",
    "the database is damaged": "refuses, and says how to go on",
    "the database is moved or deleted": "noticed within seconds; the next start pays for nothing twice",
    "the database is read-only": "refuses, and says what has to be writable",
    "the database is on a network file system": "refuses, and says where it may be",
    "a slow writer": "never read early, captioned once",
    "a file that is replaced while it is read": "what was read is discarded, and read again",
    "other bytes with the same size and time": "found by the change time",
    "the queue of events overflows": "a comparison finds all within seconds",
    "the limit of watches is reached": "that root is polled, and a warning says how to raise the limit",
    "the reader of events dies": "another takes its place, and nothing is missed",
    "events before the watch stood": "found by the first comparison",
    "many files at once": "all are captioned, memory stays bounded",
    "a folder that can't be read": "reported, the others go on",
    "a share goes away, comes back, or is not there at the start": "offline, no call, no sidecar in the bare mount point",
    "a file system that fails or hangs": "other roots go on, the service stays responsive",
    "a root is renamed or made again": "seen, and watched again",
    "an endpoint that misbehaves": "each way has its failure, its wait and its limit of tries",
    "a clock that jumps by years": "nothing waits for years, nothing is done twice",
    "a hostile picture or video": "costs one job and one decoder, at most 3 attempts",
    "a decoder that can't be started": "the queue waits, and no file pays for it",
    "a link out of the root": "is not followed, nothing outside is read or written",
    "a foreign file in a sidecar's place": "is left alone, and told of",
    "odd names": "work, and are escaped where they are shown",
    "the key": "stands in no log, database, sidecar or error",
    "a picture whose text gives orders": "its words stay words",
    "hours of change and misbehaviour": "memory, descriptors, threads and log level off, the books agree",
}
"""Each fault, and what is promised."""

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
TESTS = Path(__file__).parent
_BEGIN, _END = "<!-- written by ./dev faults -->\n", "<!-- to here -->\n"
_HEAD = "| fault | promise | made by | last result |\n|---|---|---|---|\n"
NOT_YET = "not run yet"


@dataclass(frozen=True, slots=True)
class Row:
    """One test of one fault. `file` is relative to the folder of the tests."""

    fault: str
    file: str
    function: str

    @property
    def link(self) -> str:
        words = self.function.removeprefix("test_").replace("_", " ")
        return f"[{words}](../tests/{self.file})"


def rows(tests: Path = TESTS) -> list[Row]:
    """Each fault's tests, as the sources of the tests say; in the order of FAULTS, then of the files."""
    found = [row for path in sorted(tests.rglob("test_*.py")) for row in _of_file(path, tests)]
    order = list(FAULTS)
    return sorted(found, key=lambda row: order.index(row.fault))


def _of_file(path: Path, tests: Path) -> Iterator[Row]:
    for node in ast.parse(path.read_text()).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fault":
                yield Row(ast.literal_eval(mark.args[0]), str(path.relative_to(tests)), node.name)


def results(page: str) -> dict[tuple[str, str], str]:
    """What the table says by now: (fault, link) -> last result."""
    found, fault = {}, ""
    for line in _table(page).splitlines()[2:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        fault = cells[0] or fault
        found[fault, cells[2]] = cells[3]
    return found


def table(found: dict[tuple[str, str], str], tests: Path = TESTS) -> str:
    """The table, with these results."""
    lines, before = [], None
    for row in rows(tests):
        first = ("", "") if row.fault == before else (row.fault, FAULTS[row.fault])
        lines.append(f"| {first[0]} | {first[1]} | {row.link} | {found.get((row.fault, row.link), NOT_YET)} |\n")
        before = row.fault
    return _HEAD + "".join(lines)


def _table(page: str) -> str:
    return page.partition(_BEGIN)[2].partition(_END)[0]


def rewritten(page: str, new: dict[tuple[str, str], str], tests: Path = TESTS) -> str:
    """The page with these results beside those that it had."""
    return page.replace(_table(page), table(results(page) | new, tests))


@dataclass(slots=True)
class _Seen:
    """What a test's runs came to, one for each of its parameters."""

    outcomes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    seen: list[str] = field(default_factory=list)
    skipped: str = ""

    def told(self, day: str) -> str:
        if "failed" in self.outcomes:
            return f"**failed** on {day}"
        if set(self.outcomes) == {"skipped"}:
            return f"skipped on {day}: {self.skipped}"
        runs = f" with {len(self.outcomes)} inputs" if len(self.outcomes) > 1 else ""
        seen = f": {'; '.join(self.seen)}" if self.seen else ""
        return f"passed on {day}{runs}, {self.seconds:.0f} s{seen}".replace("|", "/")


class _Collector:
    """Gathers the reports, also of other workers, and writes the page at the end."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str], _Seen] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        faults = [str(value) for name, value in report.user_properties if name == "fault"]
        file, _, function = report.nodeid.partition("[")[0].partition("::")
        for fault in faults:
            seen = self._seen.setdefault((fault, file.removeprefix("tests/"), function), _Seen())
            seen.seconds += report.duration
            if report.when == "call" or report.outcome != "passed":
                seen.outcomes.append(report.outcome)
            if report.when == "teardown":
                seen.seen += [str(value) for name, value in report.user_properties if name == "seen"]
            if report.skipped and isinstance(report.longrepr, tuple):
                seen.skipped = report.longrepr[2].removeprefix("Skipped: ")

    def pytest_sessionfinish(self) -> None:
        day = dt.datetime.now(dt.UTC).date().isoformat()
        new = {(row[0], Row(*row).link): seen.told(day) for row, seen in self._seen.items() if seen.outcomes}
        PAGE.write_text(rewritten(PAGE.read_text(), new))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reliability", action="store_true", help="write the results of faults into docs/reliability.md")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(name): makes this fault of fault_table.FAULTS")
    if config.getoption("--reliability") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Collector())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("fault"):
            if mark.args[0] not in FAULTS:
                raise pytest.UsageError(f"{item.nodeid}: there is no fault {mark.args[0]!r} in fault_table.FAULTS")
            item.user_properties.append(("fault", mark.args[0]))
