"""Shares whose server fails, hangs, is slow or dies: they hold up no other root, and what they had goes on when they are well."""

from __future__ import annotations

import errno
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drops import drop, drop_many, noise
from fake_endpoint import FakeEndpoint, ok
from fuse_share import Fault, FuseShare
from program import Home
from waiting import until

EVERYTHING = ("getattr", "readdir", "open", "read", "create", "write", "mkdir", "unlink", "rename", "link", "fsync")
READING = ("read",)
WRITING = ("write", "fsync")
AWAY = [errno.EIO, errno.ESTALE, errno.EHOSTDOWN]


def _name(number: int) -> str:
    return errno.errorcode[number]


@pytest.fixture
def share(tmp_path: Path) -> Iterator[FuseShare]:
    share = FuseShare(tmp_path, tmp_path / "share")
    yield share
    share.end()


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint, share: FuseShare) -> Home:
    """It watches the share, and another root: the inbox."""
    return _watching(tmp_path, fake, share)


def _watching(folder: Path, fake: FakeEndpoint, share: FuseShare) -> Home:
    home = Home(folder, fake.base_url)
    more = f'[[watch]]\npath = "{share.point}"\nsettle_seconds = 0.2\npoll_seconds = 0.5'
    home.configure(more=more, queue="backoff_max_seconds = 0.5")
    return home


def _health(home: Home, share: FuseShare) -> dict[str, object]:
    roots = json.loads(home.call("status", "--json", timeout=20).stdout)["roots"]
    return next(root for root in roots if root["path"] == str(share.point))


@pytest.mark.parametrize("number", AWAY, ids=_name)
@pytest.mark.fault("a file system that fails or hangs")
def test_a_share_that_answers_with_errors_waits_and_fails_no_file(
    home: Home, fake: FakeEndpoint, share: FuseShare, number: int
) -> None:
    fake.default = ok("Something.", delay=0.1)
    with home.run() as program:
        names = drop_many(share.store, 60)
        until(lambda: len(fake.requests) > 10)
        share.make(Fault(EVERYTHING, errno=number))
        assert "does not answer" in program.event("root_offline")["detail"]
        drop(home.inbox / "elsewhere.jpg")
        home.captioned("elsewhere.jpg")
        until(lambda: not home.rows("SELECT 1 FROM job WHERE state = 'running'"))
        assert _health(home, share)["health"] == "offline"
        assert not home.rows("SELECT 1 FROM file WHERE present = 0")
        share.well()
        home.captioned(*names)
        until(lambda: len(list(share.store.glob("*.caption.json"))) == len(names), timeout=100)
    assert not home.rows("SELECT 1 FROM job WHERE state = 'failed'")
    assert len(fake.requests) == len(names) + 1


@pytest.mark.parametrize("number", AWAY, ids=_name)
@pytest.mark.fault("a file system that fails or hangs")
def test_one_file_that_can_not_be_read_holds_up_no_other_of_its_share(
    home: Home, fake: FakeEndpoint, share: FuseShare, number: int
) -> None:
    share.make(Fault(("read",), name="bad.jpg", errno=number))
    drop(share.store / "bad.jpg")
    names = drop_many(share.store, 20)
    with home.run():
        home.captioned(*names)
        if number == errno.EIO:
            assert home.failed("bad.jpg")["reason"] == "unreadable"
            share.well()
            assert home.call("retry", "--all").returncode == 0
        else:
            until(lambda: home.jobs()["bad.jpg"]["reason"] is not None)
            share.well()
        home.captioned("bad.jpg")
    assert len(fake.requests) == len(names) + 1


@pytest.mark.fault("a file system that fails or hangs")
def test_a_share_whose_server_died_waits_until_it_is_mounted_again(
    home: Home, fake: FakeEndpoint, share: FuseShare
) -> None:
    fake.default = ok("Something.", delay=0.1)
    with home.run() as program:
        names = drop_many(share.store, 60)
        until(lambda: len(fake.requests) > 10)
        share.die()
        program.event("root_offline")
        drop(home.inbox / "elsewhere.jpg")
        home.captioned("elsewhere.jpg")
        share.unmount()
        share.mount()
        home.captioned(*names)
    assert not home.rows("SELECT 1 FROM job WHERE state = 'failed'")
    assert len(fake.requests) == len(names) + 1


