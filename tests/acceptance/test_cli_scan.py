"""`captiond scan` compares roots with the database, beside a running service and without one."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from fake_endpoint import FakeEndpoint
from library import Library
from program import Home
from watched import leased

PICTURE = b"\xff\xd8\xff\xe0 not a whole picture, which the scan need not know "


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def scanned(home: Home, *args: str, code: int = 0) -> dict[str, dict[str, Any]]:
    result = home.call("scan", "--json", *args)
    assert result.returncode == code, result.stderr
    return {one["root"]: one for one in json.loads(result.stdout)}


def put(home: Home, name: str, data: bytes | None = None) -> Path:
    path = home.inbox / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PICTURE + name.encode() if data is None else data)
    return path


def counts(one: dict[str, Any]) -> dict[str, int]:
    names = ("seen", "new", "changed", "moved", "gone", "back", "other", "unreadable")
    return {name: one[name] for name in names if one[name]}


def test_a_first_scan_takes_every_picture_in_and_a_second_finds_nothing_new(home: Home) -> None:
    put(home, "a.jpg")
    put(home, "sub/b.jpg")
    put(home, "notes.txt", b"words")
    one = scanned(home)[str(home.inbox)]
    assert counts(one) == {"seen": 3, "new": 2, "other": 1}
    assert (one["online"], one["queued"], one["settled"]) == (True, 2, True)
    assert {name: job["state"] for name, job in home.jobs().items()} == {"a.jpg": "queued", "b.jpg": "queued"}
    again = scanned(home)[str(home.inbox)]
    assert counts(again) == {"seen": 3}
    assert again["queued"] == 0


def test_a_scan_tells_what_changed_moved_went_and_came_back(home: Home) -> None:
    for name in ("changes.jpg", "moves.jpg", "goes.jpg", "sub/comes-back.jpg", "stays.jpg"):
        put(home, name)
    scanned(home)
    # A file that is renamed itself has another ctime, and so counts as changed: its folder goes away and comes back.
    away = (home.inbox / "sub").rename(home.folder / "elsewhere")
    scanned(home)
    put(home, "changes.jpg", PICTURE + b"and now something else")
    (home.inbox / "moves.jpg").rename(home.inbox / "moved.jpg")
    (home.inbox / "goes.jpg").unlink()
    away.rename(home.inbox / "sub")
    one = scanned(home)[str(home.inbox)]
    assert counts(one) == {"seen": 4, "changed": 1, "moved": 1, "gone": 1, "back": 1}
    present = {row["name"] for row in home.rows("SELECT name FROM file WHERE present = 1")}
    assert present == {"changes.jpg", "moved.jpg", "comes-back.jpg", "stays.jpg"}


def test_an_offline_root_is_named_marks_nothing_absent_and_ends_with_1(home: Home) -> None:
    put(home, "a.jpg")
    scanned(home)
    home.inbox.rename(home.folder / "taken-away")
    result = home.call("scan")
    assert result.returncode == 1
    assert f"{home.inbox}  offline: no such folder" in result.stdout
    assert home.rows("SELECT present FROM file")[0]["present"] == 1
    assert home.rows("SELECT state FROM root")[0]["state"] == "offline"
    (home.folder / "taken-away").rename(home.inbox)
    assert counts(scanned(home)[str(home.inbox)]) == {"seen": 1}
    assert home.rows("SELECT state FROM root")[0]["state"] == "online"


def test_only_the_named_roots_are_compared(home: Home) -> None:
    other = home.folder / "other"
    other.mkdir()
    home.configure(more=f'[[watch]]\npath = "{other}"\nsettle_seconds = 0.2\n')
    assert set(scanned(home)) == {str(home.inbox), str(other)}
    assert set(scanned(home, "other/")) == {str(other)}
    (home.folder / "link").symlink_to(other)
    assert set(scanned(home, "link")) == {str(other)}
    result = home.call("scan", "nowhere")
    assert result.returncode == 2
    assert str(home.inbox) in result.stderr


def test_a_root_that_was_given_to_run_by_hand_is_known(home: Home) -> None:
    with Library(home.inbox, home.database):
        pass
    home.config.write_text(home.config.read_text().partition("[[watch]]")[0])
    put(home, "a.jpg")
    assert counts(scanned(home)[str(home.inbox)]) == {"seen": 1, "new": 1}


def test_without_any_root_the_configuration_is_what_is_wrong(home: Home) -> None:
    home.config.write_text(home.config.read_text().partition("[[watch]]")[0])
    result = home.call("scan")
    assert result.returncode == 78
    assert "[[watch]]" in result.stderr


def test_captiond_leaves_its_own_files_and_the_roots_within_a_root_alone(home: Home) -> None:
    inner = home.folder / "inbox" / "inner"
    inner.mkdir()
    home.configure(more=f'[[watch]]\npath = "{inner}"\nsettle_seconds = 0.2\n')
    put(home, "a.jpg")
    put(home, "a.jpg.caption.json", b"{}")
    put(home, "inner/b.jpg")
    found = scanned(home)
    assert counts(found[str(home.inbox)]) == {"seen": 1, "new": 1}
    assert counts(found[str(inner)]) == {"seen": 1, "new": 1}


@pytest.mark.skipif(os.geteuid() == 0, reason="root can list every folder")
def test_a_folder_that_cannot_be_read_is_counted_and_named(home: Home) -> None:
    put(home, "closed/a.jpg")
    put(home, "b.jpg")
    (home.inbox / "closed").chmod(0)
    try:
        one = scanned(home)[str(home.inbox)]
    finally:
        (home.inbox / "closed").chmod(0o700)
    assert counts(one) == {"seen": 1, "new": 1, "unreadable": 1}
    assert "closed" in one["examples"][0]


def test_a_file_that_can_not_be_read_is_told_of_and_taken_in_by_the_next_scan(home: Home) -> None:
    with leased(put(home, "without-extension")):
        put(home, "a.jpg")
        result = home.call("scan", "--json")
        [one] = json.loads(result.stdout)
        assert (one["new"], one["not_taken"], one["settled"]) == (1, 1, True)
    with leased(put(home, "without-extension")):
        assert "1 file under " in home.call("scan").stderr
    one = scanned(home)[str(home.inbox)]
    assert (one["new"], one["not_taken"]) == (1, 0)


def test_a_file_that_keeps_changing_is_left_to_the_next_scan(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from captiond.config.models import Watch
    from captiond.watch import draining, once

    monkeypatch.setattr(draining, "PATIENCE", 0.5)
    path = put(home, "growing.jpg")
    ended = threading.Event()

    def grow() -> None:
        while not ended.wait(0.02):
            with path.open("ab") as file:
                file.write(b"more")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        with Library(home.inbox, home.database) as library:
            watch = Watch(path=home.inbox, settle_seconds=0.2)
            found = once.scan(watch, db=library.db, suffix=".caption.json", roots=(), record=True)
    finally:
        ended.set()
        writer.join()
    assert (found.new, found.settled) == (0, False)


def test_a_scan_beside_the_service_finds_and_the_service_captions(tmp_path: Path, fake: FakeEndpoint) -> None:
    home = Home(tmp_path, fake.base_url)
    sample = next((Path(__file__).parents[2] / "samples").glob("*.jpg")).read_bytes()
    # A polling root that is next compared in an hour: without the scan nothing would find the file.
    home.configure(watch='mode = "poll"\npoll_seconds = 3600')
    put(home, "first.jpg", sample)
    with home.run():
        home.captioned("first.jpg")
        put(home, "second.jpg", sample + b"\0")
        one = scanned(home)[str(home.inbox)]
        assert counts(one) == {"seen": 2, "new": 1} or counts(one) == {"seen": 3, "new": 1}
        captions = home.captioned("second.jpg")
    assert set(captions) == {"first.jpg", "second.jpg"}
