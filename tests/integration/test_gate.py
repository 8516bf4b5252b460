"""The gate of one root, turned by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from captiond.errors import DatabaseError
from captiond.settle import TRIES
from captiond.store.engine import Database
from captiond.values import Priority
from captiond.watch.gate import Gate
from waiting import until
from watched import Compared, leased, write

if TYPE_CHECKING:
    import pytest


def gate_of(root: Compared, **hooks: Callable[[], None]) -> Gate:
    none: dict[str, Callable[[], None]] = dict.fromkeys(("on_work", "on_trouble", "on_overflow"), lambda: None)
    gate = Gate(root.db, takes=lambda _: True, settle_seconds=0.0, online=lambda: True, **{**none, **hooks})
    gate.root = root.as_root
    return gate


def turned(gate: Gate, turns: int = 2) -> None:
    """Enough turns for files that do not change: two looks at each."""
    for _ in range(turns):
        gate.turn()


@contextmanager
def refused(root: Compared, condition: str, message: str) -> Iterator[None]:
    """A new row of a file is refused, which no code of ours expects."""
    root.do(
        f"CREATE TRIGGER refused BEFORE INSERT ON file WHEN {condition} BEGIN SELECT RAISE(ABORT, '{message}'); END"
    )
    yield
    root.do("DROP TRIGGER refused")


@contextmanager
def full_disk(db: Database) -> Iterator[None]:
    """A new row of a file does not fit on the disk."""
    with db.write() as conn:
        conn.exec_driver_sql("CREATE TABLE filler (x)")
        conn.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON file BEGIN INSERT INTO filler VALUES (zeroblob(10000000)); END"
        )
        conn.exec_driver_sql("PRAGMA max_page_count = 1000")
    yield
    with db.write() as conn:
        conn.exec_driver_sql("DROP TRIGGER full")


def test_a_file_that_cannot_be_read_is_left_to_the_next_comparison_after_some_tries(tmp_path: Path) -> None:
    troubles: list[None] = []
    with Database.open(f"sqlite:///{tmp_path}/captions.db") as db:
        root = Compared(db, tmp_path / "in")
        path = write(root.root / "a.bin")
        gate = gate_of(root, on_trouble=lambda: troubles.append(None))
        with leased(path):
            gate.noted(str(path))
            turns = 0
            while gate.busy and turns < 9:
                gate.turn()
                turns += 1
        assert (turns, len(troubles), gate.left_out) == (TRIES, TRIES, 1)
        assert root.jobs() == []
        assert root.scan().new == 1
        gate.sight(root.sighted, Priority.NEW)
        gate.turn()
        assert root.queued() == {"a.bin"}


def test_a_file_whose_stat_fails_again_and_again_is_left_to_the_next_comparison(tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path}/captions.db") as db:
        root = Compared(db, tmp_path / "in")
        gate = gate_of(root)
        root.root.mkdir()
        gate.noted(f"{root.root}/{'x' * 300}.jpg")  # no file system takes so long a name
        until(lambda: not gate.turn() and not gate.busy)
        assert gate.left_out == 1


def test_a_file_that_crashes_the_intake_holds_up_no_other_and_is_left_to_the_next_comparison(tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path}/captions.db") as db:
        root = Compared(db, tmp_path / "in")
        paths = [str(write(root.root / f"{name}.jpg")) for name in "abc"]
        gate = gate_of(root)
        with refused(root, "NEW.name = 'b.jpg'", "unheard of"):
            gate.sight(paths, Priority.BACKLOG)
            turned(gate)
        assert root.queued() == {"a.jpg", "c.jpg"}
        assert (gate.busy, gate.left_out) == (False, 1)
        assert root.scan().new == 1


def test_a_file_that_changes_while_the_database_cannot_be_written_is_held_once(tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path}/captions.db") as db:
        root = Compared(db, tmp_path / "in")
        gate = gate_of(root)
        with full_disk(db):
            for length in range(1, 5):
                path = write(root.root / "a.jpg", b"\xff\xd8\xff" * length)
                gate.noted(str(path))
                for _ in range(2):
                    with suppress(DatabaseError):
                        gate.turn()
            assert len(gate._quiet) == 1
        until(lambda: not gate.turn() and not gate.busy)
        assert root.queued() == {"a.jpg"}


def test_while_the_database_cannot_be_written_no_more_is_held_than_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("captiond.watch.gate.CAPACITY", 2)
    monkeypatch.setattr("captiond.intake.BATCH", 1)
    with Database.open(f"sqlite:///{tmp_path}/captions.db") as db:
        root = Compared(db, tmp_path / "in")
        gate = gate_of(root)
        paths = [str(write(root.root / f"{number}.jpg")) for number in range(6)]
        with full_disk(db):
            for path in paths[:4]:
                gate.noted(path)
            for _ in range(8):
                with suppress(DatabaseError):
                    gate.turn()
            assert len(gate._quiet) == 2
        until(lambda: not gate.turn() and not gate.busy)
        assert len(root.queued()) == 4


def test_more_files_that_go_than_can_be_held_ask_for_a_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []
    monkeypatch.setattr("captiond.watch.gate.CAPACITY", 2)
    with Database.open(f"sqlite:///{tmp_path}/captions.db") as db:
        root = Compared(db, tmp_path / "in")
        gate = gate_of(root, on_overflow=lambda: asked.append(None))
        for number in range(3):
            gate.noted(f"{root.root}/{number}.jpg")
        turned(gate)
        assert len(asked) == 1
        for number in range(3):
            gate.folder_left(f"{root.root}/{number}")
        assert len(asked) == 2


def test_a_gate_that_crashed_asks_for_a_comparison_and_goes_on(tmp_path: Path) -> None:
    asked = threading.Event()
    with Database.open(f"sqlite:///{tmp_path}/captions.db") as db:
        root = Compared(db, tmp_path / "in")
        gate = gate_of(root, on_overflow=asked.set)

        def crash() -> None:
            gate.prepare = lambda: None
            raise RuntimeError("nobody thought of it")

        gate.prepare = crash
        thread = threading.Thread(target=gate.run)
        thread.start()
        try:
            gate.noted(str(write(root.root / "a.jpg")))
            assert asked.wait(10)
            until(lambda: root.queued() == {"a.jpg"})
        finally:
            gate.stop()
            thread.join()
