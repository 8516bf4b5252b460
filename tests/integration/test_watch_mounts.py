"""Roots that are unmounted and mounted again: nothing of them is deleted, failed or captioned anew."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from captiond.store.engine import Database
from captiond.values import Priority
from captiond.watch.health import classify
from fuse_share import Fault, FuseShare
from waiting import until
from watched import Watched, watching, write


def _mounts_allowed() -> bool:
    return os.geteuid() == 0 and subprocess.run(["mount", "--help"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not _mounts_allowed(), reason="mounting needs root")

Mount = Callable[..., None]


def umount(path: Path) -> None:
    subprocess.run(["umount", path], check=True, capture_output=True)


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mounts, and unmounts at the end whatever still is."""
    mounted: list[Path] = []

    def do(target: Path, *how: str) -> None:
        done = subprocess.run(["mount", *how, target], check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
        mounted.append(target)

    yield do
    for target in reversed(mounted):
        subprocess.run(["umount", "-l", target], check=False, capture_output=True)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(f"sqlite:///{tmp_path}/captions.db") as opened:
        yield opened


@pytest.fixture
def share(tmp_path: Path, mount: Mount) -> Path:
    """A mount point whose files outlive its mounts."""
    (tmp_path / "server").mkdir()
    target = tmp_path / "my nas"
    target.mkdir()
    mount(target, "--bind", str(tmp_path / "server"))
    return target


def mount_again(share: Path, mount: Mount) -> None:
    mount(share, "--bind", str(share.parent / "server"))


def offline(root: Watched) -> None:
    until(lambda: root.ask("SELECT state FROM root") == [("offline",)])
    assert not root.watcher.online


def test_a_mount_is_known_by_its_place(share: Path, mount: Mount) -> None:
    first = classify(str(share))
    assert first.mount_point == str(share)
    umount(share)
    assert classify(str(share), first.mount_point).reason == "not mounted"
    mount_again(share, mount)
    assert classify(str(share), first.mount_point).online


def test_a_file_system_that_is_replaced_within_a_moment_is_watched_anew(
    db: Database, tmp_path: Path, mount: Mount
) -> None:
    (tmp_path / "in").mkdir()
    mount(tmp_path / "in", "-t", "tmpfs", "none")
    with watching(db, tmp_path / "in") as root:
        write(root.root / "a.jpg")
        until(lambda: root.queued() == {"a.jpg"})
        umount(root.root)
        mount(root.root, "-t", "tmpfs", "none")
        write(root.root / "b.jpg")
        until(lambda: root.queued() == {"a.jpg", "b.jpg"})
        write(root.root / "c.jpg")
        until(lambda: root.queued() == {"a.jpg", "b.jpg", "c.jpg"})


@pytest.mark.parametrize("before", [(), ("README.txt",), ("own.jpg",)])
def test_what_a_share_brings_that_is_mounted_late_is_a_first_backlog(
    db: Database, tmp_path: Path, mount: Mount, before: tuple[str, ...]
) -> None:
    (tmp_path / "in").mkdir()
    for name in before:
        write(tmp_path / "in" / name)
    for number in range(5):
        write(tmp_path / "server" / f"{number}.jpg")
    with watching(db, tmp_path / "in", confirm=3) as root:
        until(lambda: root.watcher.scans)
        until(lambda: len(root.names()) == len(before))
        if before:
            until(lambda: root.ask("SELECT go_at FROM root") != [(None,)])
        mount(root.root, "--bind", str(tmp_path / "server"))
        until(lambda: len(root.jobs()) >= 5)
        shared = [priority for name, _, priority in root.jobs() if name not in before]
        assert shared == [Priority.HELD] * 5
        root.scanned()
        assert [one for one in root.jobs() if one[2] > Priority.HELD and one[0] not in before] == []
        write(root.root / "new.jpg")
        until(lambda: ("new.jpg", "queued", Priority.NEW) in root.jobs())


@pytest.mark.parametrize("mode", ["inotify", "poll"])
def test_an_unmounted_root_is_offline_and_a_remount_costs_nothing(
    db: Database, share: Path, mount: Mount, mode: str
) -> None:
    for i in range(20):
        write(share / f"d{i % 3}" / f"{i}.jpg")
    with watching(db, share, mode=mode, poll_seconds=0.3, scan_seconds=1) as root:
        until(lambda: len(root.queued()) == 20)
        root.finish_all()
        umount(share)
        offline(root)
        reason = root.ask("SELECT reason FROM root")[0][0]
        assert reason == "not mounted: mount it"
        told = (False, f"root {share} is offline (not mounted): its 20 files wait; mount it and they go on")
        until(lambda: root.states[-1] == told)
        assert list(share.iterdir()) == [], "nothing was written into the bare mount point"
        assert len(root.names()) == 20
        write(share.parent / "server" / "meanwhile.jpg")
        mount_again(share, mount)
        until(lambda: root.queued() == {"meanwhile.jpg"})
        assert len(root.names()) == 21
        assert [online for online, _ in root.states] == [True, False, True]
        write(share / "after.jpg")
        until(lambda: root.queued() == {"meanwhile.jpg", "after.jpg"})


@pytest.mark.fault("a share goes away, comes back, or is not there at the start")
def test_a_root_that_is_absent_at_start_waits_for_its_mount(db: Database, share: Path, mount: Mount) -> None:
    write(share / "a.jpg")
    with watching(db, share) as root:
        until(lambda: root.queued() == {"a.jpg"})
        root.finish_all()
    umount(share)
    write(share / "in_the_bare_mount_point.jpg")
    with watching(db, share) as root:
        offline(root)
        assert root.names() == {"a.jpg"}
        mount_again(share, mount)
        until(lambda: root.watcher.scans == 1)
        assert root.names() == {"a.jpg"}
        assert root.queued() == set()


def test_a_root_in_a_folder_of_the_share_is_offline_too(db: Database, share: Path, mount: Mount) -> None:
    write(share / "incoming" / "a.jpg")
    with watching(db, share / "incoming") as root:
        until(lambda: root.queued() == {"a.jpg"})
        umount(share)
        (share / "incoming").mkdir()  # a folder of the same name below the mount
        offline(root)
        assert root.names() == {"a.jpg"}
        until(lambda: f"mount {share}" in root.states[-1][1])


def test_a_mount_over_a_root_is_another_root_until_it_is_taken_away(db: Database, tmp_path: Path, mount: Mount) -> None:
    (tmp_path / "in").mkdir()
    with watching(db, tmp_path / "in") as root:
        write(root.root / "below.jpg")
        until(lambda: root.queued() == {"below.jpg"})
        mount(root.root, "-t", "tmpfs", "none")
        write(root.root / "above.jpg")
        until(lambda: root.queued() == {"below.jpg", "above.jpg"})
        until(lambda: root.names() == {"above.jpg"})
        umount(root.root)
        offline(root)


def test_a_disk_that_is_mounted_within_a_root_is_watched_too(db: Database, tmp_path: Path, mount: Mount) -> None:
    (tmp_path / "in" / "disk").mkdir(parents=True)
    with watching(db, tmp_path / "in") as root:
        until(lambda: root.watcher.scans == 1)
        mount(root.root / "disk", "-t", "tmpfs", "none")
        write(root.root / "disk" / "a.jpg")
        until(lambda: root.queued() == {"a.jpg"})
        write(root.root / "disk" / "b.jpg")
        until(lambda: root.queued() == {"a.jpg", "b.jpg"})
        scans = root.watcher.scans
        umount(root.root / "disk")
        write(root.root / "disk" / "c.jpg")
        until(lambda: root.watcher.scans > scans)
        until(lambda: "c.jpg" in root.queued())


@pytest.fixture
def dead(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A file system that never answers, and what makes it fail instead: FUSE without a server behind it."""
    target = tmp_path / "dead"
    target.mkdir()
    device = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    if libc.mount(b"nothing", os.fsencode(target), b"fuse", 0, options):
        os.close(device)
        pytest.skip(f"FUSE is not allowed here: {os.strerror(ctypes.get_errno())}")
    still_open = [device]

    def fail() -> None:
        if still_open:
            os.close(still_open.pop())

    yield target, fail
    fail()
    subprocess.run(["umount", "-l", target], check=False, capture_output=True)


@pytest.mark.fault("a file system that fails or hangs")
def test_a_file_system_that_hangs_holds_up_neither_other_roots_nor_the_stop(
    db: Database, tmp_path: Path, dead: tuple[Path, Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("captiond.watch.root.HUNG_SECONDS", 0.5)
    (tmp_path / "well").mkdir()
    with watching(db, tmp_path / "well") as well:
        hangs = Watched(db, dead[0])
        hangs.watcher.start()
        write(well.root / "a.jpg")
        until(lambda: well.queued() == {"a.jpg"})
        hangs.watcher.revive()
        assert not hangs.watcher.online
        assert well.watcher.online
        began = time.monotonic()
        hangs.watcher.stop()
        assert time.monotonic() - began < 1.2
        dead[1]()
        until(lambda: not any(thread.is_alive() for thread in hangs.watcher._threads.values()))


def test_a_root_that_begins_to_hang_is_offline_and_its_state_says_so(
    db: Database, tmp_path: Path, dead: tuple[Path, Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("captiond.watch.root.HUNG_SECONDS", 0.5)
    (tmp_path / "real").mkdir()
    (tmp_path / "in").symlink_to(tmp_path / "real")
    with watching(db, tmp_path / "in", mode="poll", poll_seconds=0.2) as root:
        write(root.root / "a.jpg")
        until(lambda: root.queued() == {"a.jpg"})
        (tmp_path / "new").symlink_to(dead[0])
        (tmp_path / "new").rename(tmp_path / "in")

        def is_offline() -> bool:
            root.watcher.revive()
            return not root.watcher.online

        until(is_offline)
        until(lambda: "has not answered for 0.5 s" in root.states[-1][1])
        assert root.ask("SELECT state, present FROM root, file") == [("offline", 1)]
        dead[1]()  # now every access fails instead
        until(lambda: "not answer" in str(root.ask("SELECT reason FROM root")))
        (tmp_path / "new").symlink_to(tmp_path / "real")
        (tmp_path / "new").rename(tmp_path / "in")
        until(lambda: not is_offline() and len(root.states) == 3)
        assert [online for online, _ in root.states] == [True, False, True]
        assert root.names() == {"a.jpg"}


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FuseShare]:
    """A share with a tree of 25 folders, each of which takes 0.1 s to be listed: more than a root may be silent for."""
    monkeypatch.setattr("captiond.watch.root.HUNG_SECONDS", 1.0)
    share = FuseShare(tmp_path, tmp_path / "share")
    for number in range(25):
        write(share.store / "tree" / f"{number}" / f"{number}.jpg")
    (share.store / "in").mkdir()
    share.make(Fault(("readdir",), seconds=0.1))
    yield share
    share.end()


def all_queued_and_never_offline(root: Watched) -> None:
    def all_queued() -> bool:
        root.watcher.revive()
        assert root.watcher.online
        return len(root.queued()) == 25

    until(all_queued)
    assert [online for online, _ in root.states] == [True]


def test_a_large_tree_that_is_moved_into_a_slow_root_is_not_taken_for_one_that_hangs(
    db: Database, slow: FuseShare
) -> None:
    with watching(db, slow.point / "in", mode="inotify") as root:
        until(lambda: root.watcher.scans == 1)
        (slow.point / "tree").rename(root.root / "tree")
        all_queued_and_never_offline(root)


def test_a_large_slow_tree_that_is_watched_anew_is_not_taken_for_one_that_hangs(db: Database, slow: FuseShare) -> None:
    root = Watched(db, slow.point / "tree", mode="inotify")
    try:
        root.watcher.start()
        until(lambda: root.watcher.health.online)
        all_queued_and_never_offline(root)
    finally:
        root.watcher.stop()
