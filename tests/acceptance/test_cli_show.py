"""`captiond show` tells everything known of a file."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from captiond.values import Source
from library import Library
from program import Home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("show"))
    with Library(home.inbox, home.database) as library:
        data = b"the same bytes"
        library.captioned(
            "photo.jpg", "A grey shape.", data=data, source=Source.BUILTIN, model="builtin/1", digest="b" * 64
        )
        library.captioned("photo.jpg", "A red disc.", data=data, category="sign", tags=("red",), fields={"count": 1})
        library.failed("broken.jpg")
        library.captioned("gone.jpg", "A zeppelin.")
        library.gone("gone.jpg")
        library.captioned(os.fsdecode(b"caf\xe9.jpg"), "A coffee house.")
        library.captioned("7", "A file that is named like a number.")
        library.file("notes.txt", media=False)
        file_id = library.captioned("taken.jpg", "Its sidecar's place is taken.")
        library.refused_sidecar(file_id, str(home.inbox / "taken.jpg.caption.json"), "a folder stands there")
    return home


def shown(home: Home, *args: str) -> dict[str, Any]:
    result = home.call("show", "--json", *args)
    assert result.returncode == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_a_captioned_file_is_shown_with_content_caption_job_and_calls(home: Home) -> None:
    document = shown(home, "inbox/photo.jpg")
    assert list(document) == ["file", "content", "captions", "job", "calls", "sidecar"]
    assert document["file"]["path"] == str(home.inbox / "photo.jpg")
    assert document["file"]["present"] is True
    assert document["file"]["root"] == str(home.inbox)
    assert document["file"]["bytes"] == document["content"]["bytes"] == 14
    assert document["content"]["facts"]["camera"] == "Testcam 1"
    [caption] = document["captions"]
    assert caption["caption"] == "A red disc."
    assert (caption["category"], caption["tags"], caption["fields"]) == ("sign", ["red"], {"count": 1})
    assert (caption["current"], caption["superseded"]) == (True, False)
    assert document["job"]["state"] == "done"
    [call] = document["calls"]
    assert (call["endpoint"], call["outcome"], call["cost_usd"]) == ("fake", "answered", 0.0021)


def test_history_adds_the_earlier_captions_and_jobs(home: Home) -> None:
    document = shown(home, "inbox/photo.jpg", "--history")
    assert [(caption["caption"], caption["superseded"]) for caption in document["captions"]] == [
        ("A red disc.", False),
        ("A grey shape.", True),
    ]
    assert [job["state"] for job in document["jobs"]] == ["done", "done"]


def test_a_failed_file_says_why_and_what_to_do(home: Home) -> None:
    job = shown(home, "inbox/broken.jpg")["job"]
    assert (job["state"], job["reason"]) == ("failed", "corrupt")
    assert "broken data stream" in job["message"]
    assert "image viewer" in job["remedy"]
    text = home.call("show", "inbox/broken.jpg").stdout
    assert "corrupt: " in text
    assert "remedy: " in text


def test_a_file_is_found_by_absolute_path_link_and_id(home: Home) -> None:
    expected = shown(home, str(home.inbox / "photo.jpg"))
    (home.folder / "link").symlink_to(home.inbox)
    assert shown(home, "link/photo.jpg") == expected
    assert shown(home, str(expected["file"]["id"])) == expected


def test_a_file_that_is_named_like_a_number_goes_before_the_id(home: Home) -> None:
    (home.folder / "3").write_text("here, but unknown")
    assert shown(home, "inbox/7")["captions"][0]["caption"] == "A file that is named like a number."
    assert home.call("show", "3").returncode == 1


def test_a_file_that_is_gone_is_still_known(home: Home) -> None:
    document = shown(home, "inbox/gone.jpg")
    assert document["file"]["present"] is False
    assert document["captions"][0]["caption"] == "A zeppelin."


def test_a_name_that_is_not_utf8_is_found_as_typed_and_as_shown(home: Home) -> None:
    as_typed = shown(home, os.fsdecode(os.fsencode(home.inbox) + b"/caf\xe9.jpg"))
    assert shown(home, as_typed["file"]["path"]) == as_typed


def test_what_is_no_media_is_shown_as_such(home: Home) -> None:
    document = shown(home, "inbox/notes.txt")
    assert document["file"]["media"] is False
    assert document["content"] is document["job"] is document["sidecar"] is None
    assert document["captions"] == document["calls"] == []
    assert "neither image nor video" in home.call("show", "inbox/notes.txt").stdout


def test_a_refused_sidecar_says_why(home: Home) -> None:
    assert shown(home, "inbox/taken.jpg")["sidecar"]["state"] == "refused"
    assert "a folder stands there" in home.call("show", "inbox/taken.jpg").stdout


def test_the_text_names_what_the_json_has(home: Home) -> None:
    text = home.call("show", "inbox/photo.jpg").stdout
    for part in (
        str(home.inbox / "photo.jpg"),
        "A red disc.",
        "category sign",
        "tags red",
        "count: 1",
        "640 × 480",
        "0.0021 USD",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("inbox/nothing.jpg", "no such file either"),
        ("inbox", "it is a folder"),
        ("999", "no file has the ID 999"),
        ("99999999999999999999999", "no file has the ID"),
        ("https://example.org/x.jpg", "never captioned"),
    ],
)
def test_what_is_unknown_ends_with_1_and_says_what_was_looked_at(home: Home, asked: str, said: str) -> None:
    result = home.call("show", asked)
    assert (result.returncode, result.stdout) == (1, "")
    assert said in result.stderr
    assert str(home.database) in result.stderr
