"""A database that can't be used: the real service says why and what to do, does not half-start, and changes nothing."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mounted
from drops import drop, drop_many
from fake_endpoint import FakeEndpoint, hang, ok
from program import Home, Program
from waiting import until

PAGE = 4096


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    return Home(tmp_path, fake.base_url)


@pytest.fixture
def filled(home: Home) -> Home:
    """A home whose database has some pages, after a clean end."""
    names = drop_many(home.inbox, 40)
    with home.run():
        home.captioned(*names)
        until(lambda: home.rows("SELECT count(*) FROM sidecar WHERE state = 'written'")[0][0] == len(names))
    return home


@pytest.fixture
def state(home: Home) -> Iterator[mounted.Share]:
    """The state folder on a small file system of its own."""
    if why := mounted.why_not():
        pytest.skip(why)
    share = mounted.Share(home.folder, home.folder / "state", "8m")
    yield share
    share.end()


def refused(home: Home) -> str:
    """What the service says as it does not start."""
    ended = home.call("run")
    assert ended.returncode == 1, ended
    assert '"event": "started"' not in ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


def flip(path: Path, page: int) -> None:
    """Other bytes in the middle of a page, where its cells are."""
    with path.open("r+b") as opened:
        opened.seek(page * PAGE + 8)
        opened.write(random.Random(page).randbytes(PAGE // 2))


def pages_of(path: Path, name: str) -> list[int]:
    """The numbers of the pages of a table or an index, from 0."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
    return [root - 1]


@pytest.mark.parametrize("name", ["caption", "ix_job_file_id", "sidecar", "file"])
@pytest.mark.fault("the database is damaged")
def test_a_page_that_makes_no_sense_is_found_before_anything_is_done(
    filled: Home, fake: FakeEndpoint, name: str
) -> None:
    for page in pages_of(filled.database, name):
        flip(filled.database, page)
    before, calls = filled.database.read_bytes(), len(fake.requests)
    drop(filled.inbox / "new.jpg")
    text = refused(filled)
    assert f"database {filled.database} is damaged" in text
    assert "captiond db rebuild" in text
    assert filled.database.read_bytes() == before
    assert filled.call("db", "rebuild").returncode == 0
    assert len(filled.captions()) == 40
    assert len(fake.requests) == calls


@pytest.mark.fault("the database is damaged")
def test_damage_is_found_after_a_kill_too_and_the_newest_backup_is_named(filled: Home) -> None:
    assert filled.call("db", "backup", str(filled.folder / "kept.db")).returncode == 0
    folder = filled.database.parent / "backups"
    folder.mkdir()
    nightly = (filled.folder / "kept.db").rename(folder / "captions-2026-11-22.db")
    page = pages_of(filled.database, "caption")[0]
    with filled.run() as program:
        drop(filled.inbox / "new.jpg")
        filled.captioned("new.jpg")
        program.process.send_signal(signal.SIGKILL)
        program.process.wait()
    wal = filled.database.with_name(filled.database.name + "-wal")
    assert wal.stat().st_size > 0
    flip(filled.database, page)
    wal.write_bytes(b"")  # what stood in it can't hide the page
    text = refused(filled)
    assert str(nightly) in text
    filled.database.write_bytes(nightly.read_bytes())
    with filled.run():
        drop(filled.inbox / "newer.jpg")
        filled.captioned("newer.jpg")


@pytest.mark.fault("the database is damaged")
def test_a_damaged_database_is_not_backed_up(filled: Home) -> None:
    flip(filled.database, pages_of(filled.database, "caption")[0])
    target = filled.folder / "kept.db"
    ended = filled.call("db", "backup", str(target))
    assert ended.returncode == 1
    assert "is damaged" in ended.stderr
    assert not target.exists()


