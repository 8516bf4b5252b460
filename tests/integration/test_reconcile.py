"""Comparing a real tree with a real database."""

from __future__ import annotations

import os
import shutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from captiond import intake
from captiond.store import files
from captiond.store.engine import Database
from captiond.values import Stat
from captiond.watch import reconcile as module
from captiond.watch.missing import RootAway
from captiond.watch.reconcile import Hooks, ScanReport, reconcile
from watched import SUFFIX, Compared, quiet, write


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(f"sqlite:///{tmp_path}/captions.db") as opened:
        yield opened


@pytest.fixture
def root(db: Database, tmp_path: Path) -> Compared:
    (tmp_path / "in").mkdir()
    return Compared(db, tmp_path / "in")


def take_all(root: Compared) -> None:
    """What the last scan sighted is taken in, as if it had passed the gate."""
    paths = [Path(path) for path in root.sighted]
    for start in range(0, len(paths), intake.BATCH):
        intake.take(root.db, root.as_root, [quiet(path) for path in paths[start : start + intake.BATCH]], now=1.0)


def counts(report: ScanReport) -> tuple[int, int, int, int, int]:
    return report.seen, report.new, report.changed, report.gone, report.back


def test_a_first_scan_sights_all_and_a_second_nothing(root: Compared) -> None:
    for name in ("a.jpg", "b/c.png", "b/d/e.mp4", "b/d/notes.txt"):
        write(root.root / name)
    assert counts(root.scan()) == (4, 4, 0, 0, 0)
    assert root.found() == ["a.jpg", "b/c.png", "b/d/e.mp4", "b/d/notes.txt"]
    take_all(root)
    report = root.scan()
    assert counts(report) == (4, 0, 0, 0, 0)
    assert report.complete
    assert root.sighted == []


def test_junk_sidecars_and_excluded_folders_are_not_sighted(root: Compared) -> None:
    for name in (".hidden", "@eaDir/a.jpg", "b/@eaDir/a.jpg", "a.jpg" + SUFFIX, "Thumbs.db", "a.part", ".d/a.jpg"):
        write(root.root / name)
    assert counts(root.scan()) == (0, 0, 0, 0, 0)


