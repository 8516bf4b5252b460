"""`captiond search` on a database that the service has filled."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from captiond.values import Kind
from library import Library
from program import Home

HOUR = 3600.0
NOON = 1_795_348_800.0  # 2026-11-22 12:00:00 UTC
VIEW = [
    *("path", "root", "sha256", "kind", "mime", "bytes", "width", "height", "duration_seconds", "caption", "category"),
    *("tags", "fields", "language", "source", "recipe", "recipe_digest", "model", "created_at", "prompt_tokens"),
    *("completion_tokens", "cost_usd", "present"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("search"))
    with Library(home.inbox, home.database) as library:
        library.captioned("court.jpg", "Two people jump between walls in a courtyard.", at=NOON, tags=("jump", "wall"))
        library.captioned("shoes/red.jpg", "A pair of red shoes.", category="shoe", at=NOON + HOUR, model="other-1")
        library.captioned("shoes/clip.mp4", "A dog runs after red shoes.", kind=Kind.VIDEO, at=NOON + 2 * HOUR)
        library.captioned("-dog.jpg", "A sleeping cat.", at=NOON + 3 * HOUR)
        library.captioned("old.jpg", "A zeppelin.", at=NOON - 1000 * HOUR)
        library.gone("old.jpg")
        library.captioned("evil\x1b[2J\n.jpg", "An owl\x07 on\na fence.", at=NOON - HOUR)
        library.captioned(os.fsdecode(b"caf\xe9.jpg"), "A coffee house.", at=NOON - 2 * HOUR)
    return home


def names(home: Home, *args: str) -> list[str]:
    result = home.call("search", "--json", *args)
    assert result.returncode == 0, result.stderr
    return [Path(row["path"]).name for row in json.loads(result.stdout)]


def test_words_without_quotes_must_all_be_there(home: Home) -> None:
    assert set(names(home, "red", "shoes")) == {"red.jpg", "clip.mp4"}
    assert names(home, "red", "shoes", "pair") == ["red.jpg"]


def test_a_query_that_begins_with_a_dash_goes_after_two(home: Home) -> None:
    assert names(home, "--", "-dog", "red", "shoes") == ["red.jpg"]
    assert home.call("search", "-dog").returncode == 2


def test_without_a_query_the_newest_come_first(home: Home) -> None:
    assert names(home, "--limit", "3") == ["-dog.jpg", "clip.mp4", "red.jpg"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--kind", "video"], {"clip.mp4"}),
        (["--category", "shoe"], {"red.jpg"}),
        (["--tag", "wall"], {"court.jpg"}),
        (["--model", "other-1"], {"red.jpg"}),
        (["--under", "inbox/shoes"], {"red.jpg", "clip.mp4"}),
        (["--since", "2026-11-22T13:00:00Z", "--until", "2026-11-22T14:00:00Z"], {"red.jpg", "clip.mp4"}),
        (["--root", "elsewhere"], set()),
        (["zeppelin", "--gone"], {"old.jpg"}),
        (["zeppelin"], set()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_filters_narrow_the_search(home: Home, filters: Any, found: set[str]) -> None:
    assert set(names(home, *filters)) == found


def test_a_root_is_named_by_its_folder_however_it_is_written(home: Home) -> None:
    assert len(names(home, "--root", "inbox/")) == len(names(home, "--root", str(home.inbox))) == 6


def test_json_has_the_columns_of_the_view_with_tags_and_fields_as_values(home: Home) -> None:
    [row] = json.loads(home.call("search", "courtyard", "--json").stdout)
    assert list(row) == VIEW
    assert row["tags"] == ["jump", "wall"]
    assert row["fields"] == {}
    assert row["present"] == 1
    assert row["created_at"] == "2026-11-22T12:00:00Z"
    [of_view] = home.rows("SELECT * FROM captions WHERE caption LIKE '%courtyard%'")
    assert {key: row[key] for key in VIEW[:10]} == {key: of_view[key] for key in VIEW[:10]}


def test_text_shows_path_caption_and_date_without_colour_in_a_pipe(home: Home) -> None:
    result = home.call("search", "courtyard", env={"TZ": "UTC"})
    assert result.stdout == (
        f"{home.inbox}/court.jpg  2026-11-22 12:00\n    Two people jump between walls in a courtyard.  [jump, wall]\n"
    )
    assert result.stderr == ""


def test_a_hostile_name_is_written_out_and_never_obeyed(home: Home) -> None:
    result = home.call("search", "owl")
    assert "evil\\e[2J\\n.jpg" in result.stdout
    assert "\x1b" not in result.stdout
    assert "\x07" not in result.stdout
    assert len(result.stdout.splitlines()) == 2


def test_a_name_that_is_not_utf8_is_shown_with_its_byte(home: Home) -> None:
    assert names(home, "coffee") == ["caf\ufffdE9.jpg"]


def test_nothing_found_is_said_on_stderr_and_is_no_error(home: Home) -> None:
    result = home.call("search", "unicorn")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "nothing found\n")
    assert home.call("search", "unicorn", "--json").stdout == "[]\n"


def test_without_a_database_nothing_is_found_and_none_is_made(tmp_path: Path) -> None:
    home = Home(tmp_path)
    result = home.call("search", "cat", "--json")
    assert (result.returncode, result.stdout) == (0, "[]\n")
    assert "captiond run" in result.stderr
    assert not home.database.exists()


@pytest.mark.parametrize("query", ['"', "AND", "NEAR(", "a*b)", "caption:", "'; DROP TABLE file"])
def test_no_query_is_an_error_of_the_search_engine(home: Home, query: str) -> None:
    result = home.call("search", "--", query)
    assert result.returncode in (0, 2)
    assert "fts5" not in result.stderr
    assert "Traceback" not in result.stderr
