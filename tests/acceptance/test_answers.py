"""Whatever a model answers, only captions are stored; what was rejected is kept with its call and shown."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import fake_endpoint as fakes
from fake_endpoint import FakeEndpoint, Recorded
from program import Home

TABLE = tomllib.loads((Path(__file__).parents[1] / "data" / "answers.toml").read_text("utf-8"))["answer"]
ENGLISH = "A brown dog lies on a rug in front of the fireplace, and a cat is sleeping next to it."
GERMAN = "Ein brauner Hund liegt auf einem Teppich vor dem Kamin."


@pytest.fixture
def fake() -> Iterator[FakeEndpoint]:
    with FakeEndpoint() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    return Home(tmp_path, fake.base_url)


def picture(home: Home, name: str, number: int = 0) -> Path:
    path = home.inbox / name
    Image.new("RGB", (64, 48), (number % 16 * 16, number // 16 * 16, 90)).save(path)
    return path


def calls(home: Home, name: str) -> list[dict[str, Any]]:
    """The calls of a file as `show --history --json` tells them, the oldest first."""
    result = home.call("show", str(home.inbox / name), "--history", "--json")
    assert result.returncode == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)["calls"]
    return found[::-1]


def test_every_answer_of_the_table_becomes_its_caption_or_its_failure(home: Home, fake: FakeEndpoint) -> None:
    rows = {f"{number:03}.png": row for number, row in enumerate(TABLE) if not {"language", "clean"} & set(row)}
    for name in rows:
        picture(home, name, int(name[:3]))
    home.configure(recipe='system = "The file is {filename}."')

    def answer(recorded: Recorded) -> fakes.Behaviour:
        said = re.search(r"\d{3}\.png", recorded.system or "")
        assert said
        row = rows[said[0]]
        return fakes.ok(row["said"], finish=row.get("finish", "stop"))

    fake.default = answer
    assert home.call("caption", "inbox", timeout=180).returncode == 1
    assert fake.violations == []
    captions, jobs = home.captions(), home.jobs()
    became = {
        name: {"caption": captions[name]["caption"]} if name in captions else {"failure": jobs[name]["reason"]}
        for name in rows
    }
    expected = {name: {key: row[key] for key in ("caption", "failure") if key in row} for name, row in rows.items()}
    assert became == expected
    sidecars = {path.name.removesuffix(".caption.json") for path in home.inbox.glob("*.caption.json")}
    assert sidecars == set(captions)
    for name, row in rows.items():
        if "failure" in row:
            assert calls(home, name)[0]["outcome"] == row["failure"]
            break


def test_a_wrong_language_is_asked_for_again_in_plainer_words_and_both_calls_are_shown(
    home: Home, fake: FakeEndpoint
) -> None:
    home.configure(recipe='language = "de"')
    fake.default = lambda recorded: fakes.ok(GERMAN if "Write in German" in recorded.text else ENGLISH)
    path = picture(home, "dog.png")
    result = home.call("caption", str(path))
    assert result.returncode == 0, result.stderr
    assert home.captions()["dog.png"]["caption"] == GERMAN
    assert home.captions()["dog.png"]["language"] == "de"
    first, second = calls(home, "dog.png")
    assert (first["outcome"], first["rejected"], first["endpoint"]) == ("wrong_language", ENGLISH, "fake")
    assert (first["prompt_tokens"], first["completion_tokens"]) == (1130, 41)
    assert (second["outcome"], second["rejected"]) == ("answered", None)
    text = home.call("show", str(path), "--history").stdout
    for part in ("wrong_language", f"answered: {ENGLISH}", "1,130 + 41 tokens", "fake fake-vision-1"):
        assert part in text


def test_a_wrong_language_every_time_fails_with_its_own_code_after_two_calls(home: Home, fake: FakeEndpoint) -> None:
    home.configure(recipe='language = "German"')
    fake.default = fakes.ok(ENGLISH)
    result = home.call("caption", str(picture(home, "dog.png")))
    assert result.returncode == 1
    assert "another language" in result.stderr
    assert "English instead of German" in result.stderr
    assert [call["outcome"] for call in calls(home, "dog.png")] == ["wrong_language"] * 2
    assert home.captions() == {}


def test_a_loop_is_kept_with_its_beginning_and_its_end_only(home: Home, fake: FakeEndpoint) -> None:
    fake.default = fakes.ok("A street. " + "The street is busy. " * 5000, finish="length")
    path = picture(home, "street.png")
    assert home.call("caption", str(path)).returncode == 1
    assert home.jobs()["street.png"]["reason"] == "looped_answer"
    first, second = calls(home, "street.png")
    assert len(first["rejected"]) < 2_100
    assert first["rejected"].startswith("A street. The street is busy. ")
    assert "[…98,010 characters…]" in first["rejected"]
    assert (first["finish_reason"], second["outcome"]) == ("length", "looped_answer")
    assert [("only once" in request.text) for request in fake.requests] == [False, True]
    assert len(home.call("show", str(path)).stdout) < 2_000
    assert "characters…]" in home.call("show", str(path), "--history").stdout


def test_a_refusal_in_its_own_field_is_paid_for_and_recorded_so(home: Home, fake: FakeEndpoint) -> None:
    fake.default = fakes.refusal("I can't look at this.", as_field=True)
    assert home.call("caption", str(picture(home, "a.png"))).returncode == 1
    first, _second = calls(home, "a.png")
    assert (first["outcome"], first["rejected"], first["prompt_tokens"]) == ("refused", "I can't look at this.", 1130)


def test_the_playground_shows_what_was_rejected(home: Home, fake: FakeEndpoint) -> None:
    fake.default = fakes.ok("The street is busy. " * 50)
    result = home.call("try", str(picture(home, "street.png")))
    assert result.returncode == 1
    assert "looped_answer: " in result.stdout
    assert "it said: The street is busy." in " ".join(result.stdout.split())
