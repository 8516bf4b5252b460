"""When the dispatcher asks the database for jobs, and when it need not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, update

from captiond import jobs
from captiond.config.models import Settings
from captiond.dispatch import claims as claims_module
from captiond.dispatch.claims import Claims
from captiond.dispatch.health import HealthMonitor
from captiond.dispatch.rooms import Rooms, grouped
from captiond.dispatch.tasks import Tasks
from captiond.store import tables as t
from captiond.store.engine import Database
from captiond.values import Priority
from captiond.wiring import wire
from stored import add_file, add_root
from waiting import until


class Desk:
    """Claims over a real database, with the built-in describer as the endpoint."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.held: list[int] = []
        settings = Settings()
        wiring = wire(settings, {})
        tasks = Tasks(wiring.endpoints)
        health = HealthMonitor(wiring.endpoints.values(), {}, settings.queue)
        rooms = Rooms(grouped(wiring.choices), health, tasks, encoders=2, spent=lambda _: False)
        self.claims = Claims(
            db, wiring.choices, rooms, run_id="run", held_roots=lambda: self.held, min_priority=Priority.BACKLOG
        )

    def queue(self, name: str, root_id: int, *, due_at: float = 1.0, present: int = 1) -> int:
        with self.db.write() as conn:
            file_id = add_file(conn, f"/photos/{name}", root_id, present=present)
            return jobs.enqueue(
                conn, file_id=file_id, root_id=root_id, recipe="default", priority=10, now=1.0, due_at=due_at
            )

    def claimed(self) -> list[int]:
        return [task.job.id for task in self.claims.claim()]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(claims_module, "LOOK_SECONDS", 0.0)
    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as db:
        yield Desk(db)


@pytest.fixture
def root_id(desk: Desk) -> int:
    with desk.db.write() as conn:
        return add_root(conn)


def test_a_queue_of_files_that_are_gone_is_read_once_until_something_changes(desk: Desk, root_id: int) -> None:
    gone = desk.queue("gone.jpg", root_id, present=0)
    statements: list[str] = []
    with desk.db.read() as conn:
        event.listen(conn.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    assert desk.claimed() == []
    assert len([one for one in statements if "job" in one]) == 1
    assert [desk.claimed() for _ in range(5)] == [[]] * 5
    assert len([one for one in statements if "job" in one]) == 1
    with desk.db.write() as conn:
        conn.execute(update(t.file).values(present=1))
    desk.claims.look()
    assert desk.claimed() == [gone]


def test_a_job_whose_time_comes_is_claimed_without_a_word(desk: Desk, root_id: int) -> None:
    later = desk.queue("later.jpg", root_id, due_at=time.time() + 0.3)
    assert desk.claimed() == []
    assert until(desk.claimed) == [later]
    assert desk.claimed() == []


def test_a_root_that_comes_back_is_noticed_without_a_word(desk: Desk, root_id: int) -> None:
    desk.held = [root_id]
    held = desk.queue("held.jpg", root_id)
    assert desk.claimed() == []
    desk.held = []
    assert desk.claimed() == [held]