def _of_a_newer_version(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()


def _of_another_program(path: Path) -> None:
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (id INTEGER)")
        connection.commit()


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_of_a_newer_version, "was made by a newer captiond"),
        (_of_another_program, "SQLite database of another program"),
        (_a_folder, "can't be opened"),
    ],
)
def test_what_is_no_database_of_ours_is_named_and_left_as_it_is(
    filled: Home, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(filled.database)
    before = filled.database.read_bytes() if filled.database.is_file() else None
    assert said in refused(filled)
    if before is not None:
        assert filled.database.read_bytes() == before


@pytest.mark.fault("the state's disk is full")
def test_a_start_on_a_full_disk_waits_for_room(home: Home, state: mounted.Share, fake: FakeEndpoint) -> None:
    ballast = state.point / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb") as opened:
        while True:
            opened.write(b"x" * 65536)
            opened.flush()
    drop(home.inbox / "one.jpg")
    with Program(home, ["run"], {}) as program:
        assert "disk is full" in program.event("database_trouble")["error"]
        assert not program.lines("started")
        assert not fake.requests
        ballast.unlink()
        home.captioned("one.jpg")


@pytest.mark.fault("the database is read-only")
def test_a_read_only_file_system_is_named(home: Home, state: mounted.Share) -> None:
    with home.run():
        drop(home.inbox / "one.jpg")
        home.captioned("one.jpg")
    state.read_only(True)
    text = refused(home)
    assert "Read-only file system" in text
    assert "for writing" in text
    state.read_only(False)
    with home.run():
        drop(home.inbox / "two.jpg")
        home.captioned("two.jpg")


@pytest.mark.fault("the database is read-only")
def test_a_database_that_may_only_be_read_is_named(filled: Home) -> None:
    if os.geteuid() == 0:
        # Root may write what it likes, but what is immutable.
        ended = subprocess.run(["chattr", "+i", filled.database], capture_output=True, check=False)
        if ended.returncode:
            pytest.skip("this file system has no immutable files")
    else:
        filled.database.chmod(0o444)
    try:
        assert "can't be written" in refused(filled)
    finally:
        if os.geteuid() == 0:
            subprocess.run(["chattr", "-i", filled.database], check=True)
        else:
            filled.database.chmod(0o644)


@pytest.mark.slow
@pytest.mark.fault("the database is locked")
def test_a_start_while_another_program_writes_waits_for_it(filled: Home, fake: FakeEndpoint) -> None:
    calls = len(fake.requests)
    with contextlib.closing(sqlite3.connect(filled.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        drop(filled.inbox / "new.jpg")
        with Program(filled, ["run"], {}) as program:
            assert "is locked" in program.event("database_trouble", timeout=90)["error"]
            assert len(fake.requests) == calls
            other.execute("ROLLBACK")
            filled.captioned("new.jpg", timeout=90)


def delete(home: Home) -> None:
    for path in home.database.parent.glob("captions.db*"):
        path.unlink()


def move_away(home: Home) -> None:
    home.database.parent.rename(home.folder / "elsewhere")


def put_a_backup_in_its_place(home: Home) -> None:
    backup = home.folder / "kept.db"
    assert home.call("db", "backup", str(backup)).returncode == 0
    delete(home)
    backup.rename(home.database)


@pytest.mark.parametrize("deed", [delete, move_away, put_a_backup_in_its_place])
@pytest.mark.fault("the database is moved or deleted")
def test_a_database_that_is_taken_away_ends_the_service_and_the_next_start_pays_for_nothing_twice(
    filled: Home, fake: FakeEndpoint, deed: Callable[[Home], None]
) -> None:
    with filled.run() as program:
        drop(filled.inbox / "before.jpg")
        filled.sidecar("before.jpg")
        calls = len(fake.requests)
        deed(filled)
        assert program.process.wait(20) == 1
        assert f"{filled.database} was moved, replaced or deleted" in program.event("database_lost")["error"]
        assert "Traceback" not in program.text
    drop(filled.inbox / "after.jpg")
    with filled.run():
        filled.captioned("before.jpg", "after.jpg", "39.jpg")
    assert len(fake.requests) == calls + 1


@pytest.mark.fault("the database is moved or deleted")
def test_captiond_caption_says_that_its_database_was_taken_away(home: Home, fake: FakeEndpoint) -> None:
    fake.default = hang()
    drop(home.inbox / "one.jpg")
    command = home.start("caption", str(home.inbox))
    until(lambda: fake.in_flight)
    delete(home)
    fake.release()
    _, text = command.communicate(timeout=60)
    assert command.returncode == 1
    assert "was moved, replaced or deleted" in text


@pytest.mark.fault("the database is damaged")
def test_damage_while_it_runs_ends_the_service_with_the_remedy(filled: Home) -> None:
    with filled.run() as program:
        os.truncate(filled.database, 0)
        drop(filled.inbox / "new.jpg")
        assert program.process.wait(20) == 1
        assert "captiond db rebuild" in program.text
        assert "Traceback" not in program.text


@contextlib.contextmanager
def readers_kept_out(path: Path) -> Iterator[None]:
    """All of SQLite's locks for readers (WAL_READ_LOCK of its wal.c) are another process's, which is this one."""
    with path.with_name(path.name + "-shm").open("r+b") as shared:
        fcntl.lockf(shared, fcntl.LOCK_EX, 5, 123)
        yield


@pytest.mark.slow
@pytest.mark.fault("the database is locked")
def test_an_answer_that_comes_while_the_database_can_not_be_read_is_recorded_once_it_can(
    home: Home, fake: FakeEndpoint
) -> None:
    fake.default = ok("A cat.", delay=1.0)
    with home.run() as program:
        drop(home.inbox / "a.jpg")
        until(lambda: fake.requests)
        with readers_kept_out(home.database):
            assert "is locked" in program.event("database_trouble")["error"]
            tried_again = time.monotonic() + 15.0  # SQLite gives up after 10 s
            until(lambda: time.monotonic() > tried_again)
        assert home.captioned("a.jpg")["a.jpg"]["caption"] == "A cat."
        assert len(fake.requests) == 1
