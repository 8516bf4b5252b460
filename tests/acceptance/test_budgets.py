"""A budget that is spent holds the queue until the next day; by the fake endpoint's own count of calls."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import fake_endpoint as fakes
from captiond.days import begin_of, day_of, next_day, next_month
from fake_endpoint import FakeEndpoint
from program import Home
from waiting import until

COST = 0.001294


@pytest.fixture
def fake() -> Iterator[FakeEndpoint]:
    with FakeEndpoint() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    return Home(tmp_path, fake.base_url)


@pytest.fixture(autouse=True)
def not_at_midnight() -> None:
    """A day must not begin in the middle of a test."""
    left = begin_of(next_day(day_of(time.time()))) - time.time()
    if left < 120:
        time.sleep(left + 1)


def pictures(folder: Path, count: int, shade: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        Image.new("RGB", (64, 48), (number * 5, shade, 90)).save(folder / f"{number:02}.png")


def budgets(home: Home) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(home.call("status", "--json").stdout)["budgets"]
    return found


def queued(home: Home) -> int:
    return int(home.rows("SELECT count(*) AS n FROM job WHERE state = 'queued'")[0]["n"])


def move_calls_back(home: Home) -> None:
    """As if everything so far had been called yesterday."""
    import sqlite3

    yesterday = (datetime.fromisoformat(day_of(time.time())) - timedelta(days=1)).date().isoformat()
    with sqlite3.connect(home.database, timeout=30) as connection:
        connection.execute("UPDATE spending SET day = ?", (yesterday,))


def test_calls_per_day_are_kept_to_the_call_and_the_rest_waits(home: Home, fake: FakeEndpoint) -> None:
    home.configure(more="[budget]\ncalls_per_day = 7")
    pictures(home.inbox, 20)
    with home.run() as service:
        told = service.event("budget_spent")
        assert (told["budget"], told["spent"]) == ("the budget", "7 of 7 calls today")
        assert told["until"] == next_day(day_of(time.time()))
        until(lambda: queued(home) == 13)
        pictures(home.folder / "inbox" / "more", 3, shade=200)
        until(lambda: queued(home) == 16)
        [state] = budgets(home)
        assert (state["calls_today"], state["spent"], state["until"]) == (7, "calls_per_day", told["until"])
        assert "spent, its files wait until" in home.call("status").stdout
        service.stop()
        assert len(service.lines("budget_spent")) == 1
    assert len(fake.requests) == 7
    assert {row["attempts"] for row in home.rows("SELECT attempts FROM job WHERE state = 'queued'")} == {0}


def test_a_restart_forgets_nothing_and_the_next_day_goes_on(home: Home, fake: FakeEndpoint) -> None:
    home.configure(more="[budget]\ncalls_per_day = 4")
    pictures(home.inbox, 6)
    with home.run() as service:
        service.event("budget_spent")
    with home.run() as service:
        service.event("budget_spent")
        assert len(fake.requests) == 4
    move_calls_back(home)
    with home.run() as service:
        home.captioned(*(f"{number:02}.png" for number in range(6)))
        assert service.lines("budget_spent") == []
    assert len(fake.requests) == 6


def test_dollars_are_overshot_by_no_more_than_the_calls_in_flight(home: Home, fake: FakeEndpoint) -> None:
    fake.default = fakes.ok(delay=0.05)
    home.configure(concurrency=4, more=f"[budget]\nusd_per_day = {COST * 10.5}")
    pictures(home.inbox, 30)
    with home.run() as service:
        service.event("budget_spent")
        until(lambda: queued(home) + len(fake.requests) == 30)
    assert len(fake.requests) == 11  # what each costs is known after the first: then nothing is overshot
    [state] = budgets(home)
    assert state["usd_today"] == pytest.approx(11 * COST)


def test_a_months_budget_waits_for_the_next_month(home: Home, fake: FakeEndpoint) -> None:
    home.configure(concurrency=1, more=f"[budget]\nusd_per_month = {COST * 2}")
    pictures(home.inbox, 4)
    with home.run() as service:
        assert service.event("budget_spent")["until"] == next_month(day_of(time.time()))
    assert len(fake.requests) == 2


def test_a_roots_budget_holds_its_own_files_and_no_others(home: Home, fake: FakeEndpoint) -> None:
    pictures(home.folder / "small", 6, shade=100)
    pictures(home.inbox, 6)
    more = f'[[watch]]\npath = "{home.folder}/small"\nsettle_seconds = 0.2\n[watch.budget]\ncalls_per_day = 2'
    home.configure(more=more)
    with home.run() as service:
        told = service.event("budget_spent")
        assert told["budget"] == f"the budget of root {home.folder}/small"
        until(lambda: queued(home) == 4)
        until(lambda: len(fake.requests) == 8)
    assert home.rows("SELECT count(*) AS n FROM captions WHERE root LIKE '%/inbox'")[0]["n"] == 6


def test_an_endpoints_budget_holds_its_own_recipes_and_no_others(home: Home, fake: FakeEndpoint) -> None:
    pictures(home.folder / "shop", 5, shade=100)
    pictures(home.inbox, 3)
    more = f"""
        [endpoints.dear]
        base_url = "{fake.base_url}"
        model = "fake-vision-1"
        budget = {{calls_per_day = 2}}
        [recipes.products]
        prompt = "Which product is this?"
        endpoint = "dear"
        [[watch]]
        path = "{home.folder}/shop"
        recipe = "products"
        settle_seconds = 0.2
    """
    home.configure(more=more)
    with home.run() as service:
        assert service.event("budget_spent")["budget"] == "the budget of endpoint dear"
        home.captioned("00.png", "01.png", "02.png")
        until(lambda: len(fake.requests) == 5)
        until(lambda: queued(home) == 3)


def test_a_person_is_told_that_the_budget_is_spent_and_the_files_stay_queued(home: Home, fake: FakeEndpoint) -> None:
    home.configure(more="[budget]\ncalls_per_day = 2")
    pictures(home.inbox, 5)
    result = home.call("caption", "inbox")
    assert result.returncode == 1
    assert "the budget is spent (2 of 2 calls today)" in result.stderr
    assert "3 files not captioned: still in the queue" in result.stderr
    assert (len(fake.requests), queued(home)) == (2, 3)
    again = home.call("caption", "inbox/04.png")
    assert (again.returncode, len(fake.requests)) == (1, 2)


def test_a_person_is_told_so_while_the_service_runs_too(home: Home, fake: FakeEndpoint) -> None:
    home.configure(more="[budget]\ncalls_per_day = 1")
    pictures(home.inbox, 3)
    with home.run() as service:
        service.event("budget_spent")
        result = home.call("caption", "inbox")
    assert result.returncode == 1
    assert "the budget is spent" in result.stderr
    assert len(fake.requests) == 1


def test_dollars_without_a_price_can_not_be_counted_and_that_is_said_once(home: Home, fake: FakeEndpoint) -> None:
    fake.models = fakes.error(404)
    home.configure(more="[budget]\nusd_per_day = 0.001\ncalls_per_day = 5")
    pictures(home.inbox, 8)
    checked = json.loads(home.call("check", "--json").stdout)
    [warning] = [one for one in checked if one["check"] == "budget" and one["level"] == "warn"]
    assert "can't be kept in dollars: what fake-vision-1 costs at fake is not known" in warning["message"]
    assert "[endpoints.fake.price]" in warning["remedy"]
    with home.run() as service:
        told = service.event("budget_spent")
        assert told["spent"] == "5 of 5 calls today"
        until(lambda: queued(home) == 3)
        service.stop()
        assert len(service.lines("budget_without_price")) == 1
    assert len(fake.requests) == 5


def test_dollars_of_answers_that_count_no_tokens_are_told_not_to_be_counted(home: Home, fake: FakeEndpoint) -> None:
    fake.default = fakes.raw(json.dumps({**fakes.completion("A dot."), "usage": None}).encode())
    home.configure(more="[budget]\nusd_per_day = 0.001")
    pictures(home.inbox, 8)
    with home.run() as service:
        assert "count no tokens" in service.event("budget_without_price")["remedy"]
        until(lambda: queued(home) == 0)
        service.stop()
        assert len(service.lines("budget_without_price")) == 1


def test_the_built_in_describer_needs_no_budget(home: Home) -> None:
    home.configure(recipe="", more="[budget]\ncalls_per_day = 0\nusd_per_day = 0")
    config = home.config.read_text().replace('endpoint = "fake"', 'endpoint = "builtin"')
    home.config.write_text(config)
    pictures(home.inbox, 2)
    assert home.call("caption", "inbox").returncode == 0
