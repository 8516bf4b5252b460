"""A recipe that names several endpoints, through the real program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from drops import drop, drop_many
from fake_endpoint import FakeEndpoint, echo, error, ok
from program import CONFIG, Home
from waiting import until

SECOND = """
[endpoints.second]
base_url = "{url}"
model = "fake-vision-2"
concurrency = 4
"""


@pytest.fixture
def second() -> Iterator[FakeEndpoint]:
    with FakeEndpoint(default=echo()) as endpoint:
        yield endpoint


class Several(Home):
    """A home whose recipe asks two endpoints."""

    def __init__(self, folder: Path, first: FakeEndpoint, second: FakeEndpoint) -> None:
        self.second = second
        super().__init__(folder, first.base_url)

    def choose(self, strategy: str = "failover", **changes: object) -> None:
        """As `configure`, with both endpoints."""
        recipe = f'strategy = "{strategy}"\n{changes.pop("recipe", "")}'
        more = SECOND.format(url=self.second.base_url) + str(changes.pop("more", ""))
        self.configure(recipe=recipe, more=more, **changes)
        text = self.config.read_text()
        assert 'endpoint = "fake"' in CONFIG
        self.config.write_text(text.replace('endpoint = "fake"', 'endpoint = ["fake", "second"]', 1))

    def health(self) -> dict[str, str]:
        """Each endpoint's state, by name."""
        found = json.loads(self.call("status", "--json").stdout)["endpoints"]
        return {endpoint["name"]: endpoint["health"] for endpoint in found}


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint, second: FakeEndpoint) -> Several:
    return Several(tmp_path, fake, second)


def test_failover_asks_the_first_one_while_it_is_well_and_the_next_one_while_it_is_not(
    home: Several, fake: FakeEndpoint, second: FakeEndpoint
) -> None:
    home.choose(queue="pause_max_seconds = 0.5")
    with home.run() as service:
        names = drop_many(home.inbox, 6, "before")
        rows = home.captioned(*names)
        assert {rows[name]["model"] for name in names} == {"fake-vision-1"}
        fake.default = error(503, "loading the model")
        names = drop_many(home.inbox, 6, "meanwhile")
        rows = home.captioned(*names)
        assert {rows[name]["model"] for name in names} == {"fake-vision-2"}
        until(lambda: home.health()["fake"] in ("paused", "probing"))
        assert home.health()["second"] == "healthy"
        fake.default = ok("Back again.")
        drop_many(home.inbox, 3, "probe")
        until(lambda: service.lines("endpoint_healthy"))
        names = drop_many(home.inbox, 6, "after")
        rows = home.captioned(*names)
        assert {rows[name]["model"] for name in names} == {"fake-vision-1"}
    assert len(second.requests) < 6 + 3 + 1
    assert {job["state"] for job in home.jobs().values()} == {"done"}


def test_a_server_that_fails_at_every_call_opens_its_circuit_and_the_next_one_gets_its_files(
    home: Several, fake: FakeEndpoint, second: FakeEndpoint
) -> None:
    fake.default = error(500, "CUDA error")
    home.choose()
    names = drop_many(home.inbox, 12)
    with home.run() as service:
        home.captioned(*names)
        assert service.event("endpoint_paused")["endpoint"] == "fake"
    assert len(fake.requests) <= 12
    assert len(second.requests) == 12


def test_while_another_is_well_the_trials_of_a_failing_one_cost_no_file_an_attempt(
    home: Several, fake: FakeEndpoint, second: FakeEndpoint
) -> None:
    fake.default = error(500, "CUDA error")
    second.default = ok(delay=0.2)
    home.choose(queue="max_attempts = 2\npause_max_seconds = 0.05")
    names = drop_many(home.inbox, 40)
    with home.run():
        home.captioned(*names)
    assert len(fake.requests) > 10, "it was tried again while the other answered"
    assert {job["state"] for job in home.jobs().values()} == {"done"}


def test_spread_gives_each_file_to_the_less_busy_one_and_each_file_once(
    home: Several, fake: FakeEndpoint, second: FakeEndpoint
) -> None:
    fake.default = ok(delay=0.4)
    second.default = ok(delay=0.1)
    home.choose("spread")
    names = drop_many(home.inbox, 40)
    with home.run():
        home.captioned(*names)
    assert len(fake.requests) + len(second.requests) == 40
    assert 4 <= len(fake.requests) < len(second.requests)


def test_spread_leaves_out_the_one_that_is_away(home: Several, fake: FakeEndpoint, second: FakeEndpoint) -> None:
    fake.stop()
    home.choose("spread")
    names = drop_many(home.inbox, 20)
    with home.run():
        home.captioned(*names)
        until(lambda: home.health()["fake"] in ("paused", "probing"))
        assert home.health()["second"] == "healthy"
    assert len(second.requests) == 20
    assert {job["attempts"] for job in home.jobs().values()} == {1}


def test_an_endpoint_that_is_added_to_a_recipe_asks_nothing_again(
    home: Several, fake: FakeEndpoint, second: FakeEndpoint
) -> None:
    path = drop(home.inbox / "a.jpg")
    with home.run():
        home.captioned("a.jpg")
    home.choose("spread")
    asked = home.call("caption", str(path))
    assert asked.returncode == 0, asked.stderr
    assert len(fake.requests) == 1
    assert second.requests == []


def test_a_budget_that_is_spent_at_the_first_one_leaves_the_rest_to_the_next(
    home: Several, fake: FakeEndpoint, second: FakeEndpoint
) -> None:
    home.choose(more="\n[endpoints.fake.budget]\ncalls_per_day = 2")
    names = drop_many(home.inbox, 6)
    with home.run():
        home.captioned(*names)
    assert (len(fake.requests), len(second.requests)) == (2, 4)


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ('["fake", "gone"]', "there is no such endpoint"),
        ('["fake", "fake"]', "names an endpoint twice"),
        ('["fake", "builtin"]', "can't stand in for a model"),
        ("[]", "list of texts"),
        ("7", "list of texts"),
    ],
)
def test_a_wrong_list_of_endpoints_is_said_with_its_key(home: Several, endpoint: str, words: str) -> None:
    home.choose()
    text = home.config.read_text()
    home.config.write_text(text.replace('["fake", "second"]', endpoint))
    done = home.call("config")
    assert done.returncode == 78
    assert words in done.stderr
    assert "recipes.default.endpoint" in done.stderr
