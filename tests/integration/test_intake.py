"""Quiet files into the database: what is taken up, what is work, what is a move."""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from captiond import intake, jobs
from captiond.intake import IntakeReport, looks
from captiond.media import reader
from captiond.store import files, folders
from captiond.store.engine import Database
from captiond.values import Job, Priority, Quiet, Stat
from captiond.watch import gone
from captiond.watch.asking import Asking
from fuse_share import Fault, FuseShare
from waiting import until
from watched import JPEG, Compared, quiet, write


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(f"sqlite:///{tmp_path}/captions.db") as opened:
        yield opened


@pytest.fixture
def root(db: Database, tmp_path: Path) -> Compared:
    (tmp_path / "in").mkdir()
    return Compared(db, tmp_path / "in")


def take(root: Compared, *paths: Path | Quiet) -> IntakeReport:
    batch = [path if isinstance(path, Quiet) else quiet(path) for path in paths]
    return intake.take(root.db, root.as_root, batch, now=1000.0)


def test_a_new_picture_gets_a_row_and_a_job_with_its_priority(root: Compared) -> None:
    new, old = write(root.root / "new.jpg"), write(root.root / "2020" / "old.bin")
    taken = take(root, new, quiet(old, Priority.BACKLOG))
    assert (taken.new, taken.jobs) == (2, 2)
    assert root.jobs() == [("new.jpg", "queued", Priority.NEW), ("old.bin", "queued", Priority.BACKLOG)]
    with root.db.read() as conn:
        row = files.files_by_path(conn, [str(new)]).get(str(new))
    assert row is not None
    assert row.stat == quiet(new).stat
    assert (row.media, row.present, row.root_id) == (True, True, root.as_root.id)


def test_media_is_told_by_content_and_by_name_and_the_rest_is_only_remembered(root: Compared) -> None:
    write(root.root / "picture_without_extension")
    write(root.root / "text_named.jpg", b"no picture")
    write(root.root / "empty.png", b"")
    notes = write(root.root / "notes.txt", b"no picture")
    taken = take(root, *root.root.iterdir())
    assert root.queued() == {"picture_without_extension", "text_named.jpg", "empty.png"}
    assert (taken.new, taken.not_media) == (3, 1)
    assert root.ask("SELECT media FROM file WHERE name = 'notes.txt'") == [(0,)]
    assert take(root, notes).same == 1


def test_an_unchanged_file_is_no_work_whatever_became_of_its_job(root: Compared) -> None:
    path = write(root.root / "a.jpg")
    take(root, path)
    root.do("UPDATE job SET state = 'failed', reason = 'corrupt'")
    assert take(root, path) == IntakeReport(same=1)
    assert len(root.jobs()) == 1


@pytest.mark.parametrize("change", ["bytes", "time", "mode"])
def test_any_change_of_the_stat_is_a_new_job(root: Compared, change: str) -> None:
    path = write(root.root / "a.jpg")
    take(root, path)
    root.finish_all()
    match change:
        case "bytes":
            path.write_bytes(JPEG + b"more")
        case "time":
            os.utime(path, (1, 1))
        case "mode":
            path.chmod(0o600)
    taken = take(root, path)
    assert (taken.changed, taken.jobs) == (1, 1)
    assert [state for _, state, _ in root.jobs()] == ["done", "queued"]


def test_a_file_that_becomes_something_else_loses_its_caption(root: Compared) -> None:
    path = write(root.root / "a.bin")
    take(root, path)
    root.finish_all()
    path.write_bytes(b"text")
    assert take(root, path).not_media == 1
    assert root.ask("SELECT media, content_id, caption_id FROM file") == [(0, None, None)]


def test_a_rename_carries_content_and_caption_and_costs_no_job(root: Compared) -> None:
    old = write(root.root / "a.jpg")
    take(root, old)
    root.finish_all()
    before = root.ask("SELECT id, content_id, caption_id FROM file")
    new = root.root / "sub" / "b.jpg"
    new.parent.mkdir()
    old.rename(new)
    taken = take(root, new)
    assert (taken.moved, taken.jobs) == (1, 0)
    assert root.ask("SELECT id, content_id, caption_id FROM file") == before
    assert root.ask("SELECT folder, name, present FROM file") == [(str(new.parent), "b.jpg", 1)]
    assert root.ask("SELECT state, due_at FROM sidecar") == [("pending", 1000.0)]
    assert take(root, new).same == 1


