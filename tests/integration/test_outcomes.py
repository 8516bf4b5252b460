"""What is recorded of work that was overtaken: files that share bytes, and files that went on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from captiond import jobs
from captiond.by_url import Urls
from captiond.config.models import Settings
from captiond.dispatch.committer import Committer
from captiond.dispatch.health import HealthMonitor
from captiond.dispatch.outcomes import Outcomes
from captiond.dispatch.steps import End, Step
from captiond.dispatch.tasks import Task, Tasks
from captiond.dispatch.work import HasFailed, WasRead
from captiond.errors import Changed, Corrupt, DatabaseUnavailable, Failure, RootOffline, Unreadable, Vanished
from captiond.store.engine import Database
from captiond.values import Kind, Opened, Priority, Stat
from captiond.wiring import wire
from stored import add_file, add_root

BYTES = "ab" * 32


class Desk:
    """The dispatcher's judgement over a real database, with the built-in describer as the endpoint."""

    def __init__(self, db: Database) -> None:
        self.db = db
        settings = Settings()
        self.wiring = wire(settings, {})
        self.tasks = Tasks(self.wiring.endpoints)
        self.outcomes = Outcomes(
            settings, self.tasks, HealthMonitor(self.wiring.endpoints.values(), {}, settings.queue), Urls(())
        )
        with db.write() as conn:
            self.root_id = add_root(conn)

    def claimed(self, *names: str, sha256: str = BYTES) -> list[Task]:
        """Tasks of new files with the same bytes, each claimed and read."""
        with self.db.write() as conn:
            for name in names:
                jobs.enqueue(
                    conn,
                    file_id=add_file(conn, f"/photos/{name}", self.root_id),
                    root_id=self.root_id,
                    recipe="default",
                    priority=Priority.NEW,
                    now=10.0,
                )
            taken = jobs.claim(conn, limit=9, recipes=["default"], offline_roots=[], run_id="run", now=20.0)
        made = [Task(job, self.wiring.choices["default"].first) for job in taken]
        for task in made:
            self.tasks.add(task)
            opened = Opened(task.job.path, Stat(3, 4, 5, 6), sha256, Kind.IMAGE, "image/jpeg", 3)
            with self.db.read() as conn:
                assert self.outcomes.judge_unwritten(conn, WasRead(task.job.id, opened, 0.1)) is not None
        return made

    def fail(self, task: Task, failure: Failure) -> None:
        with self.db.write() as conn:
            self.outcomes.judge(conn, HasFailed(task.job.id, failure))

    def row(self, task: Task) -> Any:
        with self.db.read() as conn:
            (found,) = jobs.of_ids(conn, [task.job.id])
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as db:
        yield Desk(db)


@pytest.mark.parametrize("failure", [Vanished(), Changed(), RootOffline(), Unreadable("permission denied")])
def test_a_file_that_can_not_be_read_any_more_says_nothing_of_its_copies(desk: Desk, failure: Failure) -> None:
    leader, copy = desk.claimed("a.jpg", "b.jpg")
    assert leader.followers == [copy]
    desk.fail(leader, failure)
    row = desk.row(copy)
    assert (row.state, row.attempts, row.present, row.reason) == ("queued", 0, 1, "stopped")


def test_bytes_that_can_not_be_decoded_fail_all_their_files(desk: Desk) -> None:
    leader, copy = desk.claimed("a.jpg", "b.jpg")
    desk.fail(leader, Corrupt())
    assert {(row.state, row.reason) for row in map(desk.row, (leader, copy))} == {("failed", "corrupt")}


def test_when_the_disk_is_full_after_some_outcomes_of_a_batch_with_a_bug_those_go_on_and_the_rest_follows(
    desk: Desk,
) -> None:
    (first,), (broken,), (last,) = (desk.claimed(f"{number}.jpg", sha256=number * 64) for number in "123")
    outcomes = [HasFailed(first.job.id, Corrupt()), HasFailed(broken.job.id, cast("Failure", None))]
    outcomes.append(HasFailed(last.job.id, Corrupt()))
    with desk.db.write() as conn:
        conn.exec_driver_sql("CREATE TABLE filler (x)")
        conn.exec_driver_sql(
            f"CREATE TRIGGER full BEFORE UPDATE ON job WHEN NEW.id = {last.job.id} "
            "BEGIN INSERT INTO filler VALUES (zeroblob(10000000)); END"
        )
        conn.exec_driver_sql("PRAGMA max_page_count = 1000")
    committer = Committer(desk.db, desk.outcomes)
    assert ended(committer.record(outcomes, hurry=False)) == [first, broken]
    assert [desk.row(task).reason for task in (first, broken, last)] == ["corrupt", "internal", None]
    with pytest.raises(DatabaseUnavailable):
        committer.record([], hurry=False)
    with desk.db.write() as conn:
        conn.exec_driver_sql("DROP TRIGGER full")
    assert ended(committer.record([], hurry=False)) == [last]
    assert desk.row(last).reason == "corrupt"
    assert committer.record([], hurry=True) == []


def ended(steps: list[Step]) -> list[Task]:
    """The tasks that end."""
    return [step.task for step in steps if isinstance(step, End)]
