"""Work that is overtaken while it is under way, through the real program: moves, reloads, stops, requests beside requests."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from clock import Clock
from drops import drop, drop_many
from fake_endpoint import FakeEndpoint, error, hang, ok
from processes import inotify_watches
from program import Home, Program
from waiting import until


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    return Home(tmp_path, fake.base_url)


def test_a_file_that_moves_while_it_is_asked_about_gets_its_sidecar_where_it_is_now(
    home: Home, fake: FakeEndpoint
) -> None:
    fake.default = hang(ok("It moved."))
    with home.run():
        path = drop(home.inbox / "before.jpg")
        until(lambda: fake.in_flight == 1)
        path.rename(home.inbox / "after.jpg")
        until(lambda: home.rows("SELECT 1 FROM file WHERE name = 'after.jpg'"))
        fake.release()
        home.captioned("after.jpg")
        assert home.sidecar("after.jpg")["file"] == "after.jpg"
    assert not (home.inbox / "before.jpg.caption.json").exists()
    assert len(fake.requests) == 1


def test_a_file_that_moves_to_a_root_with_another_recipe_while_it_is_asked_about_gets_that_ones_caption(
    home: Home, fake: FakeEndpoint
) -> None:
    other = home.folder / "other"
    other.mkdir()
    home.configure(
        recipe='[recipes.second]\nprompt = "Second?"',
        more=f'[[watch]]\npath = "{other}"\nrecipe = "second"\nsettle_seconds = 0.2',
    )
    fake.default = hang(ok("Some answer."))
    with home.run():
        path = drop(home.inbox / "it.jpg")
        until(lambda: fake.in_flight == 1)
        path.rename(other / "it.jpg")
        until(lambda: home.rows("SELECT 1 FROM file WHERE folder = ?", str(other)))
        fake.release()
        until(lambda: home.captions().get("it.jpg", {"recipe": None})["recipe"] == "second")
    assert len(fake.requests) == 2


def test_sigterm_while_a_reload_waits_for_calls_ends_in_order(home: Home, fake: FakeEndpoint) -> None:
    fake.default = hang()
    with home.run() as program:
        drop(home.inbox / "a.jpg")
        until(lambda: fake.in_flight == 1)
        program.signal(signal.SIGHUP)
        until(lambda: inotify_watches(program.process.pid) == 0)
        assert program.stop() == 0
        assert not program.lines("dispatcher_died")
    assert home.jobs()["a.jpg"]["state"] == "queued"


def test_a_reload_while_a_folder_of_the_command_line_is_away_ends_nothing(home: Home) -> None:
    extra = home.folder / "extra"
    extra.mkdir()
    with home.run(str(extra)) as program:
        extra.rename(home.folder / "away")
        program.event("root_offline")
        program.signal(signal.SIGHUP)
        program.event("reloaded")
        (home.folder / "away").rename(extra)
        drop(extra / "a.jpg")
        home.captioned("a.jpg")


def test_a_request_that_is_done_leaves_the_calls_of_another_alone(home: Home, fake: FakeEndpoint) -> None:
    drop(home.folder / "quick.jpg", colour="blue")
    album = home.folder / "album"
    album.mkdir()
    for number in range(3):
        drop(album / f"{number}.jpg")
    fake.script(ok("Quick.", delay=1.5))
    fake.default = ok("Slow.", delay=3)
    first = Program(home, ["caption", str(home.folder / "quick.jpg")], {})
    with first:
        until(lambda: fake.in_flight == 1)
        with Program(home, ["caption", str(album)], {}) as second:
            assert first.process.wait(30) == 0
            assert second.process.wait(30) == 0
    assert len(fake.requests) == 4


def test_retry_asks_under_the_recipe_that_the_root_has_now(home: Home, fake: FakeEndpoint) -> None:
    home.configure(recipe='[recipes.old]\nprompt = "Old?"', queue="max_attempts = 1", watch='recipe = "old"')
    fake.script(error(500))
    drop(home.inbox / "a.jpg")
    with home.run():
        home.failed("a.jpg")
    home.configure(recipe='[recipes.new]\nprompt = "New?"', watch='recipe = "new"')
    with home.run():
        assert home.call("retry", "--all").returncode == 0
        assert home.captioned("a.jpg")["a.jpg"]["recipe"] == "new"


def test_a_file_that_was_gone_and_is_back_is_captioned_on_request(home: Home, fake: FakeEndpoint) -> None:
    path = drop(home.folder / "a.jpg")
    other = drop(home.folder / "b.jpg", colour="blue")
    fake.script(error(401))
    assert home.call("caption", str(path)).returncode == 1
    path.rename(home.folder / "elsewhere")
    assert home.call("caption", str(other)).returncode == 0
    (home.folder / "elsewhere").rename(path)
    done = home.call("caption", str(path))
    assert (done.returncode, done.stderr) == (0, "1 captioned, 0 failed, 0.001294 USD\n")


@pytest.mark.parametrize("now", [b"", b"%PDF-1.7 and so on", b"GIF89a"])
def test_bytes_that_are_no_picture_do_not_keep_the_caption_of_those_before(home: Home, now: bytes) -> None:
    with home.run():
        path = drop(home.inbox / "a.jpg")
        home.captioned("a.jpg")
        path.write_bytes(now)
        home.failed("a.jpg")
        assert home.captions() == {}


def test_a_request_ends_when_the_one_endpoint_it_is_for_is_paused_whatever_the_others_are(
    home: Home, fake: FakeEndpoint
) -> None:
    other = home.folder / "other"
    other.mkdir()
    home.configure(
        endpoint=f'[endpoints.second]\nbase_url = "{fake.base_url}"\nmodel = "fake-vision-1"',
        recipe='[recipes.second]\nprompt = "Second?"\nendpoint = "second"',
        more=f'[[watch]]\npath = "{other}"\nrecipe = "second"\nsettle_seconds = 0.2',
    )
    with home.run():
        fake.script(error(401))
        refused = home.call("caption", str(drop(home.inbox / "a.jpg")), timeout=20)
        assert refused.returncode == 1
        assert "endpoint fake is paused" in refused.stderr
        assert home.call("caption", str(drop(other / "b.jpg")), timeout=20).returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.fault("a file system that fails or hangs")
def test_a_share_that_hangs_while_it_is_read_holds_up_no_other_root(home: Home, fake: FakeEndpoint) -> None:
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("needs /dev/fuse")
    share = home.folder / "share"
    names = drop_many(share, 200)
    home.configure(more=f'[[watch]]\npath = "{share}"\nsettle_seconds = 0.2')
    fake.default = ok("Something.", delay=0.1)
    device = os.open("/dev/fuse", os.O_RDWR)
    try:
        with home.run() as program:
            until(lambda: len(fake.requests) > 20)
            # FUSE without a server behind it: nothing that is asked of it is ever answered.
            options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.mount(b"nothing", os.fsencode(share), b"fuse", 0, options):
                pytest.skip(f"FUSE is not allowed here: {os.strerror(ctypes.get_errno())}")
            drop(home.inbox / "a.jpg")
            home.captioned("a.jpg", timeout=60)
            until(lambda: not home.rows("SELECT 1 FROM job WHERE state = 'running'"))
            os.close(device)
            subprocess.run(["umount", "--lazy", str(share)], check=True)
            home.captioned(*names, timeout=60)
            assert program.stop() == 0
    finally:
        with suppress(OSError):
            os.close(device)
        subprocess.run(["umount", "--lazy", str(share)], check=False, capture_output=True)
    assert len(fake.requests) == len(names) + 1


@pytest.mark.fault("a clock that jumps by years")
def test_a_clock_that_is_set_back_by_years_holds_up_no_job(home: Home, fake: FakeEndpoint) -> None:
    clock = Clock(home.folder)
    clock.set("+3000d")
    fake.script(error(500, retry_after=3))
    with home.run(env=clock.environment()) as program:
        drop(home.inbox / "a.jpg")
        until(lambda: home.rows("SELECT 1 FROM job WHERE state = 'queued' AND attempts = 1"))
        clock.set("+0d")
        home.captioned("a.jpg")
        assert program.event("clock_set_back")["seconds"] > 3000 * 86_000


@pytest.mark.fault("the state's disk is full")
def test_a_service_that_starts_while_the_disk_is_full_waits_for_room(home: Home) -> None:
    state = home.database.parent
    state.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(state)], check=False).returncode:
        pytest.skip("needs the right to mount")
    try:
        drop(home.inbox / "a.jpg")
        with home.run() as program:
            home.captioned("a.jpg")
            assert program.stop() == 0
        _fill(state / "much")
        with Program(home, ["run"], {}) as program:
            assert "its disk is full" in program.event("database_trouble")["error"]
            drop(home.inbox / "b.jpg")
            (state / "much").unlink()
            home.captioned("b.jpg")
            assert len(program.lines("database_trouble")) == 1
    finally:
        subprocess.run(["umount", "--lazy", str(state)], check=True)


def _fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as opened:
        for size in (65536, 4096, 1):
            with suppress(OSError):
                while True:
                    opened.write(bytes(size))