def test_a_move_of_a_file_that_was_marked_absent_meanwhile_is_still_a_move(root: Compared) -> None:
    old = write(root.root / "a.jpg")
    take(root, old)
    root.finish_all()
    old.rename(root.root / "b.jpg")
    assert gone.mark_paths(root.db, root.as_root, [str(old)], lambda: True) == 1
    assert take(root, root.root / "b.jpg").moved == 1
    assert root.names() == {"b.jpg"}


def test_a_copy_and_a_hard_link_are_no_moves(root: Compared) -> None:
    old = write(root.root / "a.jpg")
    take(root, old)
    root.finish_all()
    os.link(old, root.root / "link.jpg")
    copy = write(root.root / "copy.jpg")
    os.utime(copy, ns=(old.stat().st_atime_ns, old.stat().st_mtime_ns))
    taken = take(root, root.root / "link.jpg", copy)
    assert (taken.moved, taken.new) == (0, 2)


def test_two_links_to_a_vanished_name_move_it_once(root: Compared) -> None:
    old = write(root.root / "a.jpg")
    take(root, old)
    os.link(old, root.root / "b.jpg")
    os.link(old, root.root / "c.jpg")
    old.unlink()
    taken = take(root, root.root / "b.jpg", root.root / "c.jpg")
    assert (taken.moved, taken.new) == (1, 1)
    assert root.names() == {"b.jpg", "c.jpg"}


def test_a_text_that_is_renamed_to_a_picture_is_looked_at(root: Compared) -> None:
    take(root, write(root.root / "a.txt", b"text"))
    (root.root / "a.txt").rename(root.root / "a.jpg")
    taken = take(root, root.root / "a.jpg")
    assert (taken.moved, taken.jobs) == (0, 1)


@pytest.mark.parametrize("born", ["told", "not told"])
def test_another_picture_with_the_inode_size_and_time_of_one_that_is_gone_is_read(
    root: Compared, monkeypatch: pytest.MonkeyPatch, born: str
) -> None:
    if born == "not told":
        monkeypatch.setattr(looks, "born_ns", lambda _path: None)
    old = write(root.root / "1.bmp", b"BM" + b"a" * 1000)
    os.utime(old, (1e9, 1e9))
    take(root, old)
    root.finish_all()
    gone = Stat.of(old.stat())
    old.unlink()
    # File systems give the inode again when they like: here the database is told that they did.
    new = write(root.root / "2.bmp", b"BM" + b"b" * 1000)
    os.utime(new, (1e9, 1e9))
    root.do("UPDATE file SET inode = ?", new.stat().st_ino)
    taken = take(root, new)
    assert (taken.jobs, root.queued()) == (1, {"2.bmp"})
    assert taken.moved == (born == "not told")
    assert gone.ctime_ns < new.stat().st_ctime_ns


def test_a_rename_where_the_file_system_tells_no_birth_is_read_again_only_if_its_time_is_a_whole_second(
    root: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "born_ns", lambda _path: None)
    whole, exact = write(root.root / "whole.jpg"), write(root.root / "exact.jpg", JPEG + b"!")
    os.utime(whole, ns=(0, 1_000_000_000))
    os.utime(exact, ns=(0, 1_000_000_001))
    take(root, whole, exact)
    root.finish_all()
    paths = [path.rename(root.root / f"new {path.name}") for path in (whole, exact)]
    taken = take(root, *paths)
    assert (taken.moved, taken.jobs) == (2, 1)
    assert root.queued() == {"new whole.jpg"}


@pytest.mark.parametrize("recipe", ["default", "products"])
def test_a_move_to_another_root_needs_a_job_only_if_that_asks_something_else(
    db: Database, root: Compared, tmp_path: Path, recipe: str
) -> None:
    (tmp_path / "other").mkdir()
    other = Compared(db, tmp_path / "other", recipe)
    old = write(root.root / "a.jpg")
    take(root, old)
    root.finish_all()
    new = other.root / "a.jpg"
    old.rename(new)
    taken = intake.take(db, other.as_root, [quiet(new)], now=1.0)
    assert (taken.moved, taken.jobs) == (1, 0 if recipe == "default" else 1)
    assert root.ask("SELECT root_id FROM file") == [(other.as_root.id,)]


