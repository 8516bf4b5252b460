"""A backup is one whole file, made while the database is written, and never over what is no backup."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from captiond.errors import DatabaseError
from captiond.store.engine import Database

ADD = "INSERT INTO endpoint (name, state, updated_at) VALUES (?, 'healthy', 1)"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """An open database with a row that only the WAL has."""
    with Database.open(f"sqlite:///{tmp_path / 'state' / 'x.db'}") as opened:
        with opened.write() as conn:
            conn.exec_driver_sql(ADD, ("first",))
        yield opened


def rows(path: Path) -> list[str]:
    """The endpoints' names in a plain database file."""
    with sqlite3.connect(path) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM endpoint ORDER BY rowid")]


def test_a_backup_has_what_only_the_wal_has_and_stands_alone(db: Database, tmp_path: Path) -> None:
    target = tmp_path / "kept" / "b.db"
    target.parent.mkdir()
    db.backup(target)
    assert rows(target) == ["first"]
    assert [path.name for path in target.parent.iterdir()] == ["b.db"]
    with Database.open(f"sqlite:///{target}") as restored:
        assert restored.check() == []


def test_a_backup_made_under_writing_is_one_state(db: Database, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            with db.write() as conn:
                conn.exec_driver_sql(ADD, (f"{number} a",))
                conn.exec_driver_sql(ADD, (f"{number} b",))
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(10):
            db.backup(tmp_path / "b.db")
            names = rows(tmp_path / "b.db")
            assert len(names) % 2 == 1, f"backup {number} has half a transaction"
    finally:
        stop.set()
        thread.join()


def test_an_older_backup_is_replaced(db: Database, tmp_path: Path) -> None:
    db.backup(tmp_path / "b.db")
    with db.write() as conn:
        conn.exec_driver_sql(ADD, ("second",))
    db.backup(tmp_path / "b.db")
    assert rows(tmp_path / "b.db") == ["first", "second"]


def test_what_is_no_backup_is_never_overwritten(db: Database, tmp_path: Path) -> None:
    theirs = tmp_path / "photo.jpg"
    theirs.write_bytes(b"\xff\xd8\xff")
    link = tmp_path / "link.db"
    link.symlink_to(theirs)
    for target in (theirs, link, tmp_path, db.path):
        with pytest.raises(DatabaseError, match=r"no backup|the database itself"):
            db.backup(target)
    assert theirs.read_bytes() == b"\xff\xd8\xff"
    assert rows(db.path) == ["first"]


def test_a_target_that_can_not_be_written_is_named_and_leaves_nothing(db: Database, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"nowhere/b\.db can't be written"):
        db.backup(tmp_path / "nowhere" / "b.db")
    assert not (tmp_path / "nowhere").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
