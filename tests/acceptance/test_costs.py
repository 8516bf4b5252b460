"""What each call cost, in every place that tells it, against the fake endpoint's own count."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import fake_endpoint as fakes
from fake_endpoint import FakeEndpoint
from program import Home

COST = 0.001294
"""USD of 1,130 and 41 tokens at 1 and 4 USD a million: what the fake endpoint tells of each answer."""


@pytest.fixture
def fake() -> Iterator[FakeEndpoint]:
    with FakeEndpoint() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    return Home(tmp_path, fake.base_url)


def picture(home: Home, name: str, shade: int = 0) -> None:
    Image.new("RGB", (64, 48), (shade, 90, 90)).save(home.inbox / name)


def calls(home: Home) -> list[dict[str, Any]]:
    return [dict(row) for row in home.rows("SELECT outcome, prompt_tokens, cost_usd FROM call ORDER BY id")]


def test_a_caption_and_its_sidecar_tell_what_the_call_cost(home: Home) -> None:
    picture(home, "a.png")
    assert home.call("caption", "inbox").returncode == 0
    assert home.captions()["a.png"]["cost_usd"] == COST
    assert home.sidecar("a.png")["usage"]["cost_usd"] == COST
    assert calls(home) == [{"outcome": "answered", "prompt_tokens": 1130, "cost_usd": COST}]


def test_a_price_of_ones_own_holds(home: Home) -> None:
    home.configure(endpoint="price = {input_per_million = 100, output_per_million = 0, per_call = 0.25}")
    picture(home, "a.png")
    result = home.call("caption", "--json", "inbox")
    [document] = json.loads(result.stdout)
    assert document["usage"]["cost_usd"] == pytest.approx(0.25 + 0.113)
    assert "0.3630 USD" in result.stderr


def test_an_answer_that_is_rejected_costs_and_a_refused_request_does_not(home: Home, fake: FakeEndpoint) -> None:
    picture(home, "a.png")
    fake.script(fakes.refusal(), fakes.error(500), fakes.ok())
    assert home.call("caption", "inbox").returncode == 0
    assert calls(home) == [
        {"outcome": "refused", "prompt_tokens": 1130, "cost_usd": COST},
        {"outcome": "server_error", "prompt_tokens": None, "cost_usd": 0.0},
        {"outcome": "answered", "prompt_tokens": 1130, "cost_usd": COST},
    ]


def test_a_call_without_an_end_has_an_unknown_cost(home: Home, fake: FakeEndpoint) -> None:
    picture(home, "a.png")
    fake.script(fakes.truncated())
    assert home.call("caption", "inbox").returncode == 0
    assert [call["cost_usd"] for call in calls(home)] == [None, COST]


def test_without_any_price_a_cost_is_unknown_and_not_nothing(home: Home, fake: FakeEndpoint) -> None:
    fake.models = fakes.error(404)
    picture(home, "a.png")
    fake.script(fakes.error(500))
    assert home.call("caption", "inbox").returncode == 0
    assert [call["cost_usd"] for call in calls(home)] == [None, None]
    assert home.captions()["a.png"]["cost_usd"] is None


def test_status_tells_today_and_this_month_by_endpoint_recipe_and_root(home: Home, fake: FakeEndpoint) -> None:
    more = f"""
        [endpoints.dear]
        base_url = "{fake.base_url}"
        model = "fake-vision-1"
        price = {{input_per_million = 1000, output_per_million = 0}}
        [recipes.products]
        prompt = "Which product is this?"
        endpoint = "dear"
        [[watch]]
        path = "{home.folder}/shop"
        recipe = "products"
    """
    home.configure(more=more)
    (home.folder / "shop").mkdir()
    picture(home, "a.png")
    picture(home, "b.png", 50)
    Image.new("RGB", (64, 48), (200, 200, 0)).save(home.folder / "shop" / "c.png")
    Image.new("RGB", (64, 48), (0, 200, 0)).save(home.folder / "loose.png")
    assert home.call("caption", "inbox", "shop", "loose.png").returncode == 0
    status = json.loads(home.call("status", "--json").stdout)
    month = status["spend_month"]
    assert month == status["spend_today"]
    assert (month["calls"], month["prompt_tokens"], month["calls_of_unknown_cost"]) == (4, 4 * 1130, 0)
    assert month["cost_usd"] == pytest.approx(1.13 + 3 * COST)
    dear, cheap = month["endpoints"]
    assert (dear["name"], dear["calls"], dear["cost_usd"]) == ("dear", 1, 1.13)
    assert (cheap["name"], cheap["calls"], cheap["prompt_tokens"]) == ("fake", 3, 3 * 1130)
    assert [(part["name"], part["calls"]) for part in month["recipes"]] == [("products", 1), ("default", 3)]
    roots = {part["path"]: part["calls"] for part in month["roots"]}
    assert roots == {str(home.folder / "shop"): 1, str(home.inbox): 2, None: 1}
    text = home.call("status").stdout
    assert "month     4 calls, 4,520 + 164 tokens, 1.1339 USD" in text
    assert "under no root" in text
