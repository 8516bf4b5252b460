"""How much an endpoint is asked: calls at once, calls and tokens a minute, hours of the day."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond import policy
from captiond.config import hours
from captiond.policy import Concurrency, Pace, PaceLimits
from captiond.policy.pace import MINUTE, UNKNOWN_TOKENS

# --- at once


@given(st.integers(1, 512), st.lists(st.tuples(st.booleans(), st.floats(0, 5)), max_size=200))
def test_calls_at_once_stay_between_one_and_the_setting(ceiling: int, calls: list[tuple[bool, float]]) -> None:
    now, has = 0.0, Concurrency.full(ceiling)
    for good, passed in calls:
        now += passed
        has = policy.after_good(has, started_at=now) if good else policy.after_limited(has, started_at=now, now=now)
        assert 1 <= has.limit <= ceiling


def test_a_wave_of_refusals_halves_once_and_the_next_wave_again() -> None:
    has = Concurrency.full(16)
    for ended in range(16):
        has = policy.after_limited(has, started_at=0.0, now=1.0 + ended / 100)
    assert has.limit == 8
    assert policy.after_limited(has, started_at=2.0, now=3.0).limit == 4
    assert policy.after_limited(Concurrency(16, 1), started_at=2.0, now=3.0).limit == 1


def test_a_round_of_good_answers_adds_one_up_to_the_setting() -> None:
    has = policy.after_limited(Concurrency.full(4), started_at=0.0, now=1.0)
    limits = []
    for _ in range(12):
        has = policy.after_good(has, started_at=2.0)
        limits.append(has.limit)
    assert limits == [2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4]


def test_answers_to_calls_from_before_the_halving_say_nothing_of_the_time_after_it() -> None:
    has = policy.after_limited(Concurrency.full(4), started_at=0.0, now=1.0)
    assert policy.after_good(has, started_at=0.5) == has


# --- a minute


@given(
    st.integers(1, 20),
    st.lists(st.tuples(st.floats(0, 20), st.floats(0.01, 30)), min_size=1, max_size=150),
)
def test_never_more_requests_in_any_minute_than_the_limit(limit: int, steps: list[tuple[float, float]]) -> None:
    """The dispatcher starts whatever it may at each look; calls end in their order."""
    pace, now, flying, began = Pace(PaceLimits(requests=limit)), 0.0, deque[float](), list[float]()
    for passed, lasts in steps:
        now += passed
        while flying and flying[0] <= now:
            pace.ended(flying.popleft(), 100)
        for _ in range(pace.free(now)):
            pace.began(now)
            began.append(now)
            flying.append(now + lasts)
        flying = deque(sorted(flying))
    for at in began:
        assert sum(1 for other in began if at - MINUTE < other <= at) <= limit


@given(st.integers(2_000, 20_000), st.integers(100, 1_999), st.integers(1, 8))
def test_tokens_of_even_calls_stay_within_the_limit(limit: int, tokens: int, looks: int) -> None:
    pace, spent = Pace(PaceLimits(tokens=limit)), 0
    pace.began(0.0)
    pace.ended(0.0, tokens)
    spent += tokens
    for look in range(looks):
        now = look / 10
        for _ in range(min(pace.free(now), 1_000)):
            pace.began(now)
            pace.ended(now, tokens)
            spent += tokens
            if pace.free(now) == 0:
                break
        assert spent <= limit


def test_a_call_larger_than_the_limit_may_begin_when_nothing_else_was_asked_for_a_minute() -> None:
    pace = Pace(PaceLimits(tokens=100))
    assert pace.free(0.0) == 1
    pace.began(0.0)
    assert pace.free(1.0) == 0
    pace.ended(2.0, 5_000)
    assert pace.free(30.0) == 0
    assert pace.free(2.0 + MINUTE) == 1


def test_calls_under_way_are_reckoned_with_at_the_usual_number_of_tokens() -> None:
    pace = Pace(PaceLimits(tokens=10 * UNKNOWN_TOKENS))
    assert pace.free(0.0) == 10
    for _ in range(4):
        pace.began(0.0)
    assert pace.free(0.0) == 6
    pace.ended(1.0, 100)  # much smaller than was thought
    assert pace.free(1.0) == (10 * UNKNOWN_TOKENS - 100) // 100 - 3


def test_calls_of_before_a_restart_count() -> None:
    pace = Pace(PaceLimits(requests=3), [(-10.0, 100), (-50.0, 100)])
    assert pace.free(0.0) == 1
    assert pace.free(11.0) == 2


def test_without_limits_nothing_is_held_back() -> None:
    assert Pace(PaceLimits()).free(0.0) > 1_000


# --- hours


@pytest.mark.parametrize(
    ("text", "at", "minutes"),
    [
        ("22:00-06:00", "21:00", 60),
        ("22:00-06:00", "22:00", 0),
        ("22:00-06:00", "00:30", 0),
        ("22:00-06:00", "05:59", 0),
        ("22:00-06:00", "06:00", 960),
        ("08:00-12:00, 13:00-17:00", "12:15", 45),
        ("08:00-12:00,13:00-17:00", "17:00", 900),
        ("0:00-24:00", "13:00", 0),
        ("12:00 - 24:00", "23:59", 0),
        ("12:00-00:00", "00:00", 720),
    ],
)
def test_seconds_until_an_endpoints_hours_begin(text: str, at: str, minutes: int) -> None:
    hour, minute = map(int, at.split(":"))
    assert policy.seconds_closed(hours.parse(text), hour * 60 + minute) == minutes * 60


@pytest.mark.parametrize("text", ["", "22-6", "22:00", "25:00-26:00", "10:60-11:00", "10:00-24:01", "9:00-9:00", "x,y"])
def test_hours_that_no_clock_shows_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be like|no clock shows|same time"):
        hours.parse(text)


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439))
def test_hours_open_when_they_say_they_will(first: int, last: int, now: int) -> None:
    ranges = [(first, last)]
    closed = policy.seconds_closed(ranges, now)
    assert 0 <= closed < 86_400
    assert policy.seconds_closed(ranges, (now + closed / 60) % 1440) == 0
