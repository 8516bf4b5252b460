"""Sidecars that are not as captiond left them: looked at twice, and taken in once they rest.

Events and scans tell of a path; most such events are captiond's own writing, and end at the first look, for by then the
size and mtime that were recorded with it are those that are found.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from captiond import jobs, log, sidecar
from captiond.adoption import NOTHING, Place, adopt
from captiond.errors import DatabaseError
from captiond.paths import to_text
from captiond.store import looks, sidecars
from captiond.watch.asking import Asking

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from captiond.adoption import Adopted
    from captiond.intake import Root
    from captiond.policy.sidecars import Asked
    from captiond.sidecar import Standing
    from captiond.store.engine import Database

CAPACITY: Final = 50_000
"""Paths that are held at once; what is told beyond is left to the next scan."""
FIRST_LOOK_SECONDS: Final = 2.0
"""After an event: until then captiond has recorded what it wrote itself, and hardly a sidecar is looked at twice."""
_BATCH: Final = 200


@dataclass(slots=True)
class _Look:
    """When a path is looked at next, and what it looked like at the last look."""

    at: float
    seen: tuple[int, int] | None = None


class Edits:
    """The changed sidecars of one root.

    Args:
        db: the open database.
        suffix: of sidecars.
        settle_seconds: how long one must be unchanged.
        asked: what the root's recipe asks.
    """

    def __init__(self, db: Database, suffix: str, settle_seconds: float, asked: Asked) -> None:
        self.suffix = suffix
        self._db = db
        self._settle_seconds = settle_seconds
        self._asked = asked
        self._log = log.get("watch")
        self._lock = threading.Lock()
        self._looks: dict[str, _Look] = {}
        self.disk = Asking()
        """Its questions to the file system."""
        self._looking = False
        self.taken = 0
        """How many were taken in so far."""

    @property
    def busy(self) -> bool:
        """Whether some are held, or being taken in."""
        with self._lock:
            return self._looking or bool(self._looks)

    def noted(self, paths: Iterable[str]) -> None:
        """These sidecars may have changed. Any thread may call this."""
        first = time.monotonic() + FIRST_LOOK_SECONDS
        with self._lock:
            for path in paths:
                if path not in self._looks and len(self._looks) < CAPACITY:
                    self._looks[path] = _Look(first)

    def next_at(self) -> float | None:
        """The monotonic time at which there is something to look at."""
        with self._lock:
            return min((look.at for look in self._looks.values()), default=None)

    def look(self, root: Root) -> bool:
        """Look at those whose time has come. Returns: whether captions were taken in.

        Raises:
            DatabaseError: nothing is lost; it is looked at again.
        """
        now = time.monotonic()
        with self._lock:
            due = [path for path, look in self._looks.items() if look.at <= now]
            self._looking = bool(due)
        try:
            return self._look(due, root, now)
        finally:
            self._looking = False

    def _look(self, due: list[str], root: Root, now: float) -> bool:
        before = self.taken
        for start in range(0, len(due), _BATCH):
            resting = self._resting(due[start : start + _BATCH], root, now)
            found: list[Standing] = []
            for path in resting:
                with self.disk:
                    standing = sidecar.read(path, root.path)
                if standing is not None:
                    found.append(standing)
            if not found:
                continue
            try:
                with self._db.write() as conn:
                    outcomes = [self._take(conn, standing, root) for standing in found]
            except DatabaseError:
                self.noted(resting)
                raise
            for standing, adopted in zip(found, outcomes, strict=True):
                path = to_text(standing.path)
                if adopted.caption_id is not None:
                    self.taken += 1
                    self._log.info("sidecar_taken_in", path=path)
                if adopted.reason is not None:
                    self._log.warning("sidecar_refused", path=path, reason=adopted.reason)
        return self.taken > before

    def _resting(self, paths: list[str], root: Root, now: float) -> list[str]:
        """Those that are not as they were recorded, and not changing any more; they are held no longer."""
        found = {}
        for path in paths:
            with self.disk:
                found[path] = _seen(path)
        with self._db.read() as conn:
            known = looks.beside(conn, [path.removesuffix(self.suffix) for path in paths], root.id)
        resting = []
        with self._lock:
            for path, seen in found.items():
                look, file = self._looks[path], known.get(path.removesuffix(self.suffix))
                if seen is None or file is None or file.seen == sidecars.kept(seen):
                    del self._looks[path]
                elif look.seen == seen:
                    del self._looks[path]
                    resting.append(path)
                else:
                    self._looks[path] = _Look(now + self._settle_seconds, seen)
        return resting

    def _take(self, conn: Connection, standing: Standing, root: Root) -> Adopted:
        beside = standing.path.removesuffix(self.suffix)
        file = looks.beside(conn, [beside], root.id).get(beside)
        if file is None:
            return NOTHING
        now = time.time()
        adopted = adopt(conn, Place(file.file_id, file.sha256, file.captioned), standing, self._asked, now)
        if adopted.caption_id is not None:
            jobs.answered(conn, file.file_id, now)
        return adopted


def _seen(path: str) -> tuple[int, int] | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None
