"""A backup of the database each night, and how long they are kept.

They lie in `backups` beside the database, one a day by its date: captions-2026-11-22.db. What a person puts there under
another name is left alone.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from captiond import log
from captiond.errors import DatabaseError

if TYPE_CHECKING:
    from captiond.store.engine import Database

HOUR: Final = 3
"""Of local time, from which on a day's backup is made."""
AFTER_SECONDS: Final = 600.0
"""A service that was just started has other work: it makes none before it has run for so long."""
AGAIN_SECONDS: Final = 3600.0
"""The wait after one that failed."""
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
    """Makes the day's backup in a thread of its own, so that nothing waits for it.

    Args:
        db: the open database.
        days: how many days a backup is kept; 0: none is made.
        clock: the local time.
    """

    def __init__(self, db: Database, days: int, clock: Callable[[], datetime] = datetime.now) -> None:
        self._db = db
        self.days = days
        self._clock = clock
        self._log = log.get("backup")
        self._not_before = time.monotonic() + AFTER_SECONDS
        self._trouble: str | None = None
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Begin with the day's backup, if it is time for one. Call it about once a second."""
        if self.days == 0 or time.monotonic() < self._not_before or self._clock().hour < HOUR:
            return
        if self._thread is not None and self._thread.is_alive():
            return
        target = self._target()
        self._not_before = time.monotonic() + AGAIN_SECONDS
        if not target.exists():
            self._thread = threading.Thread(target=self.make, name="backup", daemon=True)
            self._thread.start()

    def make(self) -> None:
        """Make the day's backup now, and take away those whose time is over. A failure is told once."""
        target, began = self._target(), time.monotonic()
        try:
            self._need_room(target)
            self._db.backup(target)
        except (DatabaseError, OSError) as error:
            if self._trouble != str(error):
                self._trouble = str(error)
                self._log.error("backup_failed", error=str(error))
            return
        self._trouble = None
        old = expired(self._db.path, self._clock().date(), self.days)
        for path in old:
            path.unlink(missing_ok=True)
        seconds = round(time.monotonic() - began, 3)
        self._log.info("backup_made", path=str(target), bytes=target.stat().st_size, seconds=seconds, removed=len(old))

    def _target(self) -> Path:
        path = self._db.path
        return folder_of(path) / f"{path.stem}-{self._clock().date().isoformat()}.db"

    def _need_room(self, target: Path) -> None:
        target.parent.mkdir(exist_ok=True)
        need = self._db.path.stat().st_size + SPARE_BYTES
        free = shutil.disk_usage(target.parent).free
        if free < need:
            raise DatabaseError(
                f"there is no room for the backup {target}: it needs {need / 1e6:,.0f} MB free, and there are "
                f"{free / 1e6:,.0f}; free some space, or set `backup_days` under [database]"
            )
