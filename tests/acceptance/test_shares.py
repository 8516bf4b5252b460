"""Shares that go away, come back, fill up and become read-only. Real mounts: it takes root, and the right to mount."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drops import drop, drop_many
from fake_endpoint import FakeEndpoint, echo
from mounted import Share, why_not
from program import Home, Program
from waiting import until


@pytest.fixture(autouse=True)
def _can_mount() -> None:
    if (reason := why_not()) is not None:
        pytest.skip(f"no file system can be mounted here: {reason}")


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    home = Home(tmp_path, fake.base_url)
    home.configure(watch="scan_seconds = 2", concurrency=8)
    return home


@pytest.fixture
def share(home: Home) -> Iterator[Share]:
    """A share mounted at the inbox."""
    share = Share(home.folder, home.inbox, "20m")
    yield share
    share.end()


def _state(home: Home) -> str:
    return str(home.rows("SELECT state FROM root WHERE path = ?", str(home.inbox))[0]["state"])


def _present(home: Home) -> int:
    return int(home.rows("SELECT count(*) AS n FROM captions WHERE present = 1")[0]["n"])


def _sidecars(home: Home) -> int:
    return len(list(home.inbox.rglob("*.caption.json")))


@pytest.mark.fault("a share goes away, comes back, or is not there at the start")
def test_an_unmounted_share_is_offline_and_goes_on_when_it_is_back(
    home: Home, fake: FakeEndpoint, share: Share
) -> None:
    drop_many(home.inbox / "album", 500)
    with home.run() as program:
        until(lambda: _present(home) == 500, timeout=60)
        until(lambda: _sidecars(home) == 500, timeout=60)
        calls = len(fake.requests)
        share.unmount()
        until(lambda: _state(home) == "offline")
        # A file in the bare mount point is not of the share.
        stray = drop(home.inbox / "stray.jpg")
        (home.inbox / "album").mkdir()
        drop(home.inbox / "album" / "0.jpg", "not the share's")
        status = json.loads(home.call("status", "--json").stdout)
        (root,) = status["roots"]
        assert (root["health"], root["files"]) == ("offline", 500)
        assert "not mounted" in root["reason"]
        time.sleep(2.5)  # a scan would have come in this time
        assert _present(home) == 500
        assert len(fake.requests) == calls
        assert _sidecars(home) == 0
        (line,) = program.lines("root_offline")
        assert "its 500 files wait" in line["detail"]
        assert "mount it" in line["detail"]
    # It does not go online by a restart either.
    with home.run() as program:
        program.event("root_offline")
        time.sleep(1.5)
        assert _present(home) == 500
        assert len(fake.requests) == calls
        assert _sidecars(home) == 0
        (home.inbox / "album" / "0.jpg").unlink()
        (home.inbox / "album").rmdir()
        stray.unlink()
        share.mount()
        until(lambda: _state(home) == "online")
        drop(home.inbox / "album" / "new.jpg", "after the remount")
        until(lambda: _present(home) == 501)
        assert len(fake.requests) == calls + 1
        until(lambda: _sidecars(home) == 501)
        assert len(program.lines("root_online")) == 1
    assert not home.rows("SELECT 1 FROM job WHERE state = 'failed'")


@pytest.mark.fault("a share goes away, comes back, or is not there at the start")
def test_a_share_that_goes_away_in_the_middle_fails_nothing_and_repeats_nothing(
    home: Home, fake: FakeEndpoint, share: Share
) -> None:
    fake.default = echo(delay=0.1)
    drop_many(home.inbox, 150)
    with home.run():
        until(lambda: len(fake.requests) >= 40, timeout=30)
        share.unmount()
        until(lambda: _state(home) == "offline")
        until(lambda: fake.in_flight == 0)
        until(lambda: not home.rows("SELECT 1 FROM job WHERE state = 'running'"))
        calls = len(fake.requests)
        assert calls < 150
        assert _sidecars(home) == 0
        assert not home.rows("SELECT 1 FROM job WHERE state = 'failed'")
        assert not home.rows("SELECT 1 FROM file WHERE present = 0")
        share.mount()
        until(lambda: _present(home) == 150, timeout=30)
        until(lambda: _sidecars(home) == 150, timeout=100)
    assert len(fake.requests) == 150
    assert not home.rows("SELECT 1 FROM job WHERE attempts > 1")


def test_a_root_below_a_share_is_offline_with_it(home: Home, fake: FakeEndpoint, share: Share) -> None:
    below = home.inbox / "photos" / "mine"
    below.mkdir(parents=True)
    home.config.write_text(home.config.read_text().replace(f'path = "{home.inbox}"', f'path = "{below}"'))
    drop(below / "a.jpg")
    with home.run() as program:
        home.captioned("a.jpg")
        share.unmount()
        below.mkdir(parents=True)
        assert f"mount {home.inbox}" in program.event("root_offline")["detail"]
        drop(below / "bare.jpg")
        share.mount()
        program.event("root_online")
        drop(below / "b.jpg")
        home.captioned("b.jpg")
    assert "bare.jpg" not in home.captions()
    assert home.captions()["a.jpg"]["present"] == 1
    assert len(fake.requests) == 2


@pytest.mark.fault("a share goes away, comes back, or is not there at the start")
def test_a_root_that_is_away_blocks_no_other(home: Home, fake: FakeEndpoint, share: Share) -> None:
    other = home.folder / "other"
    other.mkdir()
    home.configure(watch="scan_seconds = 2", more=f'[[watch]]\npath = "{other}"\nsettle_seconds = 0.2')
    drop_many(home.inbox, 20)
    fake.default = echo(delay=0.3)
    with home.run() as program:
        until(lambda: len(fake.requests) >= 4)
        share.unmount()
        program.event("root_offline")
        drop(other / "here.jpg")
        home.captioned("here.jpg")
        until((other / "here.jpg.caption.json").exists)
        asked = home.call("caption", str(home.inbox / "1.jpg"))
        assert asked.returncode == 1
        assert "no such file" in asked.stderr


def _pending(home: Home, count: int) -> None:
    until(lambda: len(home.rows("SELECT 1 FROM sidecar WHERE state = 'pending' AND reason IS NOT NULL")) == count)


def _written_after_restart(home: Home, program: Program, count: int, fake: FakeEndpoint) -> None:
    """What waits is written at the next start at the latest; while it runs a wait is a minute."""
    calls = len(fake.requests)
    program.stop()
    with home.run():
        until(lambda: _sidecars(home) == count)
        until(lambda: not home.rows("SELECT 1 FROM sidecar WHERE state = 'pending'"))
    assert len(fake.requests) == calls


@pytest.mark.fault("a share is full or read-only")
def test_on_a_full_share_captions_are_kept_and_sidecars_written_when_there_is_room(
    home: Home, fake: FakeEndpoint, share: Share
) -> None:
    drop_many(home.inbox, 5)
    ballast = home.inbox / "ballast.bin"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as out:
        while True:
            out.write(bytes(4096))
    with home.run() as program:
        until(lambda: _present(home) == 5)
        _pending(home, 5)
        status = json.loads(home.call("status", "--json").stdout)
        assert status["sidecars"]["pending"] == 5
        assert "space" in status["sidecars"]["troubles"][0]["reason"].lower()
        assert len(program.lines("sidecar_pending")) == 1
        assert sorted(path.name for path in home.inbox.iterdir()) == [*(f"{n}.jpg" for n in range(5)), "ballast.bin"]
        ballast.unlink()
        _written_after_restart(home, program, 5, fake)


@pytest.mark.fault("a share is full or read-only")
def test_on_a_read_only_share_captions_are_kept_and_sidecars_written_when_it_is_writable(
    home: Home, fake: FakeEndpoint, share: Share
) -> None:
    drop_many(home.inbox, 5)
    share.read_only(True)
    with home.run() as program:
        until(lambda: _present(home) == 5)
        _pending(home, 5)
        shown = json.loads(home.call("show", "--json", str(home.inbox / "1.jpg")).stdout)
        assert shown["sidecar"]["state"] == "pending"
        assert "read-only" in shown["sidecar"]["reason"].lower()
        assert len(program.lines("sidecar_pending")) == 1
        share.read_only(False)
        _written_after_restart(home, program, 5, fake)


@pytest.mark.slow
def test_sidecars_that_wait_are_written_by_the_running_service(home: Home, fake: FakeEndpoint, share: Share) -> None:
    drop_many(home.inbox, 300)
    share.read_only(True)
    with home.run():
        until(lambda: _present(home) == 300, timeout=60)
        _pending(home, 300)
        share.read_only(False)
        until(lambda: _sidecars(home) == 300, timeout=110)


@pytest.mark.slow
def test_the_sidecars_of_a_root_that_is_away_hold_up_no_others(home: Home, fake: FakeEndpoint, share: Share) -> None:
    other = home.folder / "other"
    other.mkdir()
    home.configure(watch="scan_seconds = 2", more=f'[[watch]]\npath = "{other}"\nsettle_seconds = 0.2')
    drop_many(home.inbox, 150)
    share.read_only(True)
    with home.run() as program:
        until(lambda: _present(home) == 150, timeout=60)
        _pending(home, 150)
        share.unmount()
        program.event("root_offline")
    with home.run():
        path = drop(other / "moves.jpg")
        home.captioned("moves.jpg")
        until((other / "moves.jpg.caption.json").exists)
        path.rename(other / "moved.jpg")
        until((other / "moved.jpg.caption.json").exists, timeout=60)
