"""A root under inotify: real folders, real events, a real database."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from captiond import log
from captiond.store.engine import Database
from captiond.values import Priority
from waiting import until
from watched import JPEG, SUFFIX, Watched, watching, write


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(f"sqlite:///{tmp_path}/state/captions.db") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    return made


@pytest.fixture
def root(db: Database, folder: Path) -> Iterator[Watched]:
    with watching(db, folder) as watched:
        until(lambda: watched.watcher.scans == 1)
        yield watched


def test_what_was_there_is_the_backlog_and_what_comes_is_new(db: Database, folder: Path) -> None:
    write(folder / "old.jpg")
    with watching(db, folder) as root:
        until(lambda: root.queued() == {"old.jpg"})
        write(folder / "new.jpg")
        until(lambda: root.queued() == {"old.jpg", "new.jpg"})
        assert root.jobs() == [("old.jpg", "queued", Priority.BACKLOG), ("new.jpg", "queued", Priority.NEW)]
        assert root.work == 2
    write(folder / "while_away.jpg")
    with watching(db, folder) as root:
        until(lambda: len(root.jobs()) == 3)
        assert root.jobs()[2] == ("while_away.jpg", "queued", Priority.NEW)


def test_a_scan_that_can_not_be_recorded_is_made_again_soon(db: Database, folder: Path) -> None:
    write(folder / "old.jpg")
    with db.write() as conn:
        conn.exec_driver_sql(
            "CREATE TRIGGER full BEFORE UPDATE OF scanned_at ON root BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    with watching(db, folder) as root:
        until(lambda: root.queued() == {"old.jpg"})
        root.do("DROP TRIGGER full")
        until(lambda: root.watcher.scans == 1, timeout=10)


def test_a_file_is_taken_up_soon_after_its_settle_time_and_never_before(root: Watched) -> None:
    late = []
    for i in range(7):
        before = root.work
        with open(root.root / f"{i}.jpg", "wb") as file:
            file.write(JPEG)
            file.flush()
            time.sleep(0.05)
            file.write(b"the end")
            last_write = time.monotonic()
        until(lambda before=before: root.work > before, interval=0.001)  # type: ignore[misc]
        late.append(time.monotonic() - last_write - 0.2)
    assert min(late) >= 0
    assert statistics.median(late) < 1  # 0.01 where nothing else runs; the next comparison would be minutes away


def test_a_slow_writer_is_waited_for_even_if_it_closes_now_and_then(db: Database, folder: Path) -> None:
    with watching(db, folder, settle_seconds=0.5) as root:
        path = folder / "slow.jpg"
        for _ in range(6):
            with path.open("ab") as file:
                file.write(JPEG)
            time.sleep(0.2)
            assert root.jobs() == []
        until(lambda: root.queued() == {"slow.jpg"})
        assert root.ask("SELECT size FROM file") == [(6 * len(JPEG),)]


def test_a_file_that_is_held_open_and_written_to_without_a_pause_waits(db: Database, folder: Path) -> None:
    with watching(db, folder, settle_seconds=0.3) as root, open(folder / "open.jpg", "wb", buffering=0) as file:
        for _ in range(12):
            file.write(JPEG)
            time.sleep(0.1)
            assert root.jobs() == []
        until(lambda: root.queued() == {"open.jpg"}, timeout=5)


def test_a_download_is_one_job_under_its_final_name(root: Watched) -> None:
    part = write(root.root / "photo.jpg.part")
    temporary = write(root.root / ".photo2.jpg.Xk3d9Q")
    part.rename(root.root / "photo.jpg")
    temporary.rename(root.root / "photo2.jpg")
    until(lambda: root.queued() == {"photo.jpg", "photo2.jpg"})
    assert len(root.ask("SELECT * FROM file")) == 2


def test_sidecars_junk_and_excluded_folders_cost_neither_rows_nor_watches(db: Database, folder: Path) -> None:
    (folder / "@eaDir" / "x").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    with watching(db, folder) as root:
        assert root.watcher._observer.folders == 1
        for name in (f"a.jpg{SUFFIX}", "@eaDir/a.jpg", ".hidden/a.jpg", ".DS_Store", "a.tmp", "#recycle/a.jpg"):
            write(folder / name)
        write(folder / "sub" / "a.jpg")
        until(lambda: root.names() == {"a.jpg"})
        root.scanned()
        assert root.watcher._observer.folders == 2
        assert root.names() == {"a.jpg"}


def test_folders_that_come_whole_are_seen_whole(root: Watched, tmp_path: Path) -> None:
    for i in range(40):
        write(tmp_path / "outside" / f"d{i % 8}" / "e" / f"m{i}.jpg")
    (tmp_path / "outside").rename(root.root / "moved in")
    for i in range(40):
        write(root.root / "made" / f"d{i % 8}" / "e" / f"c{i}.jpg")
    expected = {f"{kind}{i}.jpg" for kind in "mc" for i in range(40)}
    until(lambda: root.queued() == expected)
    assert root.watcher.scans == 1, "events told, no scan was needed"


def test_a_renamed_folder_carries_its_files_and_is_watched_under_its_new_name(root: Watched) -> None:
    write(root.root / "a" / "b" / "x.jpg")
    until(lambda: root.queued() == {"x.jpg"})
    root.finish_all()
    (root.root / "a").rename(root.root / "z")
    until(lambda: root.ask("SELECT folder FROM file") == [(f"{root.root}/z/b",)])
    write(root.root / "z" / "b" / "y.jpg")
    write(root.root / "a" / "b" / "w.jpg")  # another folder of the old name
    until(lambda: root.queued() == {"y.jpg", "w.jpg"})
    assert dict(root.ask("SELECT name, folder FROM file")) == {
        "x.jpg": f"{root.root}/z/b",
        "y.jpg": f"{root.root}/z/b",
        "w.jpg": f"{root.root}/a/b",
    }
    assert root.names() == {"x.jpg", "y.jpg", "w.jpg"}
    assert root.watcher.scans == 1


def test_a_rename_costs_no_job_and_a_deleted_file_is_absent(root: Watched) -> None:
    write(root.root / "a.jpg")
    write(root.root / "b.jpg")
    until(lambda: len(root.queued()) == 2)
    root.finish_all()
    (root.root / "a.jpg").rename(root.root / "c.jpg")
    (root.root / "b.jpg").unlink()
    until(lambda: root.names() == {"c.jpg"} and root.names(present=False) == {"b.jpg"})
    assert root.queued() == set()
    assert root.watcher.scans == 1


def test_a_folder_that_is_moved_out_or_deleted_takes_its_files_along(root: Watched, tmp_path: Path) -> None:
    for name in ("out/x/a.jpg", "deleted/x/b.jpg", "stays/c.jpg"):
        write(root.root / name)
    until(lambda: len(root.queued()) == 3)
    (root.root / "out").rename(tmp_path / "elsewhere")
    shutil.rmtree(root.root / "deleted")
    until(lambda: root.names() == {"c.jpg"})
    write(tmp_path / "elsewhere" / "x" / "later.jpg")
    write(root.root / "stays" / "d.jpg")
    until(lambda: root.names() == {"c.jpg", "d.jpg"})
    assert root.watcher._observer.folders == 2
    assert root.watcher.scans == 1


def test_links_are_noticed_when_they_are_made(root: Watched, tmp_path: Path) -> None:
    target = write(root.root / "a.jpg")
    outside = write(tmp_path / "outside.jpg")
    os.link(target, root.root / "hard.jpg")
    (root.root / "soft.jpg").symlink_to("a.jpg")
    (root.root / "out.jpg").symlink_to(outside)
    (root.root / "loop").symlink_to(root.root)
    until(lambda: root.queued() == {"a.jpg", "hard.jpg", "soft.jpg", "out.jpg"})


def test_what_is_no_file_is_not_taken_up(root: Watched) -> None:
    os.mkfifo(root.root / "fifo.jpg")
    (root.root / "folder.jpg").mkdir()
    write(root.root / "folder.jpg" / "a.jpg")
    until(lambda: root.queued() == {"a.jpg"})
    root.scanned()
    assert root.names() == {"a.jpg"}


def test_a_burst_in_many_folders_is_seen_without_a_scan(root: Watched) -> None:
    for i in range(3000):
        write(root.root / f"d{i % 50}" / f"{i}.jpg")
    until(lambda: len(root.queued()) == 3000, timeout=30)
    assert root.watcher.scans == 1


@pytest.mark.fault("the queue of events overflows")
def test_an_overflow_of_the_event_queue_is_healed_by_a_scan(root: Watched) -> None:
    tree = root.watcher._observer._tree
    assert tree is not None
    (root.root / "former").mkdir()
    until(lambda: len(tree) == 2)
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    count = limit // 2 + 4096  # of two events at least each; the reader may have taken one buffer before it waits
    with tree._inotify._lock:
        for i in range(count):
            write(root.root / f"{i}.jpg", b"\xff\xd8\xff")
        shutil.rmtree(root.root / "former")
        write(root.root / "former" / "in_new_folder.jpg")
    until(lambda: root.watcher.scans >= 2, timeout=60, interval=0.05)
    until(lambda: len(root.queued()) == count + 1, timeout=60, interval=0.2)
    write(root.root / "former" / "after.jpg")
    until(lambda: "after.jpg" in root.queued())


def test_what_the_gate_may_have_dropped_is_found_by_a_scan_and_not_blamed_on_the_kernel_s_queue(
    root: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_pipe", None)
    lines = io.StringIO()
    log.configure("warning", "json", lines)
    gate = root.watcher._gate
    prepare = gate.prepare

    def crash() -> None:
        gate.prepare = prepare
        raise RuntimeError("nobody thought of it")

    gate.prepare = crash
    gate.wake()
    until(lambda: root.watcher.scans == 2)
    assert "gate_crashed" in lines.getvalue()
    assert "events_lost" not in lines.getvalue()


@pytest.mark.fault("the reader of events dies")
def test_a_reader_that_died_is_replaced_and_nothing_is_missed(root: Watched) -> None:
    tree = root.watcher._observer._tree
    assert tree is not None
    tree._inotify.stop()
    write(root.root / "unseen.jpg")
    until(lambda: root.queued() == {"unseen.jpg"})
    write(root.root / "seen.jpg")
    until(lambda: root.queued() == {"unseen.jpg", "seen.jpg"})
    assert root.watcher._observer._tree is not tree


def test_a_root_that_is_moved_away_is_offline_and_watched_again_when_it_is_back(root: Watched, tmp_path: Path) -> None:
    write(root.root / "a.jpg")
    until(lambda: root.queued() == {"a.jpg"})
    root.root.rename(tmp_path / "moved")
    until(lambda: len(root.states) == 2)
    assert not root.watcher.online
    write(tmp_path / "moved" / "b.jpg")
    assert root.ask("SELECT state, present FROM root, file") == [("offline", 1)]
    (tmp_path / "moved").rename(root.root)
    until(lambda: root.queued() == {"a.jpg", "b.jpg"})
    write(root.root / "c.jpg")
    until(lambda: root.queued() == {"a.jpg", "b.jpg", "c.jpg"})
    online = f"root {root.root} is online: watched by inotify, 1 folder"
    offline = f"root {root.root} is offline (no such folder): its 1 file waits; mount it or make it and it goes on"
    assert root.states == [(True, online), (False, offline), (True, online)]


def test_a_root_that_is_replaced_within_a_moment_is_watched_anew(root: Watched, tmp_path: Path) -> None:
    root.root.rename(tmp_path / "old")
    root.root.mkdir()
    until(lambda: root.watcher.scans == 2)
    write(root.root / "a.jpg")
    until(lambda: root.queued() == {"a.jpg"})
    assert root.states[-1][0]


def test_a_root_under_another_belongs_to_its_own_watcher(db: Database, folder: Path) -> None:
    (folder / "inner").mkdir()
    inner = Watched(db, folder / "inner", recipe="products")
    with watching(db, folder) as outer:
        write(folder / "inner" / "a.jpg")
        write(folder / "b.jpg")
        until(lambda: outer.queued() == {"b.jpg"})
        outer.scanned()
        assert outer.queued() == {"b.jpg"}
        inner.start()
        until(lambda: outer.queued() == {"a.jpg", "b.jpg"})
        inner.watcher.stop()
    assert dict(outer.ask("SELECT name, recipe FROM job JOIN file ON file.id = file_id")) == {
        "a.jpg": "products",
        "b.jpg": "default",
    }


def test_the_database_under_a_root_is_left_alone(tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path}/captions.db") as db, watching(db, tmp_path) as root:
        write(tmp_path / "a.jpg")
        write(tmp_path / "downloads" / "b.jpg")
        until(lambda: root.queued() == {"a.jpg"})
        root.scanned()
        assert root.names() == {"a.jpg"}


def inotify_descriptors() -> int:
    """What inotify holds open here: itself, and the pipe that ends its reader."""
    links = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(f"/proc/self/fd/{name}"))
    return sum(link.startswith(("pipe:", "anon_inode:inotify")) for link in links)


def test_stopping_is_quick_and_leaves_no_thread_or_descriptor(db: Database, folder: Path) -> None:
    for i in range(3000):
        (folder / f"{i % 30}").mkdir(exist_ok=True)
        (folder / f"{i % 30}" / f"{i}.jpg").touch()
    threads, descriptors = threading.active_count(), inotify_descriptors()
    root = Watched(db, folder).start()
    began = time.monotonic()
    root.watcher.stop()
    assert time.monotonic() - began < 1
    until(lambda: threading.active_count() == threads)
    until(lambda: inotify_descriptors() == descriptors)


def test_idling_costs_nearly_no_cpu(root: Watched) -> None:
    began = time.process_time()
    time.sleep(2)
    assert (time.process_time() - began) / 2 < 0.01


def test_many_folders_are_ready_in_seconds(db: Database, folder: Path) -> None:
    for i in range(20_000):
        (folder / f"{i % 200:03}" / f"{i}" if i >= 200 else folder / f"{i:03}").mkdir()
    began = time.monotonic()
    with watching(db, folder) as root:
        assert time.monotonic() - began < 20
        assert root.watcher._observer.folders == 20_001
        until(lambda: root.watcher.scans == 1, timeout=30)
        root.watcher.lost()  # as after an overflow
        write(folder / "199" / "1199" / "a.jpg")
        until(lambda: root.queued() == {"a.jpg"})
        until(lambda: root.watcher.scans == 2, timeout=30)
        assert root.watcher._observer.folders == 20_001