@pytest.mark.slow
@pytest.mark.parametrize("operations", [EVERYTHING, READING, WRITING], ids=["everything", "reading", "writing"])
@pytest.mark.fault("a file system that fails or hangs")
def test_a_share_that_hangs_holds_up_no_other_root(
    home: Home, fake: FakeEndpoint, share: FuseShare, operations: tuple[str, ...]
) -> None:
    with home.run() as program, share.made_well():
        drop(share.store / "before.jpg")
        home.captioned("before.jpg")
        share.make(Fault(operations, hang=True))
        names = drop_many(share.store, 50)
        program.event("root_offline" if operations is EVERYTHING else "file_hangs")
        elsewhere = drop_many(home.inbox, 100, "elsewhere-")
        home.captioned(*elsewhere)
        until(lambda: len(list(home.inbox.glob("*.caption.json"))) == len(elsewhere), timeout=60)
        assert _health(home, share)["health"] == ("offline" if operations is EVERYTHING else "online")
        share.well()
        home.captioned(*names)
        until(lambda: len(list(share.store.glob("*.caption.json"))) == len(names) + 1, timeout=100)
        assert program.stop() == 0
    assert not home.rows("SELECT 1 FROM job WHERE state = 'failed'")
    assert len(fake.requests) == 1 + len(names) + len(elsewhere)


@pytest.mark.slow
@pytest.mark.fault("a file system that fails or hangs")
def test_a_large_file_of_a_slow_share_is_not_taken_for_one_that_hangs(
    home: Home, fake: FakeEndpoint, share: FuseShare
) -> None:
    film = share.store / "film.avi"
    film.write_bytes(b"RIFF\xff\xff\xff\x7fAVI LIST" + bytes(14_000_000))
    share.make(Fault(("read",), seconds=0.4))
    with home.run() as program:
        began = time.monotonic()
        home.failed("film.avi", timeout=120)
        assert time.monotonic() - began > 35
        assert not program.lines("file_hangs")


@pytest.mark.slow
@pytest.mark.fault("a file system that fails or hangs")
def test_a_file_that_takes_minutes_to_be_read_keeps_none_of_another_root_waiting(
    home: Home, fake: FakeEndpoint, share: FuseShare
) -> None:
    with home.config.open("a") as config:
        config.write("[media]\nworkers = 1\n")
    (share.store / "film.avi").write_bytes(b"RIFF\xff\xff\xff\x7fAVI LIST" + bytes(50_000_000))
    share.make(Fault(("read",), seconds=0.4))
    with home.run() as program:
        until(lambda: home.rows("SELECT 1 FROM job WHERE state = 'running'"))
        drop(home.inbox / "elsewhere.jpg")
        home.captioned("elsewhere.jpg", timeout=100)
        assert [row["name"] for row in home.rows(_RUNNING)] == ["film.avi"]
        assert not program.lines("file_hangs")
        share.well()
        home.failed("film.avi")


_RUNNING = "SELECT name FROM job JOIN file ON file.id = file_id WHERE state = 'running'"


@pytest.mark.parametrize("by", ["this machine", "another machine"])
@pytest.mark.fault("a file that is replaced while it is read")
def test_a_file_that_is_replaced_while_a_slow_share_reads_it_is_asked_as_it_is_then(
    home: Home, fake: FakeEndpoint, share: FuseShare, by: str
) -> None:
    place = share.point if by == "this machine" else share.store
    noise(share.store / "a.jpg")
    noise(share.store / "new.part")
    share.make(Fault(("read",), seconds=0.2))
    with home.run():
        until(lambda: home.rows("SELECT 1 FROM job WHERE state = 'running'"))
        (place / "new.part").rename(place / "a.jpg")
        digest = hashlib.sha256((share.store / "a.jpg").read_bytes()).hexdigest()
        until(lambda: home.captions().get("a.jpg", {"sha256": None})["sha256"] == digest)
    assert len(fake.requests) == 1


def test_a_name_whose_case_alone_changes_on_a_share_that_takes_any_is_a_move_and_its_sidecar_stays(
    tmp_path: Path, fake: FakeEndpoint
) -> None:
    share = FuseShare(tmp_path, tmp_path / "share", any_case=True)
    try:
        home = _watching(tmp_path, fake, share)
        (share.store / "Holiday").mkdir()
        drop(share.store / "IMG_1.JPG")
        drop(share.store / "Holiday" / "IMG_2.JPG")
        with home.run():
            until(lambda: len(list(share.store.rglob("*.caption.json"))) == 2)
            (share.store / "IMG_1.JPG").rename(share.store / "img_1.jpg")
            (share.store / "Holiday").rename(share.store / "holiday")
            paths = {f"{share.point}/img_1.jpg", f"{share.point}/holiday/IMG_2.JPG"}
            present = "SELECT path FROM captions WHERE present"
            until(lambda: {row["path"] for row in home.rows(present)} == paths)
            until(lambda: not home.rows("SELECT 1 FROM sidecar WHERE state <> 'written'"))
            until(lambda: json.loads(Path(f"{share.point}/img_1.jpg.caption.json").read_text())["file"] == "img_1.jpg")
        assert len(list(share.store.rglob("*.caption.json"))) == 2
        assert len(fake.requests) == 2
    finally:
        share.end()
