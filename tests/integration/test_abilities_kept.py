"""Abilities and limits in the database: kept by address and model, and not for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from captiond.dispatch.knowledge import of_rows, rows_of
from captiond.endpoints.abilities import Abilities, Dialect, JsonForm, Told
from captiond.store import abilities as store
from captiond.store.abilities import ABILITY_SECONDS, Ability, Limit
from captiond.store.engine import Database

URL = "http://gpu.local:8000/v1"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as database:
        yield database


def test_abilities_come_back_as_they_were_kept(db: Database) -> None:
    found = Abilities.of(Told.PROBE, image=True, video=False, dialect=Dialect.VLLM, json=JsonForm.OBJECT)
    with db.write() as conn:
        store.learn(conn, URL, "m", rows_of(found), 100.0)
        assert of_rows(store.learnt(conn, URL, "m", 101.0)) == found
        assert store.learnt(conn, URL, "other", 101.0) == []
        assert store.learnt(conn, "http://other/v1", "m", 101.0) == []


def test_a_newer_probe_replaces_what_it_tells_and_leaves_the_rest(db: Database) -> None:
    with db.write() as conn:
        store.learn(conn, URL, "m", rows_of(Abilities.of(Told.PROBE, image=False, video=True)), 100.0)
        store.learn(conn, URL, "m", rows_of(Abilities.of(Told.PROBE, image=True)), 200.0)
        found = of_rows(store.learnt(conn, URL, "m", 300.0))
        assert (found.image, found.video) == (True, True)


def test_abilities_that_are_too_old_do_not_hold(db: Database) -> None:
    with db.write() as conn:
        store.learn(conn, URL, "m", rows_of(Abilities.of(Told.PROBE, image=False)), 100.0)
        late = 100.0 + ABILITY_SECONDS
        assert store.learnt(conn, URL, "m", late - 1)
        assert store.learnt(conn, URL, "m", late) == []
        store.forget_old(conn, late)
        assert conn.exec_driver_sql("SELECT count(*) FROM ability").scalar_one() == 0


def test_words_of_a_later_version_are_passed_over() -> None:
    rows = [Ability("image", "maybe", "probe"), Ability("smell", "yes", "probe"), Ability("video", "no", "oracle")]
    assert of_rows([*rows, Ability("json", "json_schema", "answer")]) == Abilities.of(Told.ANSWER, json=JsonForm.SCHEMA)


def test_a_limit_holds_with_its_settings_and_until_its_time(db: Database) -> None:
    limit = Limit(1, 2, 3, None, until=500.0)
    with db.write() as conn:
        store.limit(conn, URL, "m", "1568/3500000", limit)
        assert store.limits(conn, URL, "m", "1568/3500000", 499.0) == limit
        assert store.limits(conn, URL, "m", "1024/3500000", 499.0) is None
        assert store.limits(conn, URL, "m", "1568/3500000", 500.0) is None
        store.forget_old(conn, 500.0)
        assert conn.exec_driver_sql("SELECT count(*) FROM size_limit").scalar_one() == 0