def test_a_queued_job_moves_to_the_other_roots_recipe_with_its_file(
    db: Database, root: Compared, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Compared(db, tmp_path / "other", "products")
    old = write(root.root / "a.jpg")
    take(root, old)
    old.rename(other.root / "a.jpg")
    intake.take(db, other.as_root, [quiet(other.root / "a.jpg")], now=1.0)
    assert root.ask("SELECT root_id, recipe, state FROM job") == [(other.as_root.id, "products", "queued")]


@pytest.mark.parametrize("ending", ["given back", "failed, and tried again by a person"])
def test_a_file_that_moves_to_another_root_while_its_job_runs_is_found_there(
    db: Database, root: Compared, tmp_path: Path, ending: str
) -> None:
    (tmp_path / "other").mkdir()
    other = Compared(db, tmp_path / "other")
    old, new = write(root.root / "a.jpg"), other.root / "a.jpg"
    take(root, old)
    job = claimed(db, now=2000.0)
    if ending == "given back":
        old.rename(new)
        intake.take(db, other.as_root, [quiet(new)], now=2001.0)
        with db.write() as conn:
            jobs.give_back(conn, job, now=2002.0, due_at=2002.0)
    else:
        with db.write() as conn:
            jobs.fail(conn, job, reason="server_error", detail="", now=2000.0)
        old.rename(new)
        intake.take(db, other.as_root, [quiet(new)], now=2001.0)
        with db.write() as conn:
            assert jobs.requeue(conn, file_ids=None, now=2002.0, priority=Priority.PERSON) == 1
    job = claimed(db, now=2003.0)
    assert (job.path, job.root) == (str(new), str(other.root))
    assert reader.read(job.path, job.root).bytes == len(JPEG)


def claimed(db: Database, now: float) -> Job:
    """The only job that there is, claimed."""
    with db.write() as conn:
        (job,) = jobs.claim(conn, limit=2, recipes=["default"], offline_roots=[], run_id="run", now=now)
    return job


def test_a_file_that_comes_under_a_root_with_another_recipe_shows_its_known_caption_and_so_does_its_sidecar(
    db: Database, root: Compared
) -> None:
    path = write(root.root / "in" / "a.jpg")
    take(root, path)
    root.finish_all()
    (file_id, shown) = root.ask("SELECT id, caption_id FROM file")[0]
    root.do(
        "INSERT INTO caption (content_id, recipe, recipe_digest, text, source, model, created_at) "
        "SELECT content_id, 'products', 'p', 'a shoe', 'model', 'm', created_at FROM caption"
    )
    inner = Compared(db, path.parent, "products")
    assert intake.take(db, inner.as_root, [quiet(path)], now=2000.0).jobs == 0
    assert root.ask("SELECT caption_id FROM file") != [(shown,)]
    assert root.ask("SELECT file_id, state, due_at FROM sidecar") == [(file_id, "pending", 2000.0)]


def test_a_renamed_file_that_a_command_made_known_meanwhile_is_not_moved_onto_it(root: Compared) -> None:
    old, new = write(root.root / "a.jpg"), root.root / "b.jpg"
    take(root, old)
    old.rename(new)
    with root.db.write() as conn:
        source = files.files_by_path(conn, [str(old)])[str(old)]
        files.ensure_file(conn, None, str(new), quiet(new).stat, media=True)
        assert not files.move_file(conn, source, root.as_root.id, str(new), quiet(new).stat, now=1000.0)
    assert take(root, new).jobs == 1
    assert root.names() == {"a.jpg", "b.jpg"}


@pytest.mark.parametrize(("state", "fstype"), [("offline", "ext4"), ("online", "cifs")])
def test_files_of_a_root_that_is_away_or_may_hang_are_never_moved(
    db: Database, root: Compared, tmp_path: Path, state: str, fstype: str
) -> None:
    (tmp_path / "share").mkdir()
    share = Compared(db, tmp_path / "share")
    there = write(share.root / "a.jpg")
    intake.take(db, share.as_root, [quiet(there)], now=1.0)
    with db.write() as conn:
        files.set_root_state(conn, share.as_root.id, state, None, "/mnt", fstype)
    there.rename(root.root / "a.jpg")
    assert take(root, root.root / "a.jpg").moved == 0
    assert len(root.names()) == 1
    assert root.ask("SELECT count(*) FROM file WHERE root_id = ?", share.as_root.id) == [(1,)]


@pytest.mark.fault("a file system that fails or hangs")
@pytest.mark.parametrize("name", ["without_extension", "clip.mov"])
def test_while_a_share_hangs_that_is_looked_at_the_database_s_wal_can_be_emptied(
    db: Database, tmp_path: Path, name: str
) -> None:
    share = FuseShare(tmp_path, tmp_path / "share")
    try:
        (share.store / name).write_bytes(JPEG)
        root = Compared(db, share.point)
        batch = [quiet(share.point / name)]
        as_root = root.as_root
        looker = queue.SimpleQueue[int]()

        def look() -> IntakeReport:
            looker.put(threading.get_native_id())
            return intake.take(db, as_root, batch, now=1000.0)

        with ThreadPoolExecutor() as pool, share.made_well():
            share.make(Fault(("open",), name, hang=True))
            taken = pool.submit(look)
            waits = Path(f"/proc/self/task/{looker.get()}/wchan")
            until(lambda: "wait_answer" in waits.read_text())
            root.do("UPDATE root SET reason = 'something that is written meanwhile'")
            with db.write() as conn:
                conn.exec_driver_sql("COMMIT")  # a checkpoint runs in no transaction
                assert conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0] == 0
                conn.exec_driver_sql("BEGIN IMMEDIATE")
            assert not taken.done()
            share.well()
            assert taken.result().jobs == 1
    finally:
        share.end()


