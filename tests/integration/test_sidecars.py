"""What the database knows of sidecars: which bytes are ours in every state that a crash can leave."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from captiond.paths import to_text
from captiond.sidecar import Outcome
from captiond.store import files, looks, sidecars, totals
from captiond.store import tables as t
from captiond.store.engine import Database
from stored import add_file, add_root, save, show

A, B, C = (letter * 64 for letter in "abc")
NAME = b"/photos/caf\xe9.jpg".decode("utf-8", "surrogateescape")


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    """One transaction for writing."""
    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as db, db.write() as connection:
        yield connection


@pytest.fixture
def file_id(conn: Connection) -> int:
    """A captioned file whose name is not UTF-8."""
    made = add_file(conn, to_text(NAME), add_root(conn))
    show(conn, made, b"data", save(conn, b"data", "words"))
    return made


def record(conn: Connection, file_id: int, state: str, digest: str, reason: str | None = None) -> bool:
    """An outcome for the sidecar beside the file."""
    outcome = Outcome(state, digest, reason)  # type: ignore[arg-type]  # one of the three
    return sidecars.recorded(conn, file_id, f"{NAME}.caption.json", outcome, retry_at=500.0)


def told(conn: Connection, file_id: int) -> tuple[str, str | None, float | None]:
    """State, reason and due time."""
    row = sidecars.get(conn, file_id)
    assert row is not None
    return row.state, row.reason, row.due_at


def test_the_bytes_are_ours_before_they_are_written_and_after(conn: Connection, file_id: int) -> None:
    assert sidecars.owned(conn, file_id) == frozenset()
    assert sidecars.planned(conn, file_id, A) == (frozenset({A}), None)
    assert sidecars.owned(conn, file_id) == {A}
    record(conn, file_id, "written", A)
    assert sidecars.owned(conn, file_id) == {A}
    assert told(conn, file_id) == ("written", None, None)
    assert sidecars.planned(conn, file_id, B) == (frozenset({A, B}), f"{NAME}.caption.json")
    assert sidecars.owned(conn, file_id) == {A, B}
    record(conn, file_id, "written", B)
    assert sidecars.owned(conn, file_id) == {B}


def test_a_plan_that_a_crash_cut_off_still_counts_when_the_next_is_made(conn: Connection, file_id: int) -> None:
    for digest in (A, B, B, C):
        sidecars.planned(conn, file_id, digest)
    assert sidecars.owned(conn, file_id) == {A, B, C}
    record(conn, file_id, "written", C)
    assert sidecars.owned(conn, file_id) == {C}


def test_an_older_plans_outcome_does_not_end_the_newer_one(conn: Connection, file_id: int) -> None:
    sidecars.planned(conn, file_id, A)
    sidecars.planned(conn, file_id, B)
    record(conn, file_id, "written", A)
    assert told(conn, file_id)[0] == "pending"
    assert sidecars.owned(conn, file_id) == {A, B}
    record(conn, file_id, "refused", A, "a link")
    assert told(conn, file_id)[0] == "pending"
    record(conn, file_id, "written", B)
    assert told(conn, file_id)[0] == "written"


def test_what_is_being_written_is_due_again_only_after_a_while_or_a_restart(conn: Connection, file_id: int) -> None:
    sidecars.planned(conn, file_id, A)
    now = time.time()
    assert sidecars.due(conn, now, 10) == []
    assert [due.path for due in sidecars.due(conn, now + 600, 10)] == [NAME]
    sidecars.recover(conn, now)
    assert [(due.file_id, due.path) for due in sidecars.due(conn, now, 10)] == [(file_id, NAME)]


def test_what_stands_in_the_way_of_a_sidecar_is_told_of_files_that_are_there(conn: Connection, file_id: int) -> None:
    looks.left_alone(conn, file_id, NAME, (1, 1), "not captiond's")
    folder, _, name = to_text(NAME).rpartition("/")
    assert totals.sidecar_troubles(conn, 9) == [(folder, name, "refused", "not captiond's")]
    files.mark_absent(conn, [file_id])
    assert totals.sidecar_troubles(conn, 9) == []


def test_a_pending_one_is_due_at_its_time_unless_the_file_is_gone(conn: Connection, file_id: int) -> None:
    sidecars.planned(conn, file_id, A)
    record(conn, file_id, "pending", A, "the disk is full")
    assert told(conn, file_id) == ("pending", "the disk is full", 500.0)
    assert sidecars.due(conn, 499.0, 10) == []
    assert [due.file_id for due in sidecars.due(conn, 500.0, 10)] == [file_id]
    assert sidecars.due(conn, 500.0, 0) == []
    conn.execute(update(t.file).values(present=0))
    assert sidecars.due(conn, 500.0, 10) == []


def test_a_due_time_from_a_clock_that_was_years_ahead_is_now(conn: Connection, file_id: int) -> None:
    sidecars.planned(conn, file_id, A)
    conn.execute(update(t.sidecar).values(due_at=1e10))
    assert [due.file_id for due in sidecars.due(conn, 1000.0, 10)] == [file_id]


def test_only_another_hindrance_is_worth_telling(conn: Connection, file_id: int) -> None:
    def again(state: str, reason: str | None) -> bool:
        sidecars.planned(conn, file_id, A)
        return record(conn, file_id, state, A, reason)

    assert not again("written", None)
    assert again("pending", "the disk is full")
    assert not again("pending", "the disk is full")
    assert again("pending", "the file system is read-only")
    assert again("written", None)
    assert again("refused", "a link")
    assert not again("refused", "a link")
    assert sidecars.due(conn, 1e9, 10) == [], "a refused one waits for a person"


def test_a_file_that_moved_has_its_sidecar_due_and_its_bytes_still_known(conn: Connection, file_id: int) -> None:
    sidecars.planned(conn, file_id, A)
    record(conn, file_id, "written", A)
    sidecars.make_due(conn, [file_id], 700.0)
    conn.execute(update(t.file).values(folder="/elsewhere", name="b.jpg"))
    assert [due.path for due in sidecars.due(conn, 700.0, 10)] == ["/elsewhere/b.jpg"]
    new = "/elsewhere/b.jpg.caption.json"
    assert sidecars.planned(conn, file_id, B, new) == (frozenset({A, B}), f"{NAME}.caption.json")


def test_a_first_sidecar_is_found_at_its_place_though_a_crash_kept_its_outcome_from_being_recorded(
    conn: Connection, file_id: int
) -> None:
    sidecars.planned(conn, file_id, A, f"{NAME}.caption.json")
    conn.execute(update(t.file).values(folder="/elsewhere", name="b.jpg"))
    new = "/elsewhere/b.jpg.caption.json"
    assert sidecars.planned(conn, file_id, B, new) == (frozenset({A, B}), f"{NAME}.caption.json")


def test_an_outcome_for_a_file_without_a_plan_is_no_news(conn: Connection, file_id: int) -> None:
    assert not record(conn, file_id, "written", A)
    assert sidecars.get(conn, file_id) is None


def test_a_file_that_moved_while_its_sidecar_was_written_keeps_it_due(conn: Connection, file_id: int) -> None:
    sidecars.planned(conn, file_id, A)
    sidecars.make_due(conn, [file_id], time.time() - 1)
    record(conn, file_id, "written", A)
    assert told(conn, file_id)[0] == "pending"
    assert [due.file_id for due in sidecars.due(conn, time.time(), 10)] == [file_id]
    sidecars.planned(conn, file_id, B)
    record(conn, file_id, "written", B)
    assert told(conn, file_id) == ("written", None, None)


def test_sidecars_of_roots_that_are_away_take_no_ones_place(conn: Connection, file_id: int) -> None:
    sidecars.planned(conn, file_id, A)
    sidecars.make_due(conn, [file_id], 1.0)
    (due,) = sidecars.due(conn, time.time(), 1)
    assert due.root_id is not None
    assert sidecars.due(conn, time.time(), 1, offline_roots={due.root_id}) == []


def test_an_mtime_beyond_the_year_2262_is_kept_and_known_again(conn: Connection, file_id: int) -> None:
    seen = (33, 9_500_000_000 * 10**9)
    sidecars.planned(conn, file_id, A)
    outcome = Outcome("written", A, None, seen)
    sidecars.recorded(conn, file_id, f"{NAME}.caption.json", outcome, retry_at=500.0)
    looks.looked(conn, file_id, seen)
    looks.left_alone(conn, file_id, f"{NAME}.caption.json", seen, "a link")
    looks.taken_over(conn, file_id, f"{NAME}.caption.json", B, seen, 1.0)
    row = sidecars.get(conn, file_id)
    assert row is not None
    assert (row.size, row.mtime_ns) == sidecars.kept(seen)
    assert sidecars.kept(seen) != sidecars.kept((33, seen[1] + 1))


def test_why_one_is_left_alone_is_not_forgotten_while_it_stays_as_it_is(conn: Connection, file_id: int) -> None:
    place, writers, seen = f"{NAME}.caption.json", "captiond did not write it", (33, 44)

    def tried_again(found: tuple[int, int]) -> tuple[bool, str | None, int | None]:
        sidecars.recover(conn, time.time())
        sidecars.planned(conn, file_id, A)
        news = sidecars.recorded(conn, file_id, place, Outcome("refused", A, writers, found), retry_at=500.0)
        row = sidecars.get(conn, file_id)
        assert row is not None
        assert row.state == "refused"
        return news, row.reason, row.size

    looks.left_alone(conn, file_id, place, seen, "of other bytes")
    assert tried_again(seen) == (False, "of other bytes", 33)
    assert tried_again((33, 45)) == (True, writers, None), "the next scan reads it"
    looks.left_alone(conn, file_id, place, seen, "of other bytes")
    sidecars.planned(conn, file_id, A)
    record(conn, file_id, "pending", A, "the disk failed")
    assert tried_again(seen) == (True, writers, None)


def test_when_one_is_written_at_last_those_of_its_root_that_the_same_hindered_are_due(
    conn: Connection, file_id: int
) -> None:
    row = sidecars.of_file(conn, file_id)
    alike, otherwise = (add_file(conn, f"/photos/{name}.jpg", row.root_id) for name in ("alike", "otherwise"))
    elsewhere = add_file(conn, "/elsewhere/b.jpg", add_root(conn, "/elsewhere"))
    caption_id, far = save(conn, b"data", "words"), time.time() + 3600
    for one, reason in ((file_id, "full"), (alike, "full"), (otherwise, "read-only"), (elsewhere, "full")):
        show(conn, one, b"data", caption_id)
        sidecars.planned(conn, one, A)
        sidecars.recorded(conn, one, "/s", Outcome("pending", A, reason), retry_at=far)
    sidecars.planned(conn, file_id, A)
    record(conn, file_id, "written", A)
    assert [due.file_id for due in sidecars.due(conn, time.time(), 10)] == [alike]
