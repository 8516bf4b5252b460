"""What was spent, by day, endpoint, recipe and root."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.days import begin_of, day_of, next_day
from captiond.store import calls, spending
from captiond.store.engine import Database
from captiond.store.spending import Spent
from captiond.values import Call, Job, Usage
from stored import add_root

if TYPE_CHECKING:
    from sqlalchemy import Connection

TODAY = "2026-11-22"
NOW = begin_of(TODAY) + 3600


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as db, db.write() as connection:
        yield connection


def call(
    conn: Connection,
    *,
    at: float = NOW,
    endpoint: str = "oxen",
    recipe: str = "default",
    root_id: int | None = None,
    usage: Usage = Usage(),
    outcome: str = "answered",
) -> None:
    job = Job(1, 1, "/a.jpg", root_id, None, recipe, 0, 1, "run", at, at)
    conn.exec_driver_sql(
        "INSERT OR IGNORE INTO file (id, folder, name, size, mtime_ns, ctime_ns, inode, media) "
        "VALUES (1, '', 'a.jpg', 1, 1, 1, 1, 1)"
    )
    conn.exec_driver_sql(
        "INSERT OR IGNORE INTO job (id, file_id, recipe, state, priority, created_at, due_at) "
        "VALUES (1, 1, 'default', 'queued', 0, 1, 1)"
    )
    calls.record(conn, job, None, Call(endpoint, "m", at, 0.5, outcome, usage, bytes_sent=100))


def test_the_calls_of_a_day_are_added_up(conn: Connection) -> None:
    root_id = add_root(conn, "/photos")
    call(conn, usage=Usage(100, 10, 0.25), root_id=root_id)
    call(conn, usage=Usage(200, 20, 0.5), root_id=root_id)
    call(conn, outcome="timeout", root_id=root_id)
    call(conn, usage=Usage(7, 1, 0.125), recipe="products")
    call(conn, usage=Usage(5, 5), endpoint="gpu")
    assert spending.since(conn, TODAY) == [
        Spent(TODAY, "gpu", "default", None, 1, 1, 5, 5, 0.0),
        Spent(TODAY, "oxen", "default", "/photos", 3, 1, 300, 30, 0.75),
        Spent(TODAY, "oxen", "products", None, 1, 0, 7, 1, 0.125),
    ]


def test_a_call_belongs_to_the_local_day_on_which_it_was_made(conn: Connection) -> None:
    for moment in (begin_of(TODAY) - 1, begin_of(TODAY), begin_of(next_day(TODAY)) - 1, begin_of(next_day(TODAY))):
        call(conn, at=moment)
    days = [(spent.day, spent.calls) for spent in spending.since(conn, "2026-11-01")]
    assert days == [("2026-11-21", 1), (TODAY, 2), ("2026-11-23", 1)]
    assert [spent.day for spent in spending.since(conn, "2026-11-23")] == ["2026-11-23"]
    assert spending.since(conn, "2026-12-01") == []


def test_a_cost_is_unknown_where_no_call_tells_one(conn: Connection) -> None:
    call(conn, usage=Usage(10, 1))
    call(conn, usage=Usage(10, 1, 0.0), endpoint="free")
    costs = {spent.endpoint: spent.cost_usd for spent in spending.since(conn, TODAY)}
    assert costs == {"oxen": None, "free": 0.0}
    assert spending.total([]).cost_usd is None


def test_groups_come_the_dearest_first(conn: Connection) -> None:
    call(conn, usage=Usage(1, 1, 0.1), endpoint="cheap")
    call(conn, usage=Usage(1, 1, 0.2), endpoint="dear")
    call(conn, usage=Usage(1, 1, 0.2), endpoint="dear", recipe="other")
    groups = spending.grouped(spending.since(conn, TODAY), lambda row: row.endpoint)
    assert [(name, spent.calls, spent.usd) for name, spent in groups.items()] == [("dear", 2, 0.4), ("cheap", 1, 0.1)]


rows = st.builds(
    Spent,
    day=st.just(TODAY),
    endpoint=st.sampled_from("ab"),
    recipe=st.sampled_from("xy"),
    root=st.sampled_from([None, "/r"]),
    calls=st.integers(1, 100),
    unpriced=st.integers(0, 1),
    prompt_tokens=st.integers(0, 1000),
    completion_tokens=st.integers(0, 1000),
    usd=st.integers(0, 1000).map(float),
)


@given(st.lists(rows))
def test_the_groups_make_the_whole(found: list[Spent]) -> None:
    for key in (lambda row: row.endpoint, lambda row: row.recipe, lambda row: row.root):
        assert spending.total(spending.grouped(found, key).values()) == spending.total(found)


def test_the_database_and_python_agree_about_the_day(conn: Connection) -> None:
    moments = [NOW + step * 86_400 * 13.7 for step in range(60)]
    for moment in moments:
        call(conn, at=moment)
    assert [spent.day for spent in spending.since(conn, TODAY)] == [day_of(moment) for moment in moments]