@pytest.mark.fault("a file system that fails or hangs")
def test_a_file_that_hangs_when_it_is_looked_into_is_told_and_one_that_waits_for_the_database_is_not(
    db: Database, tmp_path: Path
) -> None:
    share, disk = FuseShare(tmp_path, tmp_path / "share"), Asking()
    try:
        (share.store / "without_extension").write_bytes(JPEG)
        root = Compared(db, share.point)
        batch = [quiet(share.point / "without_extension")]
        with ThreadPoolExecutor() as pool, share.made_well():
            share.make(Fault(("open",), "without_extension", hang=True))
            taken = pool.submit(lambda: intake.take(db, root.as_root, batch, now=1000.0, disk=disk))
            until(lambda: disk.since is not None)
            began = disk.since
            time.sleep(0.2)
            assert disk.since == began
            with db.write():
                share.well()
                until(lambda: disk.since is None)
                assert not taken.done()
            assert taken.result().jobs == 1
    finally:
        share.end()


def test_a_file_that_is_back_as_it_was_is_present_again_and_no_work(root: Compared) -> None:
    path = write(root.root / "a.jpg")
    take(root, path)
    root.finish_all()
    root.do("UPDATE file SET present = 0")
    taken = take(root, path)
    assert (taken.back, taken.jobs) == (1, 0)
    assert root.names() == {"a.jpg"}


def test_a_file_that_was_captioned_by_hand_comes_under_its_root_without_a_job(root: Compared) -> None:
    path = write(root.root / "a.jpg")
    with root.db.write() as conn:
        file_id = files.ensure_file(conn, None, str(path), quiet(path).stat, media=True)
        jobs.enqueue(conn, file_id=file_id, root_id=None, recipe="default", priority=Priority.PERSON, now=1.0)
    root.finish_all()
    assert take(root, path).jobs == 0
    assert root.ask("SELECT root_id FROM file") == [(root.as_root.id,)]


def test_a_file_without_caption_and_without_any_job_is_never_left_so(root: Compared) -> None:
    path = write(root.root / "a.jpg")
    with root.db.write() as conn:
        files.ensure_file(conn, None, str(path), quiet(path).stat, media=True)
    assert take(root, path).jobs == 1


def test_a_file_that_vanished_is_nothing(root: Compared) -> None:
    taken = take(root, Quiet(str(root.root / "gone"), Stat(1, 1, 1, 1)))
    assert taken == IntakeReport(vanished=1)
    assert root.ask("SELECT * FROM file") == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_that_is_named_like_media_is_a_job_that_will_say_so(root: Compared) -> None:
    for name in ("a.jpg", "a.bin"):
        write(root.root / name).chmod(0)
    take(root, *root.root.iterdir())
    assert root.queued() == {"a.jpg"}


def test_what_is_no_regular_file_is_not_opened(root: Compared, tmp_path: Path) -> None:
    os.mkfifo(root.root / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root.root / "socket"))
        taken = take(root, root.root / "fifo", root.root / "socket")
    assert (taken.not_media, taken.jobs) == (2, 0)


