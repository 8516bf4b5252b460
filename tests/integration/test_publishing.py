"""A sidecar from its plan to what became of it, with real files and a real database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from captiond.config.models import Sidecar
from captiond.dispatch import record, work
from captiond.store import sidecars
from captiond.store.engine import Database
from stored import add_file, add_root, save, show

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
