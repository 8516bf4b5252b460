"""`captiond db rebuild`: a new database from the sidecars, after which nothing is asked again."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path

import pytest

from drops import drop, drop_many, picture
from fake_endpoint import FakeEndpoint
from program import Home
from waiting import until

VIEW = "SELECT path, caption, category, recipe, model, source, sha256, width, height, created_at FROM captions ORDER BY path"


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    return Home(tmp_path, fake.base_url)


def captioned(home: Home, count: int = 6) -> list[str]:
    names = drop_many(home.inbox, count)
    (home.inbox / "copies").mkdir()
    (home.inbox / "copies" / "copy.jpg").write_bytes((home.inbox / names[0]).read_bytes())
    with home.run():
        home.captioned(*names, "copy.jpg")
        for name in [*names, "copies/copy.jpg"]:
            home.sidecar(name)
        until(lambda: home.rows("SELECT count(*) FROM sidecar WHERE state = 'written'")[0][0] == count + 1)
    return names


def as_rows(home: Home) -> list[tuple[object, ...]]:
    return [tuple(row) for row in home.rows(VIEW)]


@pytest.mark.parametrize("fate", ["corrupt", "lost", "sound"])
def test_every_caption_comes_back_and_a_scan_asks_nothing(home: Home, fake: FakeEndpoint, fate: str) -> None:
    names = captioned(home)
    before, asked = as_rows(home), len(fake.requests)
    sidecars = {path: path.read_bytes() for path in home.inbox.rglob("*.caption.json")}
    if fate == "corrupt":
        home.database.write_bytes(os.urandom(20_000))
    elif fate == "lost":
        for path in home.database.parent.glob("captions.db*"):
            path.unlink()
    done = home.call("db", "rebuild", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["roots"] == [{"root": str(home.inbox), "files": 7, "captions": 7, "not_believed": 0}]
    assert (told["kept"] is None) == (fate == "lost")
    assert as_rows(home) == before
    with home.run():
        assert home.call("scan").returncode == 0
        drop(home.inbox / "new.jpg")
        home.captioned("new.jpg")
        (home.inbox / names[1]).rename(home.inbox / "moved.jpg")
        home.captioned("moved.jpg")
        until((home.inbox / "moved.jpg.caption.json").exists)
        until(lambda: not (home.inbox / f"{names[1]}.caption.json").exists())
    assert len(fake.requests) == asked + 1
    for path, body in sidecars.items():
        if path.name != f"{names[1]}.caption.json":
            assert path.read_bytes() == body


def test_a_persons_caption_comes_back_and_so_does_what_was_spent(home: Home, fake: FakeEndpoint) -> None:
    home.configure(more="[endpoints.fake.price]\ninput_per_million = 1\noutput_per_million = 1")
    names = captioned(home)
    path = home.inbox / f"{names[0]}.caption.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "caption": "By hand."}))
    with home.run():
        until(lambda: [row["source"] for row in home.rows(VIEW)].count("human") == 2)
        until(lambda: home.rows("SELECT count(*) FROM sidecar WHERE state = 'written'")[0][0] == len(names) + 1)
    before, spent = as_rows(home), [tuple(row) for row in home.rows("SELECT * FROM spending")]
    assert spent[0][-1] > 0
    home.database.chmod(0o640)
    assert home.call("db", "rebuild").returncode == 0
    assert as_rows(home) == before
    assert [tuple(row) for row in home.rows("SELECT * FROM spending")] == spent
    assert home.database.stat().st_mode & 0o777 == 0o640
    assert {row["state"] for row in home.rows("SELECT state FROM sidecar")} == {"written"}
    asked = len(fake.requests)
    with home.run():
        assert home.call("scan").returncode == 0
        drop(home.inbox / "new.jpg")
        home.captioned("new.jpg")
    assert len(fake.requests) == asked + 1


def test_a_sidecar_with_keys_of_others_tells_its_caption_and_stays(home: Home, fake: FakeEndpoint) -> None:
    names = captioned(home, 2)
    path = home.inbox / f"{names[1]}.caption.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "rating": 5}))
    body, before = path.read_bytes(), as_rows(home)
    assert home.call("db", "rebuild").returncode == 0
    assert as_rows(home) == before
    asked = len(fake.requests)
    with home.run():
        home.captioned(*names)
        assert home.call("scan").returncode == 0
    assert path.read_bytes() == body
    assert len(fake.requests) == asked


def test_the_old_database_is_kept_whole_beside_the_new_one(home: Home) -> None:
    captioned(home)
    calls = len(home.rows("SELECT 1 FROM call"))
    kept = Path(json.loads(home.call("db", "rebuild", "--json").stdout)["kept"])
    assert len(home.rows("SELECT 1 FROM call")) == 0
    home.database = kept
    assert len(home.rows("SELECT 1 FROM call")) == calls
    assert not list(kept.parent.glob("*.rebuilding*"))


def test_a_file_with_other_bytes_than_its_sidecar_tells_of_is_asked_about_again(home: Home, fake: FakeEndpoint) -> None:
    names = captioned(home)
    changed, touched = home.inbox / names[2], home.inbox / names[3]
    size = changed.stat().st_size
    changed.write_bytes(picture("inbox 7.jpg"))
    assert changed.stat().st_size == size
    os.utime(touched)
    asked = len(fake.requests)
    (root,) = json.loads(home.call("db", "rebuild", "--json").stdout)["roots"]
    assert (root["captions"], root["not_believed"]) == (6, 1)
    with home.run():
        until(lambda: len(fake.requests) == asked + 1)
        home.captioned(*names)
    assert len(fake.requests) == asked + 1


@pytest.mark.parametrize(
    "body", [b"{}", b"not JSON", b'{"schema": "captiond/1"}', b'["captiond/1"]', b"[" * 100_000, b""]
)
def test_what_only_has_a_sidecars_name_is_not_believed_and_left_alone(
    home: Home, fake: FakeEndpoint, body: bytes
) -> None:
    names = captioned(home, 2)
    beside = home.inbox / f"{names[1]}.caption.json"
    beside.write_bytes(body)
    (root,) = json.loads(home.call("db", "rebuild", "--json").stdout)["roots"]
    assert (root["captions"], root["not_believed"]) == (2, 1)
    assert beside.read_bytes() == body


def test_one_with_a_date_or_an_mtime_beyond_all_keeps_none_of_the_others_from_coming_back(home: Home) -> None:
    names = captioned(home, 3)
    odd = home.inbox / f"{names[1]}.caption.json"
    odd.write_text(json.dumps({**json.loads(odd.read_text()), "created_at": "0001-01-01T00:00:00+14:00"}))
    os.utime(home.inbox / f"{names[2]}.caption.json", (9.5e9, 9.5e9))
    (root,) = json.loads(home.call("db", "rebuild", "--json").stdout)["roots"]
    assert (root["files"], root["captions"], root["not_believed"]) == (4, 3, 1)


@pytest.mark.parametrize("corrected", ["a.jpg", "b.jpg"])
def test_the_sidecar_of_a_copy_that_was_not_corrected_is_written_anew(home: Home, corrected: str) -> None:
    for name in ("a.jpg", "b.jpg"):
        drop(home.inbox / name, label="the same")
    with home.run():
        home.captioned("a.jpg", "b.jpg")
        bodies = {name: home.sidecar(name) for name in ("a.jpg", "b.jpg")}
    words = {"caption": "My words.", "source": "human", "model": "human", "created_at": "2027-01-01T00:00:00Z"}
    (home.inbox / f"{corrected}.caption.json").write_text(json.dumps({**bodies[corrected], **words}))
    assert home.call("db", "rebuild").returncode == 0
    with home.run():
        until(lambda: [home.sidecar(name)["caption"] for name in ("a.jpg", "b.jpg")] == ["My words."] * 2)


def test_it_refuses_while_the_service_runs(home: Home) -> None:
    captioned(home, 1)
    with home.run():
        done = home.call("db", "rebuild")
    assert done.returncode == 1
    assert "another captiond works on this database" in done.stderr
    assert as_rows(home)


def test_a_root_that_is_away_ends_it_with_nothing_changed_unless_it_may_be_missing(home: Home) -> None:
    captioned(home, 2)
    home.configure(more=f'[[watch]]\npath = "{home.folder}/share"')
    before = home.database.read_bytes()
    done = home.call("db", "rebuild")
    assert done.returncode == 1
    assert f"{home.folder}/share" in done.stderr
    assert "--skip-missing" in done.stderr
    assert home.database.read_bytes() == before
    assert home.call("db", "rebuild", "--skip-missing").returncode == 0
    assert len(as_rows(home)) == 3


def test_without_any_sidecar_the_database_stays_as_it_was(home: Home) -> None:
    captioned(home, 1)
    for path in home.inbox.rglob("*.caption.json"):
        path.unlink()
    done = home.call("db", "rebuild")
    assert done.returncode == 1
    assert "the database is as it was" in done.stderr
    assert as_rows(home)


def test_another_programs_database_is_left_where_it_is(home: Home) -> None:
    drop(home.inbox / "a.jpg")
    with home.run():
        home.sidecar("a.jpg")
    home.database.unlink()
    with contextlib.closing(sqlite3.connect(home.database)) as other:
        other.execute("CREATE TABLE films (name)")
    before = home.database.read_bytes()
    ended = home.call("db", "rebuild")
    assert ended.returncode == 1
    assert "another program" in ended.stderr
    assert home.database.read_bytes() == before
    assert [path.name for path in home.database.parent.iterdir() if "rebuil" in path.name] == []
