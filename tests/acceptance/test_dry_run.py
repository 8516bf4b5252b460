"""`--dry-run` tells what a run would cost, within 20 % of what the fake endpoint then bills, and writes nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import media_samples as made
from fake_accounting import RULES, Books
from fake_endpoint import FakeEndpoint, model_entry
from program import Home

SIZES = [
    (160, 120),
    (384, 384),
    (640, 480),
    (800, 1200),
    (1024, 768),
    (1600, 1200),
    (2400, 1350),
    (3000, 2000),
    (4000, 800),
]
PRICE = "price = {input_per_million = 0.5, output_per_million = 3}"


@pytest.fixture
def fake() -> Iterator[FakeEndpoint]:
    with FakeEndpoint(default=Books()) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    home = Home(tmp_path, fake.base_url)
    configure(home, "gemini-2.5-flash")
    return home


def configure(home: Home, model: str) -> None:
    home.configure(endpoint=PRICE, recipe=f'model = "{model}"', queue="max_attempts = 1")


def books(fake: FakeEndpoint) -> Books:
    assert isinstance(fake.default, Books)
    return fake.default


def mixed(folder: Path, pictures: int) -> None:
    """Photos of many sizes, some twice, a film, an animation, what can't be captioned, and what is no media."""
    folder.mkdir(exist_ok=True)
    for number in range(pictures):
        width, height = SIZES[number % len(SIZES)]
        made.jpeg(folder / f"photo-{number:03}.jpg", made.photo(width, height, seed=number), quality=80)
    for number in range(0, pictures, 5):
        shutil.copy(folder / f"photo-{number:03}.jpg", folder / f"copy-{number:03}.jpg")
    made.video(folder / "film.mp4", seconds=4)
    made.animation(folder / "moving.gif")
    made.truncated(made.jpeg(folder / "broken.jpg", made.photo(640, 480)), 0.02)
    (folder / "notes.txt").write_text("nothing to see")


