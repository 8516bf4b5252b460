"""What the service does each night: a backup, and old records made few, while captions, sums and states stay."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from captiond import jobs, night
from captiond.config.models import Database as Settings
from captiond.night import Night
from captiond.store import calls, spending
from captiond.store.backups import existing
from captiond.store.engine import Database
from captiond.values import ANSWERED, Call, Priority, Usage
from stored import add_file, add_root, save, show
from watched import Rows

if TYPE_CHECKING:
    from sqlalchemy import Connection

AT_NIGHT = datetime(2026, 11, 22, 3, 10)  # noqa: DTZ001  # local time, as people set their clocks
DAY = 86400.0


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """An open database."""
    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as opened:
        yield opened


def captioned(db: Database, count: int, days_ago: float, *, fail: bool = False) -> list[int]:
    """Files with a job and a call of so many days ago; `fail`: the job has failed."""
    now = time.time() - days_ago * DAY
    made = []
    with db.write() as conn:
        root_id = conn.exec_driver_sql("SELECT id FROM root").scalar() or add_root(conn)
        for number in range(count):
            file_id = add_file(conn, f"/photos/{days_ago}-{number}-{fail}.jpg", root_id)
            made.append(file_id)
            work(file_id, root_id, now, fail=fail, conn=conn)
    return made


def work(file_id: int, root_id: int, now: float, *, fail: bool, conn: Connection) -> None:
    """A job of the file, with its call, from begin to end."""
    jobs.enqueue(conn, file_id=file_id, root_id=root_id, recipe="default", priority=Priority.NEW, now=now)
    (job,) = jobs.claim(conn, limit=1, recipes=["default"], offline_roots=(), run_id="r", now=now)
    calls.record(conn, job, None, Call("gpu", "m", now, 1.0, ANSWERED, Usage(10, 5, 0.25)))
    if fail:
        jobs.fail(conn, job, reason="corrupt", detail="it is", now=now)
        return
    show(conn, file_id, str(file_id).encode(), save(conn, str(file_id).encode(), "words", now=now))
    jobs.finish(conn, job, now=now)


def test_old_calls_and_followed_jobs_go_and_the_sums_and_states_stay(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(night, "BATCH", 7)
    monkeypatch.setattr(night, "PAUSE_SECONDS", 0.0)
    old, failed = captioned(db, 20, 100), captioned(db, 3, 100, fail=True)
    again, new = captioned(db, 20, 120), captioned(db, 5, 1)
    with db.write() as conn:
        root_id = conn.exec_driver_sql("SELECT id FROM root").scalar_one()
        for file_id in again:
            work(file_id, root_id, time.time() - 95 * DAY, fail=False, conn=conn)
    with db.read() as conn:
        before = spending.since(conn, "0000-00-00")
        captions = conn.exec_driver_sql("SELECT * FROM captions ORDER BY path").all()
        counts = jobs.counts(conn)
    Night(db, Settings(backup_days=0, keep_days=90), lambda: AT_NIGHT).work()
    rows = Rows(db)
    assert rows.ask("SELECT count(*) FROM call") == [(5,)]
    assert rows.ask("SELECT count(*) FROM job") == [(len(old) + len(failed) + len(again) + len(new),)]
    assert rows.ask("SELECT count(*) FROM job WHERE finished_at < ? ", time.time() - 110 * DAY) == [(0,)]
    with db.read() as conn:
        assert spending.since(conn, "0000-00-00") == before
        assert conn.exec_driver_sql("SELECT * FROM captions ORDER BY path").all() == captions
        assert jobs.counts(conn) == {**counts, "done": counts["done"] - len(again)}


def test_what_waits_and_the_last_failure_are_kept_however_old(db: Database) -> None:
    asked_again, _ = captioned(db, 2, 200, fail=True)
    then = time.time() - 150 * DAY
    with db.write() as conn:
        jobs.enqueue(conn, file_id=asked_again, root_id=1, recipe="default", priority=Priority.NEW, now=then)
    Night(db, Settings(backup_days=0), lambda: AT_NIGHT).work()
    assert [state for _, state, _ in Rows(db).jobs()] == ["failed", "queued"]


def test_nothing_is_forgotten_where_that_is_set(db: Database) -> None:
    captioned(db, 2, 10_000)
    Night(db, Settings(backup_days=0, keep_days=0), lambda: AT_NIGHT).work()
    assert Rows(db).ask("SELECT count(*) FROM call") == [(2,)]


def test_it_begins_at_three_when_the_service_has_run_for_a_while(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(night, "AFTER_SECONDS", 1000.0)
    fresh = Night(db, Settings(), lambda: AT_NIGHT)
    monkeypatch.setattr(night, "AFTER_SECONDS", 0.0)
    early = Night(db, Settings(), lambda: AT_NIGHT.replace(hour=2))
    due = Night(db, Settings(), lambda: AT_NIGHT)
    for one in (fresh, early):
        one.look()
        assert one._thread is None
    due.look()
    assert due._thread is not None
    due._thread.join(30)
    assert [path.name for path in existing(db.path)] == ["x-2026-11-22.db"]
    due.look()
    assert not due._thread.is_alive(), "the next look is an hour later"
