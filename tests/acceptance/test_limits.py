"""How much an endpoint is asked, through the real program, by the fake endpoint's own log."""

from __future__ import annotations

import itertools
import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drops import drop, drop_many
from fake_behaviour import Behaviour
from fake_endpoint import FakeEndpoint, echo, error, ok
from fake_protocol import Recorded
from program import Home
from waiting import until

DEBUG = '[log]\nlevel = "debug"'


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    return Home(tmp_path, fake.base_url)


def endpoint_of(home: Home) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(home.call("status", "--json").stdout)["endpoints"][0]
    return found


def waiting(home: Home) -> int:
    """Jobs that are queued, or ready for a call that may not begin yet."""
    [row] = home.rows("SELECT count(*) AS n FROM job WHERE state IN ('queued', 'running')")
    return int(row["n"])


def range_of_hours(begins: timedelta, lasts: timedelta) -> str:
    begin = datetime.now() + begins  # noqa: DTZ005 - local time, as the setting has it
    return f"{begin:%H:%M}-{begin + lasts:%H:%M}"


def test_requests_per_minute_are_kept_also_over_a_restart(home: Home, fake: FakeEndpoint) -> None:
    home.configure(endpoint="requests_per_minute = 5")
    drop_many(home.inbox, 8)
    with home.run() as first:
        until(lambda: len(home.captions()) == 5 and waiting(home) == 3)
        first.stop()
    drop(home.inbox / "later.jpg")
    with home.run() as second:
        until(lambda: waiting(home) == 4)
        second.stop()
    assert len(fake.requests) == 5
    assert {job["attempts"] for job in home.jobs().values() if job["state"] == "queued"} == {0}


def test_a_pause_that_all_calls_in_flight_are_told_of_is_one_line(home: Home, fake: FakeEndpoint) -> None:
    fake.script(*(error(429, retry_after=3, delay=0.5 + number / 5) for number in range(4)))
    home.configure(concurrency=4)
    names = drop_many(home.inbox, 4)
    with home.run() as service:
        home.captioned(*names)
        assert len(service.lines("endpoint_paused")) == 1
    assert len(fake.requests) == 8


@pytest.mark.slow
def test_the_request_over_the_limit_is_made_when_the_first_one_is_a_minute_old(home: Home, fake: FakeEndpoint) -> None:
    home.configure(endpoint="requests_per_minute = 3")
    names = drop_many(home.inbox, 5)
    with home.run():
        home.captioned(*names, timeout=90)
    arrived = sorted(recorded.arrived for recorded in fake.requests)
    assert len(arrived) == 5
    assert 59.9 < arrived[3] - arrived[0] < 65


def test_tokens_per_minute_are_kept(home: Home, fake: FakeEndpoint) -> None:
    usage = {"prompt_tokens": 900, "completion_tokens": 100, "total_tokens": 1000}
    fake.default = ok(usage=usage)
    home.configure(endpoint="tokens_per_minute = 4500", concurrency=1)
    drop_many(home.inbox, 8)
    with home.run():
        until(lambda: len(home.captions()) == 4 and waiting(home) == 4)
        drop(home.inbox / "later.jpg")
        until(lambda: waiting(home) == 5)
    assert len(fake.requests) == 4


def test_calls_at_once_are_halved_when_the_endpoint_asks_to_slow_down_and_grow_again(
    home: Home, fake: FakeEndpoint
) -> None:
    def two_at_once(recorded: Recorded) -> Behaviour:
        if fake.in_flight > 2:
            return error(429, "slow down", retry_after=0)
        return ok(f"Picture {recorded.number}.", delay=0.05)

    fake.default = two_at_once
    home.configure(concurrency=8, more=DEBUG)
    names = drop_many(home.inbox, 40)
    with home.run() as service:
        home.captioned(*names)
        limits = [line["now"] for line in service.lines("endpoint_concurrency")]
        assert limits[0] == 4
        assert 2 in limits or 1 in limits
        assert any(after == before + 1 for before, after in itertools.pairwise(limits))
        fake.default = echo()
        drop_many(home.inbox, 60, "more")
        until(lambda: service.lines("endpoint_concurrency")[-1]["now"] == 8)
        until(lambda: endpoint_of(home)["concurrency"] == 8)
    assert all(job["state"] == "done" for job in home.jobs().values())
    refused = sum(1 for row in home.rows("SELECT http_status FROM call") if row["http_status"] == 429)
    assert refused < 40, "it learned nothing"


