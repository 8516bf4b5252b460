"""Days and months of local time, in places where the clock is changed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.days import begin_of, day_of, month_of, next_day, next_month

PLACES = ["UTC", "Europe/Berlin", "America/Los_Angeles", "Pacific/Kiritimati", "Asia/Kathmandu", "America/Sao_Paulo"]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_a_moment_is_in_the_day_between_its_midnights(place: str) -> None:
    moment = 1_700_000_000.0
    for _ in range(800):
        day = day_of(moment)
        assert begin_of(day) <= moment < begin_of(next_day(day)), (place, moment)
        moment += 43_217.0


@pytest.mark.parametrize("place", ["Europe/Berlin"], indirect=True)
def test_a_day_has_23_hours_or_25_where_the_clock_is_changed(place: str) -> None:
    assert begin_of("2026-03-30") - begin_of("2026-03-29") == 23 * 3600
    assert begin_of("2026-10-26") - begin_of("2026-10-25") == 25 * 3600
    assert day_of(datetime(2026, 3, 28, 23, 30, tzinfo=UTC).timestamp()) == "2026-03-29"


@given(st.dates(max_value=date(9000, 1, 1)).map(lambda day: day.isoformat()))
def test_the_next_month_begins_after_every_day_of_this_one(day: str) -> None:
    assert month_of(day) <= day < next_month(day)
    assert next_month(day)[8:] == "01"
    assert next_month(month_of(day)) == next_month(day)
    assert day < next_day(day) <= next_month(day)


def test_months_end_as_calendars_have_it() -> None:
    assert [next_month(day) for day in ("2026-01-31", "2026-02-28", "2026-12-01")] == [
        "2026-02-01",
        "2026-03-01",
        "2027-01-01",
    ]
    assert next_day("2028-02-28") == "2028-02-29"
