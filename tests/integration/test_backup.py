"""A backup is one whole file, made while the database is written, and never over what is no backup."""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from captiond import log
from captiond.errors import DatabaseError
from captiond.store.backups import Backups, existing, folder_of
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


TODAY = date(2026, 11, 22)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """All that was logged so far."""
    for name in ("_pipe", "_threshold"):
        monkeypatch.setattr(log, name, getattr(log, name))
    root, out = logging.getLogger(), io.StringIO()
    handlers, level = list(root.handlers), root.level
    log.configure("info", "json", out)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_each_day_has_its_backup_and_so_many_are_kept(db: Database, logged: Callable[[], list[dict[str, Any]]]) -> None:
    backups = Backups(db)
    for day in range(5):
        backups.make(TODAY + timedelta(days=day), 3)
    names = [path.name for path in existing(db.path)]
    assert names == ["x-2026-11-24.db", "x-2026-11-25.db", "x-2026-11-26.db"]
    assert rows(existing(db.path)[-1]) == ["first"]
    told = logged()
    assert [line["event"] for line in told] == ["backup_made"] * 5
    assert [line["removed"] for line in told] == [0, 0, 0, 1, 1]


def test_there_is_one_a_day(db: Database) -> None:
    backups = Backups(db)
    backups.make(TODAY, 7)
    made = existing(db.path)[0].stat().st_mtime_ns
    backups.make(TODAY, 7)
    assert [path.stat().st_mtime_ns for path in existing(db.path)] == [made]


def test_what_a_person_puts_there_stays(db: Database) -> None:
    folder = folder_of(db.path)
    folder.mkdir()
    for name in ("before the move.db", "x-2020-13-40.db", "x-2020-01-01.db"):
        (folder / name).write_bytes(b"")
    Backups(db).make(TODAY, 7)
    assert {path.name for path in folder.iterdir()} == {"before the move.db", "x-2020-13-40.db", "x-2026-11-22.db"}


def test_what_a_killed_copy_left_is_removed_with_the_next_backup(db: Database) -> None:
    folder = folder_of(db.path)
    folder.mkdir()
    left = [folder / ".x-2026-11-20.db.0123abcd.part", db.path.parent / ".x.db.before-0011.0123abcd.part-journal"]
    stay = [folder / ".x-2026-11-21.db.0123abcd.part", folder / ".mine.db.0123abcd.part", db.path.parent / ".x.db.part"]
    for path in [*left, *stay]:
        path.write_bytes(b"half")
        if path != stay[0]:  # that one is under way
            os.utime(path, (1, 1))
    Backups(db).make(TODAY, 7)
    assert [path.name for path in left if path.exists()] == []
    assert all(path.exists() for path in stay)


def test_a_failure_is_told_once_and_takes_no_older_backup_away(
    db: Database, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    folder_of(db.path).mkdir()
    old = folder_of(db.path) / "x-2020-01-01.db"
    old.write_bytes(b"")
    backups = Backups(db)
    (folder_of(db.path) / "x-2026-11-22.db").symlink_to("nowhere")
    backups.make(TODAY, 7)
    backups.make(TODAY, 7)
    assert [line["event"] for line in logged()] == ["backup_failed"]
    assert old.exists()
    backups.make(TODAY + timedelta(days=1), 7)
    assert [line["event"] for line in logged()] == ["backup_failed", "backup_made"]
    assert not old.exists()


def test_an_old_one_that_can_not_be_removed_keeps_no_other_and_is_told_once(
    db: Database, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    stuck = folder_of(db.path) / "x-2020-01-01.db"
    stuck.mkdir(parents=True)
    (folder_of(db.path) / "x-2020-01-02.db").write_bytes(b"")
    backups = Backups(db)
    for day in range(2):
        backups.make(TODAY + timedelta(days=day), 7)
    assert [path.name for path in existing(db.path)] == [stuck.name, "x-2026-11-22.db", "x-2026-11-23.db"]
    assert [line["event"] for line in logged()] == ["backup_failed", "backup_made", "backup_made"]


@pytest.mark.parametrize("newest", ["x-2020-01-02.db", "x-2026-11-21.db"])
def test_where_there_is_no_room_the_old_ones_go_first_but_never_the_newest(
    db: Database, newest: str, logged: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_of(db.path).mkdir()
    for name in {"x-2020-01-01.db", "x-2020-01-02.db", newest}:
        (folder_of(db.path) / name).write_bytes(b"")
    with monkeypatch.context() as full:
        full.setattr("captiond.store.backups.SPARE_BYTES", 1 << 60)
        Backups(db).make(TODAY, 7)
    assert [path.name for path in existing(db.path)] == [newest]
    Backups(db).make(TODAY, 7)
    assert existing(db.path)[-1].name == "x-2026-11-22.db"
    assert [line["event"] for line in logged()] == ["backup_failed", "backup_made"]


def test_a_disk_without_room_keeps_what_is_left(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage(db.path.parent).free
    monkeypatch.setattr("captiond.store.backups.SPARE_BYTES", free + (1 << 30))
    Backups(db).make(TODAY, 7)
    assert existing(db.path) == []
