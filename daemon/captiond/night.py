"""What the service does each night, from three o'clock on: the backup, and old records made few.

It runs in a thread of its own, one thing after the other, so that nothing waits for it; a failure of one does not keep the
next from its turn.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from captiond import jobs, log
from captiond.errors import DatabaseError
from captiond.store import calls
from captiond.store.backups import Backups

if TYPE_CHECKING:
    from captiond.config.models import Database as Settings
    from captiond.store.engine import Database

HOUR: Final = 3
"""Of local time, from which on the day's work is done."""
AFTER_SECONDS: Final = 600.0
"""A service that was just started has other work: it does none before it has run for so long."""
AGAIN_SECONDS: Final = 3600.0
"""Between two looks whether something is left to do, as after a failure."""
BATCH: Final = 1000
"""Rows that are deleted in one commit."""
PAUSE_SECONDS: Final = 0.05
"""Between two such commits, in which others write."""


class Night:
    """The nightly work.

    Args:
        db: the open database.
        settings: how long backups and records are kept.
        clock: the local time.
    """

    def __init__(self, db: Database, settings: Settings, clock: Callable[[], datetime] = datetime.now) -> None:
        self.settings = settings
        self._db = db
        self._clock = clock
        self._log = log.get("night")
        self._backups = Backups(db)
        self._forgot_on: date | None = None
        self._trouble: str | None = None
        self._not_before = time.monotonic() + AFTER_SECONDS
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Begin with the night's work, if it is time for it. Call it about once a second."""
        if time.monotonic() < self._not_before or self._clock().hour < HOUR:
            return
        if self._thread is None or not self._thread.is_alive():
            self._not_before = time.monotonic() + AGAIN_SECONDS
            self._thread = threading.Thread(target=self.work, name="night", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End what takes long, as soon as may be."""
        self._stopping.set()

    def work(self) -> None:
        """Do what there is to do today."""
        today = self._clock().date()
        if self.settings.backup_days:
            self._backups.make(today, self.settings.backup_days)
        if self.settings.keep_days and self._forgot_on != today:
            try:
                self._forget_old(time.time() - self.settings.keep_days * 86400)
            except DatabaseError as error:
                if self._trouble != str(error):
                    self._trouble = str(error)
                    self._log.warning("records_not_folded", error=str(error))
            else:
                self._trouble, self._forgot_on = None, today

    def _forget_old(self, before: float) -> None:
        forgotten = {"calls": 0, "jobs": 0}
        after = 0
        while not self._stopping.is_set():
            with self._db.write() as conn:
                gone = calls.forget_old(conn, before, BATCH)
            forgotten["calls"] += gone
            if gone < BATCH:
                break
            self._stopping.wait(PAUSE_SECONDS)
        while not self._stopping.is_set():
            with self._db.read() as conn:
                old = jobs.old(conn, before, after, BATCH)
            if not old:
                break
            with self._db.write() as conn:
                jobs.forget(conn, old)
            forgotten["jobs"] += len(old)
            after = old[-1]
            self._stopping.wait(PAUSE_SECONDS)
        if any(forgotten.values()):
            self._log.info("records_folded", **forgotten)
