"""`captiond db`, `captiond config` and `captiond model`."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from captiond.store.instance import InstanceLock
from captiond.store.migrate import HEAD
from library import Library
from program import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def filled(home: Home) -> Home:
    with Library(home.inbox, home.database) as library:
        library.captioned("a.jpg", "A red disc.")
    return home


def captions_in(path: Path) -> list[str]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return [row[0] for row in connection.execute("SELECT caption FROM captions")]
    finally:
        connection.close()


def test_a_backup_is_made_while_another_process_has_the_database_open(filled: Home) -> None:
    with Library(filled.inbox, filled.database) as library:
        library.captioned("b.jpg", "Still in the write-ahead log.")
        result = filled.call("db", "backup", "copy.db", "--json")
    assert result.returncode == 0, result.stderr
    copy = filled.folder / "copy.db"
    assert json.loads(result.stdout) == {
        "database": str(filled.database),
        "backup": str(copy),
        "bytes": copy.stat().st_size,
    }
    assert captions_in(copy) == ["A red disc.", "Still in the write-ahead log."]


def test_a_backup_overwrites_nothing_without_force(filled: Home) -> None:
    copy = filled.folder / "copy.db"
    assert filled.call("db", "backup", "copy.db").returncode == 0
    before = copy.read_bytes()
    with Library(filled.inbox, filled.database) as library:
        library.captioned("b.jpg", "A blue square.")
    result = filled.call("db", "backup", "copy.db")
    assert (result.returncode, copy.read_bytes() == before) == (1, True)
    assert "--force" in result.stderr
    assert filled.call("db", "backup", "copy.db", "--force").returncode == 0
    assert len(captions_in(copy)) == 2


def test_a_backup_never_replaces_what_is_no_backup(filled: Home) -> None:
    other = filled.folder / "letter.txt"
    other.write_text("precious")
    assert filled.call("db", "backup", "letter.txt", "--force").returncode == 1
    assert other.read_text() == "precious"
    assert filled.call("db", "backup", str(filled.database), "--force").returncode == 1
    assert captions_in(filled.database) == ["A red disc."]


@pytest.mark.parametrize(("target", "said"), [("inbox", "is a folder"), ("none/copy.db", "can't be written")])
def test_a_backup_that_cannot_be_written_says_why(filled: Home, target: str, said: str) -> None:
    result = filled.call("db", "backup", target)
    assert result.returncode == 1
    assert said in result.stderr


def test_a_backup_without_a_database_says_that_there_is_none(home: Home) -> None:
    result = home.call("db", "backup", "copy.db")
    assert result.returncode == 1
    assert "captiond run" in result.stderr
    assert not (home.folder / "copy.db").exists()


def test_upgrade_of_the_present_schema_does_nothing(filled: Home) -> None:
    result = filled.call("db", "upgrade", "--json")
    assert json.loads(result.stdout) == {
        "database": str(filled.database),
        "before": HEAD,
        "after": HEAD,
        "backup": None,
    }
    assert "nothing to do" in filled.call("db", "upgrade").stdout


def test_upgrade_without_a_database_makes_none(home: Home) -> None:
    result = home.call("db", "upgrade")
    assert (result.returncode, result.stdout) == (0, "")
    assert "captiond run" in result.stderr
    assert not home.database.exists()


def test_upgrade_refuses_a_database_of_another_program(home: Home) -> None:
    home.database.parent.mkdir()
    connection = sqlite3.connect(home.database)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    result = home.call("db", "upgrade")
    assert result.returncode == 1
    assert "another program" in result.stderr


def test_a_newer_database_is_refused_by_every_command(filled: Home) -> None:
    connection = sqlite3.connect(filled.database)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for command in (["db", "upgrade"], ["search"], ["status"]):
        result = filled.call(*command)
        assert result.returncode == 1
        assert "newer captiond" in result.stderr


def test_a_damaged_database_is_reported_and_never_a_traceback(filled: Home) -> None:
    filled.database.write_bytes(b"this is no database at all" * 400)
    for command in (["search"], ["status"], ["db", "upgrade"], ["show", "a.jpg"]):
        result = filled.call(*command)
        assert result.returncode == 1
        assert str(filled.database) in result.stderr
        assert "Traceback" not in result.stderr


def test_config_shows_every_setting_with_its_origin_and_no_secret(home: Home) -> None:
    result = home.call("config", "--json", env={"CAPTIOND_QUEUE__MAX_ATTEMPTS": "7", "OXEN_API_KEY": "canary-key"})
    assert result.returncode == 0, result.stderr
    settings = {one["key"]: one for one in json.loads(result.stdout)}
    assert settings["queue.max_attempts"]["value"] == 7
    assert settings["queue.max_attempts"]["origin"] == "environment CAPTIOND_QUEUE__MAX_ATTEMPTS"
    assert settings["watch[0].path"]["value"] == str(home.inbox)
    assert settings["watch[0].path"]["origin"].startswith(f"file {home.config}:")
    assert settings["media.max_pixels"]["origin"] == "default"
    assert "canary-key" not in result.stdout + result.stderr


def test_config_in_text_is_a_line_a_setting(home: Home) -> None:
    result = home.call("config")
    lines = result.stdout.splitlines()
    assert 'endpoints.fake.model = "fake-vision-1"' in result.stdout
    assert all(" = " in line and "  # " in line for line in lines)
    assert len(lines) == len(json.loads(home.call("config", "--json").stdout))


def test_upgrade_waits_for_nobody_while_the_service_holds_an_old_database(filled: Home) -> None:
    connection = sqlite3.connect(filled.database)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()
    lock = InstanceLock(filled.database)
    lock.acquire("run")
    try:
        result = filled.call("db", "upgrade")
    finally:
        lock.release()
    assert result.returncode == 1
    assert "stop it first" in result.stderr


def test_pull_without_a_network_says_what_to_do(home: Home) -> None:
    result = home.call("model", "pull", env={"HF_ENDPOINT": "http://127.0.0.1:9", "XDG_STATE_HOME": str(home.folder)})
    assert result.returncode == 1
    assert "captiond" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