def dry_run(home: Home, *args: str) -> dict[str, Any]:
    result = home.call(*args, "--dry-run", "--json")
    assert result.returncode == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder with its size and mtime."""
    paths = [Path(here) / name for here, _, names in os.walk(folder) for name in names]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in paths}


@pytest.mark.parametrize("model", list(RULES))
def test_the_estimate_is_within_a_fifth_of_what_is_billed(home: Home, fake: FakeEndpoint, model: str) -> None:
    configure(home, model)
    mixed(home.inbox, 12)
    told = dry_run(home, "caption", "inbox")
    assert books(fake).calls == 0
    home.call("caption", "inbox")
    assert not fake.violations
    assert (told["files"], told["copies"], told["known"]) == (18, 3, 0)
    assert told["calls"] == books(fake).calls == 14
    assert told["left_out"] == 1
    assert told["cost_usd"] == pytest.approx(books(fake).usd, rel=0.2)
    assert told["prompt_tokens"] == pytest.approx(sum(books(fake).prompt_tokens), rel=0.2)
    spent = home.rows("SELECT sum(cost_usd) AS usd FROM call")[0]["usd"]
    assert spent == pytest.approx(books(fake).usd)


def test_nothing_is_asked_and_nothing_written(home: Home, fake: FakeEndpoint) -> None:
    mixed(home.inbox, 5)
    before = tree(home.folder)
    dry_run(home, "caption", "inbox")
    dry_run(home, "scan")
    assert tree(home.folder) == before
    assert fake.requests == []


def test_a_large_folder_is_estimated_by_a_sample_of_it(home: Home, fake: FakeEndpoint) -> None:
    for number in range(120):
        width, height = SIZES[number % 7]
        made.jpeg(home.inbox / f"{number}.jpg", made.photo(width // 2, height // 2, seed=number), quality=70)
    told = dry_run(home, "caption", "inbox")
    [part] = told["parts"]
    assert (part["kind"], part["calls"], part["basis"], part["sampled"]) == ("image", 120, "sample", 48)
    home.call("caption", "inbox")
    assert books(fake).calls == 120
    assert told["cost_usd"] == pytest.approx(books(fake).usd, rel=0.2)


def test_what_has_an_answer_costs_nothing_and_past_answers_tell_what_others_will(
    home: Home, fake: FakeEndpoint
) -> None:
    mixed(home.inbox, 30)
    home.call("caption", "inbox")
    again = dry_run(home, "caption", "inbox")
    assert (again["calls"], again["known"], again["left_out"], again["cost_usd"]) == (0, 38, 1, 0)
    mixed(home.folder / "more", 45)
    (home.folder / "more" / "broken.jpg").unlink()
    told = dry_run(home, "caption", "more")
    assert told["calls"] == 15
    images = next(part for part in told["parts"] if part["kind"] == "image")
    assert images["basis"] == "past answers"
    before = books(fake).usd
    home.call("caption", "more")
    assert told["cost_usd"] == pytest.approx(books(fake).usd - before, rel=0.2)


def test_a_scan_tells_what_the_service_would_ask_by_itself(home: Home, fake: FakeEndpoint) -> None:
    mixed(home.inbox, 10)
    first = dry_run(home, "scan")
    assert (first["files"], first["calls"], first["copies"]) == (15, 12, 2)
    assert home.call("scan").returncode == 0
    assert dry_run(home, "scan")["calls"] == 12  # they wait in the queue
    with home.run() as service:
        home.failed("broken.jpg")
        home.captioned(*({path.name for path in home.inbox.iterdir()} & set(home.jobs()) - {"broken.jpg"}))
        service.stop()
    assert first["cost_usd"] == pytest.approx(books(fake).usd, rel=0.2)
    home.configure(endpoint=PRICE, recipe='model = "gemini-2.5-flash"\nsystem = "Another question."')
    quiet = dry_run(home, "scan")
    assert (quiet["calls"], quiet["known"], quiet["left_out"]) == (0, 14, 1)
    assert dry_run(home, "caption", "inbox")["calls"] == 12
    shutil.copy(home.inbox / "photo-001.jpg", home.inbox / "copied.jpg")
    made.jpeg(home.inbox / "photo-002.jpg", made.photo(500, 500, seed=99))
    changed = dry_run(home, "scan")
    assert (changed["files"], changed["calls"], changed["known"]) == (16, 1, 14)


def test_a_root_that_is_away_is_not_counted(home: Home) -> None:
    made.jpeg(home.inbox / "a.jpg")
    home.configure(more=f'[[watch]]\npath = "{home.folder}/away"')
    result = home.call("scan", "--dry-run", "--json")
    assert result.returncode == 1
    assert "away is offline" in result.stderr
    assert json.loads(result.stdout)["calls"] == 1


def test_without_a_price_the_cost_is_unknown(home: Home, fake: FakeEndpoint) -> None:
    home.configure(recipe='model = "gpt-4o"')
    made.jpeg(home.inbox / "a.jpg")
    assert dry_run(home, "caption", "inbox")["cost_usd"] is None
    text = home.call("caption", "inbox", "--dry-run").stdout
    assert "1 file: 1 call\n" in text
    assert "unknown cost" in text
    assert "Nothing was asked, and nothing written." in text
    fake.models = [model_entry("gpt-4o")]
    assert dry_run(home, "caption", "inbox")["cost_usd"] > 0


def test_a_url_is_a_call_and_is_not_fetched(home: Home, fake: FakeEndpoint) -> None:
    told = dry_run(home, "caption", "http://127.0.0.1:9/cat.jpg")
    assert (told["files"], told["calls"], told["parts"][0]["basis"]) == (1, 1, "guess")


def test_a_path_that_is_not_there_is_said(home: Home) -> None:
    result = home.call("caption", "nowhere", "--dry-run")
    assert result.returncode == 1
    assert "nowhere: no such file or folder" in result.stderr
