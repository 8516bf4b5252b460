"""`captiond status` and `captiond retry`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from captiond.store.instance import InstanceLock
from captiond.values import Source
from library import Library
from program import Home

KEYS = [
    "version", "database", "service", "queue", "files", "roots", "endpoints", "spend_today", "spend_month", "budgets",
    "sidecars", "errors", "unsupported",
]  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def status(home: Home, *args: str) -> dict[str, Any]:
    result = home.call("status", "--json", *args)
    assert result.returncode == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_status_counts_what_there_is(home: Home) -> None:
    with Library(home.inbox, home.database) as library:
        library.captioned("a.jpg", "One.")
        library.captioned("b.jpg", "Two.", source=Source.BUILTIN, model="builtin/1")
        library.captioned("c.jpg", "Three.")
        library.gone("c.jpg")
        library.failed("d.jpg")
        library.queued("e.jpg")
        library.file("notes.txt", media=False)
    document = status(home)
    assert list(document) == KEYS
    assert document["queue"] == {"queued": 1, "running": 0, "done": 3, "failed": 1, "unsupported": 0}
    assert document["files"] == {"media": 5, "captioned": 3, "absent": 1, "not_media": 1, "builtin_only": 1}
    assert document["spend_today"]["calls"] == 2
    assert document["spend_today"]["prompt_tokens"] == 2260
    assert document["spend_today"]["cost_usd"] == pytest.approx(0.0042)
    [root] = document["roots"]
    assert (root["path"], root["mode"], root["health"], root["files"]) == (str(home.inbox), "inotify", "online", 4)
    assert (root["queued"], root["failed"]) == (1, 1)
    assert root["last_scan"].endswith("Z")
    [endpoint] = document["endpoints"]
    assert (endpoint["name"], endpoint["health"], endpoint["calls_last_minute"]) == ("fake", "unknown", 2)


def test_status_names_the_newest_errors_with_their_remedies(home: Home) -> None:
    with Library(home.inbox, home.database) as library:
        library.failed("first.jpg", "truncated")
        library.failed("second.jpg", "unreadable", "permission denied")
    newest, older = status(home)["errors"]
    assert (newest["path"], newest["reason"]) == (str(home.inbox / "second.jpg"), "unreadable")
    assert "permission denied" in newest["message"]
    assert "right to read" in newest["remedy"]
    assert older["reason"] == "truncated"
    assert len(status(home, "--errors", "1")["errors"]) == 1
    text = home.call("status").stdout
    assert str(home.inbox / "first.jpg") in text
    assert "remedy: " in text


def test_status_names_sidecars_that_could_not_be_written(home: Home) -> None:
    with Library(home.inbox, home.database) as library:
        file_id = library.captioned("a.jpg", "One.")
        library.refused_sidecar(file_id, str(home.inbox / "a.jpg.caption.json"), "a folder stands there")
    assert status(home)["sidecars"] == {
        "written": 0,
        "pending": 0,
        "refused": 1,
        "troubles": [{"path": str(home.inbox / "a.jpg"), "state": "refused", "reason": "a folder stands there"}],
    }
    assert "a folder stands there" in home.call("status").stdout


@pytest.mark.parametrize("empty", [False, True], ids=["missing", "empty"])
def test_without_a_database_status_says_so_and_shows_zeros(home: Home, empty: bool) -> None:
    if empty:
        home.database.parent.mkdir()
        home.database.touch()
    document = status(home)
    assert list(document) == KEYS
    assert set(document["queue"].values()) == {0}
    assert set(document["files"].values()) == {0}
    assert document["database"]["exists"] is False
    assert document["service"]["running"] is False
    result = home.call("status")
    assert result.returncode == 0
    assert str(home.database) in result.stderr
    assert home.database.exists() is empty


def test_status_tells_who_works_on_the_database(home: Home) -> None:
    with Library(home.inbox, home.database):
        lock = InstanceLock(home.database)
        lock.acquire("run")
        try:
            service = status(home)["service"]
        finally:
            lock.release()
    assert service["running"] is True
    assert isinstance(service["pid"], int)
    assert status(home)["service"]["running"] is False


def test_retry_all_queues_every_failed_file_with_fresh_attempts(home: Home) -> None:
    with Library(home.inbox, home.database) as library:
        ids = [library.failed("a.jpg"), library.failed("b.jpg")]
        library.captioned("c.jpg", "Fine.")
        result = home.call("retry", "--all")
        assert (result.returncode, result.stdout) == (0, "2 files queued again\n")
        assert "captiond run" in result.stderr
        for file_id in ids:
            job = library.job(file_id)
            assert (job.state, job.attempts, job.reason) == ("queued", 0, None)
    assert json.loads(home.call("retry", "--all", "--json").stdout) == {"queued": 0}


def test_retry_takes_files_and_folders_with_all_below_them(home: Home) -> None:
    with Library(home.inbox, home.database) as library:
        wanted = [library.failed("one.jpg"), library.failed("sub/two.jpg"), library.failed("sub/deep/three.jpg")]
        other = [library.failed("sub-not.jpg"), library.failed("other/four.jpg")]
        result = home.call("retry", "inbox/one.jpg", "inbox/sub", "inbox/none")
        assert result.stdout == "3 files queued again\n"
        assert "nothing failed at inbox/none" in result.stderr
        assert {library.job(file_id).state for file_id in wanted} == {"queued"}
        assert {library.job(file_id).state for file_id in other} == {"failed"}


def test_retry_leaves_files_alone_that_are_gone(home: Home) -> None:
    with Library(home.inbox, home.database) as library:
        library.failed("a.jpg")
        library.gone("a.jpg")
        assert json.loads(home.call("retry", "--all", "--json").stdout) == {"queued": 0}