def test_a_link_that_leads_out_of_the_root_is_not_read(root: Compared, tmp_path: Path) -> None:
    outside = write(tmp_path / "outside")
    (root.root / "link").symlink_to(outside)
    taken = take(root, root.root / "link")
    assert (taken.not_media, taken.jobs) == (1, 0)


def test_names_that_are_not_utf8_and_inodes_beyond_63_bits_come_back_as_they_were(root: Compared) -> None:
    path = os.path.join(os.fsencode(root.root), b"a\xff\n.jpg")
    stat = Stat(3, -5, 2**63 + 7, 2**64 - 1)
    sight = Quiet(os.fsdecode(path), stat)
    assert take(root, sight).new == 1
    assert take(root, sight).same == 1
    with root.db.read() as conn:
        (row,) = files.find_moved(conn, stat, root.as_root.id)
    assert row.stat.inode == 2**64 - 1


def test_a_full_batch_is_one_transaction(root: Compared) -> None:
    batch = [quiet(write(root.root / f"{i}.jpg")) for i in range(intake.BATCH)]
    commits = root.db.data_version()
    taken = take(root, *batch)
    assert taken.jobs == intake.BATCH
    assert root.db.data_version() == commits + 1


def test_nothing_is_recorded_of_a_batch_that_fails(root: Compared, tmp_path: Path) -> None:
    path = write(root.root / "a.jpg")
    root.do("CREATE TRIGGER full BEFORE INSERT ON job BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(Exception, match="no"):
        take(root, path)
    assert root.ask("SELECT * FROM file") == []
    root.do("DROP TRIGGER full")
    assert take(root, path).jobs == 1


def test_a_reader_does_not_hold_up_intake(root: Compared) -> None:
    path = write(root.root / "a.jpg")
    with root.db.read() as conn:
        assert conn.exec_driver_sql("SELECT * FROM file").all() == []
        assert take(root, path).jobs == 1
        assert conn.exec_driver_sql("SELECT * FROM file").all() == []


def test_what_cannot_be_opened_is_a_job_only_if_it_is_named_like_media(root: Compared) -> None:
    for name in ("a.jpg", "a.bin"):
        (root.root / name).symlink_to(name)  # a link to itself can't be opened, not even by root
    taken = take(root, *(Quiet(str(root.root / name), Stat(5, 1, 1, 1)) for name in ("a.jpg", "a.bin")))
    assert root.queued() == {"a.jpg"}
    assert taken.not_media == 1


def test_gone_paths_are_marked_only_if_they_are_gone_and_the_root_is_there(root: Compared) -> None:
    stays, goes = write(root.root / "stays.jpg"), write(root.root / "goes.jpg")
    take(root, stays, goes)
    goes.unlink()
    paths = [str(stays), str(goes), str(root.root / "never known")]
    assert gone.mark_paths(root.db, root.as_root, paths, lambda: False) == 0
    assert gone.mark_paths(root.db, root.as_root, paths, lambda: True) == 1
    assert root.names() == {"stays.jpg"}
    assert root.names(present=False) == {"goes.jpg"}


def test_a_file_that_came_back_while_it_was_looked_for_is_not_marked_absent(root: Compared) -> None:
    path = write(root.root / "a.jpg")
    take(root, path)
    with root.db.read() as conn:
        row = files.files_by_path(conn, [str(path)])[str(path)]
    path.unlink()
    write(path)
    take(root, path)
    with root.db.write() as conn:
        assert folders.mark_gone(conn, [row]) == 0
    assert root.names() == {"a.jpg"}


def test_all_below_a_folder_that_left_is_gone_and_its_neighbours_are_not(root: Compared) -> None:
    inside = [write(root.root / "x" / name) for name in ("a.jpg", "b/c.jpg", "b/d/e.jpg")]
    beside = [write(root.root / name) for name in ("x-old/a.jpg", "x.jpg", "x0/a.jpg", "w/a.jpg")]
    take(root, *inside, *beside)
    (root.root / "x").rename(root.root.parent / "away")
    assert gone.mark_under(root.db, root.as_root, str(root.root / "x"), lambda: True) == 3
    assert root.ask("SELECT count(*) FROM file WHERE present = 1") == [(4,)]
