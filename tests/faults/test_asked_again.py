"""`captiond caption --again`, killed: what was asked for anew is asked for anew, once, and what was there is history."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import invariants
from archive import Archive
from fake_endpoint import FakeEndpoint, ok
from faults_made import CALLS, CONCURRENCY, DRAIN_SECONDS, Amount, Point, Result, busiest, empty_database, spread, sweep
from forked import ForkedProgram
from program import Home
from waiting import until

pytestmark = [pytest.mark.usefixtures("_traceable"), pytest.mark.timeout(3600)]

FILES = 8
OLD, NEW = "A red square.", "A new look."
WHO = pytest.mark.parametrize("killed", ["command", "service"])


class Asking:
    """An archive that has its captions and is asked for anew: the command does the work, or the service beside it."""

    def __init__(self, folder: Path, fake: FakeEndpoint, killed: str, template: Path) -> None:
        self.fake, self.killed = fake, killed
        self.home = Home(folder, fake.base_url)
        self.home.configure(settle=0.1, concurrency=CONCURRENCY, more="[media]\nworkers = 1")
        self.home.database.parent.mkdir()
        shutil.copyfile(template, self.home.database)
        self.archive = Archive(self.home.inbox)
        for number in range(FILES):
            self.archive.write(f"{number}.jpg", f"picture {number}")
        fake.default = ok(OLD)
        self.let_rest()
        fake.default = ok(NEW, delay=0.02)

    def let_rest(self) -> None:
        """Run the service until it has nothing to do any more."""
        with ForkedProgram(self.home, "run") as service:
            service.event("started")
            until(lambda: not invariants.waiting(self.home, self.archive), timeout=DRAIN_SECONDS, interval=0.03)
            assert service.stop() == 0

    def ask(self, strace: list[str]) -> bool:
        """Ask for all of it anew, with a fault; returns whether what was to be killed was."""
        command = ("caption", "--again", str(self.home.inbox))
        if self.killed == "command":
            with ForkedProgram(self.home, *command, strace=strace) as asking:
                return asking.process.wait(DRAIN_SECONDS) == -signal.SIGKILL
        with ForkedProgram(self.home, "run", strace=strace) as service:
            until(lambda: service.lines("started") or service.process.poll() is not None, timeout=DRAIN_SECONDS)
            with ForkedProgram(self.home, *command) as asking:
                assert asking.process.wait(DRAIN_SECONDS) == 0, asking.text
            return service.stop() == -signal.SIGKILL

    def broken(self, cut: int) -> list[str]:
        """What is not as it should be, after all has come to rest."""
        rows = self.home.rows
        asked = bool(rows("SELECT 1 FROM job WHERE after_caption > 0"))
        found = [f"{len(self.fake.requests)} requests"] if len(self.fake.requests) > (1 + asked) * FILES + cut else []
        expected = [(OLD, 1), (NEW, 0)] if asked else [(OLD, 0)]
        history: dict[int, list[tuple[str, int]]] = {}
        for row in rows("SELECT content_id, text, superseded_by IS NOT NULL AS former FROM caption ORDER BY id"):
            history.setdefault(row["content_id"], []).append((row["text"], row["former"]))
        found += [f"content {content} has {told}" for content, told in history.items() if told != expected]
        shown = Counter(row["caption"] for row in self.home.captions().values())
        if shown != {expected[-1][0]: FILES}:
            found.append(f"there is {shown}")
        ended = {row["state"] for row in rows("SELECT state FROM job")}
        return found + ([f"jobs are {ended}"] if ended != {"done"} else [])


def killed_at(killed: str, template: Path, point: Point, folder: Path) -> Result:
    """Ask for an archive anew with a kill at this point, let all come to rest, and look at everything."""
    with FakeEndpoint() as fake:
        asking = Asking(folder, fake, killed, template)
        met = asking.ask(point.strace(folder / "strace"))
        broken = invariants.on_the_disk(asking.home, asking.archive)
        asking.let_rest()
        broken += invariants.on_the_disk(asking.home, asking.archive)
        broken += asking.broken(CONCURRENCY if met else 0)
    return Result(point, met, broken)


def counted(folder: Path, killed: str, template: Path) -> Counter[str]:
    """How often the busiest thread makes each of CALLS when nothing is killed."""
    log = folder / "calls"
    with FakeEndpoint() as fake:
        asking = Asking(folder / "home", fake, killed, template)
        asking.ask(["-o", str(log), "-e", f"trace={','.join(CALLS)}"])
        assert asking.broken(0) == []
    return busiest(log.read_text().splitlines())


@WHO
@pytest.mark.parametrize("point", [Point("fdatasync", 5), Point("sendto", 3)], ids=str)
@pytest.mark.fault("kill -9 at any system call")
def test_killed_in_the_middle_it_asks_once_more_for_what_was_in_flight_alone(
    tmp_path: Path, killed: str, point: Point
) -> None:
    result = killed_at(killed, empty_database(tmp_path / "empty.db"), point, tmp_path / "home")
    assert (result.met, result.broken) == (True, [])


@WHO
@pytest.mark.slow
@pytest.mark.fault("kill -9 at any system call")
def test_killed_at_any_system_call_the_new_answers_are_current_and_the_old_ones_history(
    tmp_path: Path, amount: Amount, killed: str, record_property: Callable[[str, object], None]
) -> None:
    template = empty_database(tmp_path / "empty.db")
    points = spread(counted(tmp_path, killed, template), amount.points and amount.points // 4)
    results = sweep(points, tmp_path, partial(killed_at, killed, template))
    broken = {str(one.point): one.broken for one in results if one.broken}
    assert not broken
    record_property("seen", f"{sum(one.met for one in results)} kills")
    assert sum(one.met for one in results) >= 0.5 * len(points)
