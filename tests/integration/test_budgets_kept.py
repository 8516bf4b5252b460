"""The dispatcher's view of the budgets: from the database, and through the days."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from captiond.config.models import Settings
from captiond.days import begin_of
from captiond.dispatch.budgets import Budgets
from captiond.store.engine import Database
from stored import add_root

DAY, NEXT = "2026-11-29", "2026-11-30"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as opened:
        yield opened


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of day, to be set."""
    now = [begin_of(DAY) + 3600]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


def settings(**budget: float) -> Settings:
    return Settings.model_validate({"budget": budget, "watch": [{"path": "/photos", "budget": {"calls_per_day": 3}}]})


def spend(db: Database, calls: int, usd: float, *, day: str = DAY, root_id: int = 0) -> None:
    with db.write() as conn:
        conn.exec_driver_sql(
            "INSERT INTO spending VALUES (?, 'oxen', 'default', ?, ?, 0, 0, 0, ?)", (day, root_id, calls, usd)
        )


def test_a_spent_budget_holds_until_the_day_ends(db: Database, clock: list[float]) -> None:
    budgets = Budgets(settings(usd_per_day=1), {})
    assert not budgets.look(db)
    assert budgets.held("oxen") is None
    spend(db, 5, 1.5)
    assert not budgets.look(db)  # nothing was recorded, as far as it knows
    budgets.called()
    assert not budgets.look(db)
    assert budgets.held("oxen") is not None
    clock[0] = begin_of(NEXT) - 1
    assert not budgets.look(db)
    clock[0] = begin_of(NEXT)
    assert budgets.look(db)
    assert budgets.held("oxen") is None


def test_a_months_budget_holds_over_the_days(db: Database, clock: list[float]) -> None:
    spend(db, 5, 20.0, day="2026-11-03")
    budgets = Budgets(settings(usd_per_month=20), {})
    budgets.look(db)
    assert budgets.held("oxen") is not None
    clock[0] = begin_of(NEXT)
    assert not budgets.look(db)
    assert budgets.held("oxen") is not None
    clock[0] = begin_of("2026-12-01")
    assert budgets.look(db)
    assert budgets.held("oxen") is None


def test_a_clock_that_is_set_back_a_day_is_followed(db: Database, clock: list[float]) -> None:
    spend(db, 5, 1.5)
    clock[0] = begin_of(NEXT) + 10
    budgets = Budgets(settings(usd_per_day=1), {})
    budgets.look(db)
    assert budgets.held("oxen") is None
    clock[0] = begin_of(DAY) + 10
    budgets.look(db)
    assert budgets.held("oxen") is not None


def test_the_roots_whose_budget_is_spent_are_told(db: Database, clock: list[float]) -> None:
    with db.write() as conn:
        root_id = add_root(conn, "/photos")
    budgets = Budgets(settings(), {})
    spend(db, 3, 0.0)
    budgets.look(db)
    assert budgets.held_roots() == []
    spend(db, 3, 0.0, root_id=root_id)
    budgets.called()
    budgets.look(db)
    assert budgets.held_roots() == [root_id]
    assert budgets.held("oxen") is None
    assert budgets.held("oxen", "/photos") is not None


def test_without_a_limit_the_database_is_not_asked(tmp_path: Path) -> None:
    budgets = Budgets(Settings(), {})
    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as closed:
        pass
    assert not budgets.look(closed)
    assert budgets.held("oxen") is None
