"""A sidecar from its plan to what became of it, with real files and a real database."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from captiond import log
from captiond.config.models import Settings, Sidecar
from captiond.dispatch import Dispatcher, hangs, record, work
from captiond.store import files, sidecars
from captiond.store.engine import Database
from captiond.values import Stat
from captiond.wiring import wire
from fuse_share import Fault, FuseShare
from stored import add_file, add_root, save, show
from waiting import until

PICTURE = b"\xff\xd8\xff"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """An open database."""
    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as opened:
        yield opened


def published(db: Database, file_id: int) -> str:
    """Plan the file's sidecar, write it, and record it; the state that it is in then."""
    with db.write() as conn:
        plan = record.plan(conn, file_id, Sidecar())
    assert plan is not None
    outcome = work.publish(plan)
    if isinstance(outcome, work.HasFormer):
        outcome = work.take_away(outcome)
    assert isinstance(outcome, work.WasPublished)
    with db.write() as conn:
        sidecars.recorded(conn, file_id, outcome.path, outcome.outcome, retry_at=0.0)
    return outcome.outcome.state


@pytest.mark.parametrize("came_back", [True, False])
def test_a_file_that_moved_takes_its_sidecar_along_unless_another_file_has_come_to_the_old_place(
    db: Database, tmp_path: Path, came_back: bool
) -> None:
    old, new = tmp_path / "x" / "a.jpg", tmp_path / "y" / "a.jpg"
    hindrance = new.with_name("a.jpg.caption.json")
    for folder in (old.parent, hindrance):
        folder.mkdir(parents=True)
    old.write_bytes(PICTURE)
    with db.write() as conn:
        root_id, caption_id = add_root(conn, str(tmp_path)), save(conn, PICTURE, "words")
        file_id = add_file(conn, str(old), root_id)
        show(conn, file_id, PICTURE, caption_id)
    assert published(db, file_id) == "written"
    old.rename(new)
    with db.write() as conn:
        conn.exec_driver_sql("UPDATE file SET folder = ? WHERE id = ?", (str(new.parent), file_id))
    assert published(db, file_id) == "refused"
    if came_back:
        shutil.copy(new, old)
        with db.write() as conn:
            copy_id = add_file(conn, str(old), root_id)
            show(conn, copy_id, PICTURE, caption_id)
        assert published(db, copy_id) == "written"
    hindrance.rmdir()
    assert published(db, file_id) == "written"
    assert hindrance.exists()
    assert old.with_name("a.jpg.caption.json").exists() == came_back


def test_a_sidecar_stays_where_its_file_is_back_by_the_time_that_it_is_taken_away(db: Database, tmp_path: Path) -> None:
    here, away = tmp_path / "x" / "a.jpg", tmp_path / "y" / "a.jpg"
    for folder in (here.parent, away.parent):
        folder.mkdir()
    here.write_bytes(PICTURE)
    with db.write() as conn:
        file_id = add_file(conn, str(here), add_root(conn, str(tmp_path)))
        show(conn, file_id, PICTURE, save(conn, PICTURE, "words"))
    assert published(db, file_id) == "written"
    here.rename(away)
    with db.write() as conn:
        conn.exec_driver_sql("UPDATE file SET folder = ? WHERE id = ?", (str(away.parent), file_id))
        late = record.plan(conn, file_id, Sidecar())
    assert late is not None
    written = work.publish(late)
    assert isinstance(written, work.HasFormer)
    away.rename(here)
    with db.write() as conn:
        conn.exec_driver_sql("UPDATE file SET folder = ? WHERE id = ?", (str(here.parent), file_id))
    assert published(db, file_id) == "written"
    work.take_away(written)
    assert here.with_name("a.jpg.caption.json").exists()


@pytest.fixture
def share(tmp_path: Path) -> Iterator[FuseShare]:
    share = FuseShare(tmp_path, tmp_path / "share")
    yield share
    share.end()


@pytest.mark.fault("a file system that fails or hangs")
def test_the_root_that_a_file_left_is_told_to_hang_and_not_the_one_that_it_came_to(
    db: Database, tmp_path: Path, share: FuseShare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hangs, "HANGS_SECONDS", 0.5)
    monkeypatch.setattr(log, "_pipe", None)
    lines = io.StringIO()
    log.configure("warning", "json", lines)
    there, here = share.point / "a.jpg", tmp_path / "in" / "a.jpg"
    here.parent.mkdir()
    there.write_bytes(PICTURE)
    with db.write() as conn:
        left, came_to = add_root(conn, str(share.point)), add_root(conn, str(here.parent))
        file_id = add_file(conn, str(there), left)
        show(conn, file_id, PICTURE, save(conn, PICTURE, "words"))
    assert published(db, file_id) == "written"
    shutil.move(there, here)
    with db.write() as conn:
        files.move_file(
            conn, files.files_by_path(conn, [str(there)])[str(there)], came_to, str(here), Stat.of(here.stat()), 1.0
        )
    offline: set[int] = set()
    settings = Settings()
    dispatcher = Dispatcher(
        db,
        settings,
        wire(settings, {}).choices,
        run_id="run",
        downloads=tmp_path / "downloads",
        offline=lambda: offline,
    )
    with share.made_well():
        share.make(Fault(("unlink",), hang=True))
        dispatcher.start()
        until(lambda: "file_hangs" in lines.getvalue())
        assert here.with_name("a.jpg.caption.json").exists()
        assert json.loads(lines.getvalue())["path"] == str(there) + ".caption.json"
        offline.add(left)
        until(lambda: state_of(db, file_id) == "written")
    assert dispatcher.stop()


def state_of(db: Database, file_id: int) -> str:
    with db.read() as conn:
        row = sidecars.get(conn, file_id)
    assert row is not None
    return str(row.state)
