"""`captiond models` lists what the endpoints offer; a model that sleeps is woken when it is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import fake_endpoint as fakes
from fake_endpoint import FakeEndpoint, model_entry
from program import Home

KEYS = [
    "endpoint", "id", "name", "inputs", "outputs", "input_usd", "output_usd", "call_usd", "second_usd", "custom", "sleep",
    "configured", "listed",
]  # fmt: skip


@pytest.fixture
def fake() -> Iterator[FakeEndpoint]:
    models = [
        model_entry("painter-2", price=2e-6) | {"capabilities": {"input": ["text"], "output": ["image"]}},
        model_entry("fake-vision-1", price=1.5e-7),
        model_entry("fake-vision-2", "text", "image", "video", price=2.5e-6),
        model_entry("fake-cats", deployment="inactive"),
        {"id": "told\x1b[2Jnothing"},
    ]
    with FakeEndpoint(models=models, asleep=("fake-cats",), waking=1) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    return Home(tmp_path, fake.base_url)


def listed(home: Home, *args: str) -> list[dict[str, Any]]:
    result = home.call("models", "--json", *args)
    assert result.returncode == 0, result.stderr
    entries: list[dict[str, Any]] = json.loads(result.stdout)
    assert all(list(entry) == KEYS for entry in entries)
    return entries


def test_every_model_is_listed_with_what_is_told_of_it(home: Home) -> None:
    entries = listed(home)
    assert [entry["id"] for entry in entries if entry["endpoint"] == "fake"] == [
        "painter-2", "fake-vision-1", "fake-vision-2", "fake-cats", "told\x1b[2Jnothing",
    ]  # fmt: skip
    assert [entry["id"] for entry in entries if entry["configured"]] == ["fake-vision-1"]
    by_id = {entry["id"]: entry for entry in entries}
    assert by_id["fake-vision-2"]["inputs"] == ["text", "image", "video"]
    assert by_id["fake-vision-1"]["input_usd"] == pytest.approx(0.15)
    assert (by_id["fake-cats"]["custom"], by_id["fake-cats"]["sleep"]) == (True, "asleep")
    assert by_id["told\x1b[2Jnothing"]["inputs"] is None
    assert by_id["builtin/1"]["endpoint"] == "builtin"


def test_kind_keeps_what_may_describe_it(home: Home) -> None:
    assert [entry["id"] for entry in listed(home, "--kind", "video", "--endpoint", "fake")] == [
        "fake-vision-2",
        "told\x1b[2Jnothing",
    ]


def test_the_text_has_the_model_in_use_first_and_marked(home: Home) -> None:
    result = home.call("models", "--endpoint", "fake")
    head, columns, first, *rest = result.stdout.splitlines()
    assert head.startswith("fake  http://127.0.0.1:")
    assert head.endswith(", 5 models")
    assert columns.split() == ["model", "takes", "gives", "USD/M", "in", "USD/M", "out", "state"]
    assert first.split() == ["*", "fake-vision-1", "text,", "image", "-", "0.15", "0.6", "-"]
    assert any("custom asleep" in line for line in rest)
    assert "\x1b" not in result.stdout
    assert (result.returncode, result.stderr) == (0, "")


def test_the_local_model_and_the_built_in_describer_are_said_to_be_what_they_are(home: Home) -> None:
    result = home.call("models")
    assert "\nlocal  not in use: " in result.stdout
    assert "\nbuiltin  in this process, 1 model\n" in result.stdout


def test_a_configured_model_that_is_not_there_is_said_with_the_nearest_also_by_check(home: Home) -> None:
    home.configure(recipe='model = "fake-vison-2"')
    said = "fake: fake-vison-2 is not in the endpoint's list of models; the nearest are fake-vision-2, fake-vision-1, fake-cats"
    result = home.call("models")
    assert said in result.stderr
    entry = next(entry for entry in listed(home, "--endpoint", "fake") if entry["configured"])
    assert (entry["id"], entry["listed"]) == ("fake-vison-2", False)
    check = home.call("check", "--json")
    assert check.returncode == 0
    (warned,) = [one for one in json.loads(check.stdout) if (one["check"], one["level"]) == ("endpoint", "warn")]
    assert warned["message"] == said
    assert "captiond models" in warned["remedy"]


def test_check_says_of_a_model_that_it_sleeps(home: Home) -> None:
    home.configure(recipe='model = "fake-cats"')
    found = json.loads(home.call("check", "--json").stdout)
    assert "fake: fake-cats is asleep" in [one["message"] for one in found if one["level"] == "warn"]


def test_an_endpoint_that_can_not_be_asked_is_said_with_its_remedy_and_the_others_are_listed(
    home: Home, fake: FakeEndpoint
) -> None:
    fake.models = fakes.error(401, "Invalid API key")
    result = home.call("models")
    assert result.returncode == 1
    assert "fake: The endpoint does not accept the API key (401): HTTP 401, Invalid API key (give" in result.stderr
    assert "builtin/1" in result.stdout
    assert home.call("models", "--endpoint", "builtin").returncode == 0


def test_an_endpoint_that_there_is_not_is_wrong_usage(home: Home) -> None:
    result = home.call("models", "--endpoint", "oxen")
    assert (result.returncode, result.stdout) == (2, "")
    assert "there are fake, local, builtin" in result.stderr


def test_the_service_wakes_a_sleeping_model_and_goes_on_by_itself(home: Home, fake: FakeEndpoint) -> None:
    home.configure(recipe='model = "fake-cats"')
    Image.new("RGB", (64, 48), "red").save(home.inbox / "a.jpg")
    with home.run() as program:
        row = home.captioned("a.jpg", timeout=40)["a.jpg"]
        assert program.event("endpoint_paused")["reason"].startswith("The model is asleep")
        program.event("endpoint_healthy")
    assert row["model"] == "fake-cats"
    assert fake.activated == ["fake-cats"]
    assert home.jobs()["a.jpg"]["attempts"] == 1