def test_a_retry_after_holds_every_call_to_the_endpoint(home: Home, fake: FakeEndpoint) -> None:
    fake.script(error(429, "slow down", retry_after=2))
    home.configure(concurrency=1)
    names = drop_many(home.inbox, 3)
    with home.run():
        home.captioned(*names)
    arrived = sorted(recorded.arrived for recorded in fake.requests)
    assert arrived[1] - arrived[0] >= 1.9


def test_a_quota_that_is_used_up_pauses_the_endpoint_until_it_begins_anew_with_the_queue_intact(
    home: Home, fake: FakeEndpoint
) -> None:
    midnight = round(time.time()) + 18_000
    headers = {"X-RateLimit-Reset": str(midnight * 1000), "X-RateLimit-Remaining": "0"}
    fake.script(ok(), ok())
    fake.default = error(429, "Rate limit exceeded: free-models-per-day", headers=headers)
    home.configure(concurrency=1)
    drop_many(home.inbox, 6)
    with home.run() as service:
        assert service.event("endpoint_paused")["seconds"] == pytest.approx(18_000, abs=60)
        until(lambda: endpoint_of(home)["health"] == "paused")
        paused_until = datetime.fromisoformat(endpoint_of(home)["paused_until"]).timestamp()
        assert paused_until == pytest.approx(midnight, abs=60)
        until(lambda: waiting(home) == 4)
        drop(home.inbox / "later.jpg")
        until(lambda: waiting(home) == 5)
        waits = [row["reason"] for row in home.rows("SELECT reason FROM job WHERE state = 'queued'") if row["reason"]]
        assert set(waits) <= {"quota_exhausted", "waiting"}
    assert len(fake.requests) == 3
    assert {job["attempts"] for job in home.jobs().values() if job["state"] == "queued"} == {0}


def test_outside_its_hours_an_endpoint_is_not_asked_and_says_when_it_will_be(home: Home, fake: FakeEndpoint) -> None:
    closed = range_of_hours(timedelta(hours=2), timedelta(hours=2))
    home.configure(endpoint=f'hours = "{closed}"')
    drop(home.inbox / "a.jpg")
    with home.run() as service:
        line = service.event("endpoint_held")
        assert line["reason"] == "outside_hours"
        assert 3_600 < line["seconds"] <= 7_200
        until(lambda: home.jobs().get("a.jpg") is not None)
        until(lambda: endpoint_of(home)["health"] == "paused")
        state = endpoint_of(home)
        assert closed in state["reason"]
        until_ = datetime.fromisoformat(state["paused_until"]).timestamp() - time.time()
        assert 3_600 < until_ <= 7_200
        asked = home.call("caption", str(drop(home.folder / "now.jpg")))
        assert asked.returncode == 1
        assert closed in asked.stderr
        assert fake.requests == []
        home.configure(endpoint=f'hours = "{range_of_hours(timedelta(hours=-1), timedelta(hours=3))}"')
        service.signal(1)  # type: ignore[arg-type]
        home.captioned("a.jpg")
        until(lambda: endpoint_of(home)["health"] == "healthy")


def test_an_endpoint_that_fails_at_every_call_pauses_and_costs_no_file_its_attempts(
    home: Home, fake: FakeEndpoint
) -> None:
    """Each trial counts for its file, and each is of another file."""
    fake.script(*[error(500, "CUDA error")] * 20)
    home.configure(queue="max_attempts = 3\npause_max_seconds = 0.2")
    names = drop_many(home.inbox, 12)
    with home.run() as service:
        home.captioned(*names)
        assert "5 calls in a row failed" in service.event("endpoint_paused")["reason"]
        service.event("endpoint_healthy")
    assert {job["state"] for job in home.jobs().values()} == {"done"}
    assert len(fake.requests) == 32


def test_one_file_that_crashes_the_server_does_not_come_round_for_ever(home: Home, fake: FakeEndpoint) -> None:
    def crashed_by_the_large_one(recorded: Recorded) -> Behaviour:
        return error(500, "out of memory") if recorded.media[0].width == 80 else ok()

    fake.default = crashed_by_the_large_one
    home.configure(queue="max_attempts = 3\npause_max_seconds = 0.2")
    drop(home.inbox / "poison.jpg", size=(80, 60))
    names = drop_many(home.inbox, 12)
    with home.run():
        home.captioned(*names)
        assert home.failed("poison.jpg")["reason"] == "server_error"
    assert len(fake.requests) == 12 + 3