@pytest.mark.fault("other bytes with the same size and time")
def test_changed_bytes_with_the_same_size_and_mtime_are_found_by_ctime(root: Compared) -> None:
    path = write(root.root / "a.jpg")
    root.scan()
    take_all(root)
    before = path.stat()
    path.write_bytes(b"x" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert root.scan().changed == 1
    assert root.found() == ["a.jpg"]


def test_missing_files_are_marked_absent_and_come_back_without_a_sighting(root: Compared, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c/d.jpg"):
        write(root.root / name)
    root.scan()
    take_all(root)
    (root.root / "a.jpg").rename(tmp_path / "a.jpg")
    assert counts(root.scan()) == (2, 0, 0, 1, 0)
    assert root.names(present=False) == {"a.jpg"}
    assert counts(root.scan()) == (2, 0, 0, 0, 0), "it is told once"
    os.link(tmp_path / "a.jpg", tmp_path / "kept")
    (tmp_path / "a.jpg").rename(root.root / "a.jpg")
    stat = (root.root / "a.jpg").stat()
    root.do("UPDATE file SET ctime_ns = ? WHERE name = 'a.jpg'", stat.st_ctime_ns)  # as after a remount
    report = root.scan()
    assert counts(report) == (3, 0, 0, 0, 1)
    assert root.sighted == []
    assert root.names() == {"a.jpg", "b.jpg", "d.jpg"}


def test_a_whole_folder_that_is_gone_is_marked_absent(root: Compared) -> None:
    for name in ("a/b/c.jpg", "a/b/d/e.jpg", "a.jpg", "a-b/f.jpg"):
        write(root.root / name)
    root.scan()
    take_all(root)
    shutil.rmtree(root.root / "a")
    assert root.scan().gone == 2
    assert root.names() == {"a.jpg", "f.jpg"}


def test_a_file_that_became_a_folder_and_a_folder_that_became_a_file(root: Compared) -> None:
    write(root.root / "x.jpg")
    write(root.root / "y" / "z.jpg")
    root.scan()
    take_all(root)
    (root.root / "x.jpg").unlink()
    shutil.rmtree(root.root / "y")
    write(root.root / "x.jpg" / "inner.jpg")
    write(root.root / "y")
    assert counts(root.scan()) == (2, 2, 0, 2, 0)
    assert root.found() == ["x.jpg/inner.jpg", "y"]


def test_what_is_excluded_since_it_was_captioned_is_left_as_it_is(db: Database, root: Compared) -> None:
    for name in ("a.jpg", "raw/b.jpg"):
        write(root.root / name)
    root.scan()
    take_all(root)
    narrower = Compared(db, root.root, exclude=["raw/", "a.jpg"])
    assert counts(narrower.scan())[1:] == (0, 0, 0, 0)
    write(root.root / "a.jpg", b"other bytes")
    assert counts(narrower.scan()) == (0, 0, 0, 0, 0)
    assert root.names() == {"a.jpg", "b.jpg"}


def test_an_offline_root_marks_nothing_absent(root: Compared) -> None:
    write(root.root / "a.jpg")
    root.scan()
    take_all(root)
    (root.root / "a.jpg").unlink()
    root.is_online = False
    with pytest.raises(RootAway):
        root.scan()
    assert root.names() == {"a.jpg"}


def test_a_missing_root_is_away_and_not_empty(root: Compared) -> None:
    write(root.root / "a.jpg")
    root.scan()
    take_all(root)
    shutil.rmtree(root.root)
    with pytest.raises(RootAway) as caught:
        root.scan()
    assert isinstance(caught.value.error, FileNotFoundError)
    assert root.names() == {"a.jpg"}


def test_a_folder_that_cannot_be_listed_is_reported_and_nothing_in_it_is_absent(
    root: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root every folder can be read; so the error is the system's own for another reason: too long a path."""
    deep = root.root
    for _ in range(12):
        deep = deep / ("d" * 100)
    write(deep / "a.jpg")
    write(root.root / "b.jpg")
    root.scan()
    take_all(root)
    here = os.open(deep, os.O_RDONLY)
    try:
        for _ in range(40):  # beyond PATH_MAX, reached step by step
            os.mkdir("e" * 100, dir_fd=here)
            further = os.open("e" * 100, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = further
    finally:
        os.close(here)
    report = root.scan()
    assert report.unreadable == 1
    assert "too long" in report.examples[0]
    assert report.complete
    assert root.names() == {"a.jpg", "b.jpg"}


def test_links_inside_the_root_are_files_and_links_out_of_it_only_if_named_like_media(
    root: Compared, tmp_path: Path
) -> None:
    target = write(root.root / "a.jpg")
    outside = write(tmp_path / "outside.jpg")
    (root.root / "inside").symlink_to("a.jpg")
    (root.root / "out.jpg").symlink_to(outside)
    (root.root / "out.txt").symlink_to(outside)
    (root.root / "broken.jpg").symlink_to("nowhere.jpg")
    (root.root / "folder.jpg").symlink_to(root.root)
    root.scan()
    assert root.found() == ["a.jpg", "inside", "out.jpg"]
    batch = [quiet(target), quiet(root.root / "inside")]
    intake.take(root.db, root.as_root, batch, now=1.0)
    root.scan()
    assert root.found() == ["out.jpg"]
    target.write_bytes(b"other bytes")
    root.scan()
    assert root.found() == ["a.jpg", "inside", "out.jpg"], "the link shows what its target shows"


def test_a_link_whose_target_is_gone_is_gone_too_and_back_with_it(root: Compared) -> None:
    target = write(root.root / "a.jpg")
    (root.root / "link.jpg").symlink_to("a.jpg")
    intake.take(root.db, root.as_root, [quiet(target), quiet(root.root / "link.jpg")], now=1.0)
    target.rename(root.root / "away.txt")
    assert root.scan().gone == 2
    assert root.names() == set()
    (root.root / "away.txt").rename(target)
    root.scan()
    assert "link.jpg" in root.names() | set(root.found())


def test_odd_names_are_known_again(root: Compared) -> None:
    folder = os.fsencode(root.root)
    for name in (b"a\xff.jpg", "ü\n.jpg".encode(), "\ufffdFF.jpg".encode(), b"\xffFF.jpg", b"'\"%.jpg"):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(name)
    os.mkdir(os.path.join(folder, b"d\xfe"))
    with open(os.path.join(folder, b"d\xfe", b"x\xfd.jpg"), "wb") as file:
        file.write(b"x")
    assert root.scan().new == 6
    take_all(root)
    assert counts(root.scan()) == (6, 0, 0, 0, 0)
    os.unlink(os.path.join(folder, b"a\xff.jpg"))
    shutil.rmtree(os.path.join(folder, b"d\xfe"))
    assert counts(root.scan()) == (4, 0, 0, 2, 0)


def test_a_very_large_folder_is_compared_in_parts_with_the_same_result(
    root: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LARGE", 50)
    monkeypatch.setattr(module, "_PART", 20)
    for i in range(130):
        write(root.root / f"{i:03}.jpg")
    assert root.scan().new == 130
    take_all(root)
    assert counts(root.scan()) == (130, 0, 0, 0, 0)
    for i in (3, 64, 129):
        (root.root / f"{i:03}.jpg").unlink()
    write(root.root / "new.jpg")
    write(root.root / "005.jpg", b"other")
    assert counts(root.scan()) == (128, 1, 1, 3, 0)
    assert root.names(present=False) == {"003.jpg", "064.jpg", "129.jpg"}


def test_files_of_another_root_are_sighted_so_that_they_come_under_this_one(root: Compared) -> None:
    write(root.root / "a.jpg")
    root.scan()
    take_all(root)
    root.do("UPDATE file SET root_id = NULL")
    root.scan()
    assert root.found() == ["a.jpg"]
    take_all(root)
    assert root.ask("SELECT root_id FROM file") == [(root.as_root.id,)]


def test_a_scan_that_is_told_to_stop_marks_nothing(root: Compared) -> None:
    for i in range(5):
        write(root.root / f"d{i}" / "a.jpg")
    root.scan()
    take_all(root)
    shutil.rmtree(root.root / "d3")
    asked = iter([False, False, True])
    hooks = Hooks(root.scope.enters, root.scope.takes, lambda _: True, lambda: True, lambda: next(asked, True))
    report = reconcile(root.db, root.as_root, hooks)
    assert not report.complete
    assert len(root.ask("SELECT * FROM file WHERE present = 1")) == 5


def test_each_folder_is_told_of_before_it_is_listed(root: Compared) -> None:
    write(root.root / "a" / "b" / "c.jpg")
    told: list[str] = []

    def entering(folder: str) -> None:
        told.append(os.path.relpath(folder, root.root))
        write(Path(folder) / "late.jpg")

    hooks = Hooks(root.scope.enters, root.scope.takes, root._sight, lambda: True, lambda: False, entering)
    reconcile(root.db, root.as_root, hooks)
    assert told == [".", "a", "a/b"]
    assert root.found() == ["a/b/c.jpg", "a/b/late.jpg", "a/late.jpg", "late.jpg"]


def test_memory_does_not_grow_with_the_number_of_files(root: Compared) -> None:
    def peak(count: int) -> int:
        with root.db.write() as conn:
            for i in range(count):
                path = root.root / f"d{i // 100:03}" / f"{i % 100:03}.jpg"
                path.parent.mkdir(exist_ok=True)
                path.touch()
                found = path.stat()
                stat = Stat(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
                files.ensure_file(conn, root.as_root.id, str(path), stat, media=True)
        root.scan()
        tracemalloc.start()
        report = root.scan()
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert report.seen == count
        return size

    small = peak(1_000)
    assert peak(10_000) < small + 100_000


def test_no_transaction_is_open_while_the_disk_is_read(db: Database, tmp_path: Path) -> None:
    root = Compared(db, tmp_path / "in")
    write(root.root / "folder" / "a.jpg")
    busy: list[int] = []

    def emptied(_path: str) -> bool:
        root.do("UPDATE root SET reason = 'something that is written meanwhile'")
        with db.write() as conn:
            conn.exec_driver_sql("COMMIT")  # a checkpoint runs in no transaction
            busy.append(conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0])
            conn.exec_driver_sql("BEGIN IMMEDIATE")
        return True

    reconcile(db, root.as_root, Hooks(emptied, emptied, lambda _: True, lambda: True))
    assert busy == [0, 0]
