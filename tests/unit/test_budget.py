"""How much may still be spent, and until when not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond import budget
from captiond.budget import Account, Scope
from captiond.config.models import Budget, Settings
from captiond.store.spending import Spent

TODAY = "2026-11-30"
ANY = Settings.model_validate(
    {
        "budget": {"usd_per_day": 5},
        "endpoints": {
            "oxen": {"budget": {"calls_per_day": 10}},
            "gpu": {"base_url": "http://gpu/v1", "model": "m"},
        },
        "watch": [{"path": "/photos", "budget": {"usd_per_month": 20}}, {"path": "/shop"}],
    }
)
EVERYTHING, OXEN, PHOTOS = budget.scopes(ANY)


def spent(usd: float, *, day: str = TODAY, endpoint: str = "oxen", root: str | None = None, calls: int = 1) -> Spent:
    return Spent(day, endpoint, "default", root, calls, 0, 0, 0, usd)


def test_only_budgets_with_a_limit_count() -> None:
    assert [(scope.endpoint, scope.root) for scope in (EVERYTHING, OXEN, PHOTOS)] == [
        (None, None),
        ("oxen", None),
        (None, "/photos"),
    ]
    assert budget.scopes(Settings()) == []


def test_what_is_spent_is_counted_where_it_belongs() -> None:
    rows = [
        spent(1.0, root="/photos"),
        spent(2.0, endpoint="gpu", root="/shop"),
        spent(4.0, day="2026-11-02", endpoint="gpu", root="/photos", calls=7),
        spent(8.0, endpoint="local"),
        spent(0.0, endpoint="builtin", calls=1000),
    ]
    accounts = budget.accounts([EVERYTHING, OXEN, PHOTOS], rows, TODAY)
    assert [(one.usd_today, one.usd_month, one.calls_today) for one in accounts] == [
        (3.0, 7.0, 2),
        (1.0, 1.0, 1),
        (1.0, 5.0, 1),
    ]


@pytest.mark.parametrize(
    ("limits", "limit", "until"),
    [
        ({"usd_per_day": 1}, "usd_per_day", "2026-12-01"),
        ({"calls_per_day": 3}, "calls_per_day", "2026-12-01"),
        ({"usd_per_month": 3}, "usd_per_month", "2026-12-01"),
        ({"usd_per_day": 1.01, "usd_per_month": 3.01, "calls_per_day": 4}, None, None),
        ({"usd_per_day": 0}, "usd_per_day", "2026-12-01"),
    ],
)
def test_a_limit_that_is_reached_holds_until_the_next_day_or_month(
    limits: dict[str, float], limit: str | None, until: str | None
) -> None:
    hold = Account(Scope(Budget.model_validate(limits)), 1.0, 3.0, 3, TODAY).hold
    assert (hold.limit, hold.until) == (limit, until) if hold else limit is None


def test_of_several_limits_the_one_that_lasts_longest_is_told() -> None:
    limits = Budget(usd_per_day=1, usd_per_month=3)
    hold = Account(Scope(limits), 1.0, 3.0, 3, "2026-11-02").hold
    assert hold is not None
    assert (hold.until, str(hold)) == ("2026-12-01", "3.00 of 3.00 USD this month")


def test_a_call_waits_for_every_budget_that_covers_it() -> None:
    accounts = budget.accounts([EVERYTHING, OXEN, PHOTOS], [spent(1.0, calls=10)], TODAY)
    held = budget.holding(accounts, "oxen", "/shop")
    assert held is not None
    assert str(held.scope) == "the budget of endpoint oxen"
    assert str(held.hold) == "10 of 10 calls today"
    assert budget.holding(accounts, "gpu", "/photos") is None
    accounts = budget.accounts([EVERYTHING, OXEN, PHOTOS], [spent(99.0)], TODAY)
    assert budget.holding(accounts, "gpu", None) is not None
    assert budget.holding(accounts, "builtin", "/photos") is None


def test_room_is_what_is_left_after_what_is_in_flight() -> None:
    account = Account(Scope(Budget(usd_per_day=1.0)), usd_today=0.5)
    assert account.room(0, 0.0, 0.1) == 5
    assert account.room(3, 0.3, 0.1) == 2
    assert account.room(5, 0.5, 0.1) == 0
    assert account.room(0, 0.0, 0.2) == 3  # the third crosses the line
    assert Account(Scope(Budget(usd_per_day=1.0)), usd_today=sum([0.1] * 10)).hold is not None
    assert account.room(50, 0.0, 0.0) == math.inf  # nothing is known of what a call costs
    counted = Account(Scope(Budget(calls_per_day=10)), calls_today=4)
    assert counted.room(3, 0.0, 0.0) == 3
    assert counted.room(9, 0.0, 0.0) == 0


def test_the_mean_is_of_calls_whose_cost_is_known() -> None:
    rows = [
        spent(1.0, calls=3),
        Spent(TODAY, "oxen", "default", None, 2, 1, 0, 0, 1.0),
        spent(0.0, endpoint="gpu", calls=0),
    ]
    assert budget.means(rows) == {("oxen", "default"): 0.5}


limits = st.builds(
    Budget,
    usd_per_day=st.none() | st.floats(0, 100),
    usd_per_month=st.none() | st.floats(0, 1000),
    calls_per_day=st.none() | st.integers(0, 100),
)


@given(limits, st.lists(st.floats(0.001, 5), max_size=60), st.integers(1, 16))
def test_spending_never_crosses_a_limit_by_more_than_what_is_in_flight(
    limited: Budget, costs: list[float], slots: int
) -> None:
    """Calls are started as long as there is room, and end in their order; each costs what it costs."""
    usd, ended, queue = 0.0, 0, list(costs)
    flying: list[float] = []
    highest = max(costs, default=0.0)
    while True:
        account = Account(Scope(limited), usd, usd, ended, TODAY)
        mean = usd / ended if ended else 0.0
        while queue and len(flying) < slots and account.room(len(flying), mean * len(flying), mean) > 0:
            flying.append(queue.pop(0))
        if not flying:
            break
        usd, ended = usd + flying.pop(0), ended + 1
    if limited.calls_per_day is not None:
        assert ended <= limited.calls_per_day
    for allowed in (limited.usd_per_day, limited.usd_per_month):
        if allowed is not None:
            assert usd <= allowed + slots * highest + 1e-9
    assert not queue or Account(Scope(limited), usd, usd, ended, TODAY).hold is not None


@given(limits, st.floats(0, 200), st.integers(0, 200), st.integers(0, 50), st.floats(0, 2))
def test_a_spent_budget_has_no_room(limited: Budget, usd: float, calls: int, flying: int, each: float) -> None:
    account = Account(Scope(limited), usd, usd, calls, TODAY)
    room = account.room(flying, flying * each, each)
    assert room >= 0
    if account.hold is not None:
        assert room == 0
        assert account.hold.until > TODAY
