"""The count of a first backlog, while files are still being taken in."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import QueuePool

from captiond import backlog, jobs
from captiond.store.engine import Database
from captiond.values import Priority, Source
from stored import add_file, add_root, save, show
from waiting import until


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(f"sqlite:///{tmp_path}/captions.db", migrate=True) as opened:
        yield opened


@pytest.mark.parametrize(("confirm", "answer", "priority"), [(5, 0, Priority.BACKLOG), (1, None, Priority.HELD)])
def test_what_is_queued_while_it_is_counted_is_counted_too(
    db: Database, confirm: int, answer: int | None, priority: Priority
) -> None:
    with db.write() as conn:
        root_id = add_root(conn)
        file_ids = [add_file(conn, f"/photos/{number}.jpg", root_id) for number in range(2)]
    pool = db._reader.pool
    assert isinstance(pool, QueuePool)
    answers: list[int | None] = []
    counting = threading.Thread(target=lambda: answers.append(backlog.counted(db, root_id, confirm)))
    with db.write() as conn:
        for file_id in file_ids:
            held = backlog.priority(conn, root_id, confirm)
            jobs.enqueue(conn, file_id=file_id, root_id=root_id, recipe="default", priority=held, now=time.time())
        counting.start()
        until(lambda: pool.checkedin() == 1)  # it has looked, and seen nothing
    counting.join()
    assert answers == [answer]
    with db.read() as conn:
        assert {row.priority for row in conn.exec_driver_sql("SELECT priority FROM job")} == {priority}


def test_what_the_builtin_describer_described_is_queued_in_parts_and_once(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "BATCH", 2)
    with db.write() as conn:
        root_id = add_root(conn)
        for number in range(5):
            data = bytes([number])
            caption_id = save(conn, data, "640 x 480", source=Source.BUILTIN)
            show(conn, add_file(conn, f"/photos/{number}.jpg", root_id), data, caption_id)
        add_file(conn, "/photos/new.jpg", root_id)
    assert backlog.take_over(db, root_id, "default", None) == 5
    assert backlog.take_over(db, root_id, "default", None) == 0
    with db.read() as conn:
        assert jobs.counts(conn)["queued"] == 5
