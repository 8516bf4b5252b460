"""A backup of the database each night, and how long they are kept.

They lie in `backups` beside the database, one a day by its date: captions-2026-11-22.db. What a person puts there under
another name is left alone.
"""

from __future__ import annotations

import re
import shutil
import time
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from captiond import log
from captiond.errors import DatabaseError
from captiond.store.parts import sweep

if TYPE_CHECKING:
    from captiond.store.engine import Database

SPARE_BYTES: Final = 256 << 20
"""What stays free on the disk: a full one would stop the service, which a backup must not."""


def folder_of(database: Path) -> Path:
    """Where the nightly backups of a database are."""
    return database.parent / "backups"


def existing(database: Path) -> list[Path]:
    """The nightly backups of a database, the newest last."""
    return [path for path, _ in _dated(database)]


def expired(database: Path, today: date, days: int) -> list[Path]:
    """Those that are older than so many days."""
    return [path for path, day in _dated(database) if day <= today - timedelta(days=days)]


def _dated(database: Path) -> list[tuple[Path, date]]:
    name = re.compile(rf"{re.escape(database.stem)}-(\d{{4}}-\d\d-\d\d)\.db")
    found = []
    try:
        paths = sorted(folder_of(database).iterdir())
    except OSError:
        return []
    for path in paths:
        if match := name.fullmatch(path.name):
            try:
                found.append((path, date.fromisoformat(match[1])))
            except ValueError:
                continue
    return found


class Backups:
    """Makes the backups of a database."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._log = log.get("night")
        self._trouble: str | None = None

    def make(self, today: date, days: int) -> None:
        """Make today's backup if there is none, and take away those that are older than so many days.

        These make room for it first where there is none, all but the newest backup. A failure is logged once.
        """
        path, began = self._db.path, time.monotonic()
        target = folder_of(path) / f"{path.stem}-{today.isoformat()}.db"
        if target.exists():
            return
        removed = 0
        sweep(path.parent, path.name)
        sweep(target.parent, path.stem)
        try:
            target.parent.mkdir(exist_ok=True)
            if self._lacking(target):
                removed = _remove([one for one in expired(path, today, days) if one != existing(path)[-1]])
                self._need_room(target)
            self._db.backup(target)
        except (DatabaseError, OSError) as error:
            self._failed(error)
            return
        try:
            removed += _remove(expired(path, today, days))
            self._trouble = None
        except OSError as error:
            self._failed(error)
        seconds = round(time.monotonic() - began, 3)
        self._log.info("backup_made", path=str(target), bytes=target.stat().st_size, seconds=seconds, removed=removed)

    def _failed(self, error: Exception) -> None:
        if self._trouble != str(error):
            self._trouble = str(error)
            self._log.error("backup_failed", error=str(error))

    def _lacking(self, target: Path) -> tuple[int, int] | None:
        """The bytes that a backup needs, and those that are free, if they are too few."""
        need = self._db.path.stat().st_size + SPARE_BYTES
        free = shutil.disk_usage(target.parent).free
        return (need, free) if free < need else None

    def _need_room(self, target: Path) -> None:
        if lacking := self._lacking(target):
            need, free = lacking
            raise DatabaseError(
                f"there is no room for the backup {target}: it needs {need / 1e6:,.0f} MB free, and there are "
                f"{free / 1e6:,.0f}; free some space, or set `backup_days` under [database]"
            )


def _remove(paths: list[Path]) -> int:
    """As many as can be. Raises OSError for one that can't."""
    trouble: OSError | None = None
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            trouble = error
    if trouble is not None:
        raise trouble
    return len(paths)
