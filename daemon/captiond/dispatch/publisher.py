"""Which sidecars are being written, or taken away from where their file was, and which are to be next.

    plan -> written (publish pool) -> [former taken away (publish pool)] -> recorded (`published`)

A root that is away, or in which the threads hang, is let alone: what is planned there is due again later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from captiond.dispatch import record
from captiond.dispatch.claims import LOOK_SECONDS
from captiond.dispatch.work import HasFormer, WasPublished
from captiond.store import sidecars

if TYPE_CHECKING:
    from captiond.config.models import Sidecar
    from captiond.dispatch.hangs import Hangs
    from captiond.dispatch.pools import Pools
    from captiond.dispatch.tasks import Tasks
    from captiond.store.engine import Database

SIDECAR_SECONDS = 30.0
"""Seconds between two looks for sidecars that wait."""
MOST_SIDECARS = 100
"""Sidecars that waited which are planned at once: while so many are being written no more are."""


class Publisher:
    """Called by the dispatcher's thread alone.

    Args:
        db: the open database.
        settings: whether and how sidecars are written.
        tasks: keep what is under way.
        pools: do it.
        hangs: tells in which roots it can't be done now.
        offline: the ids of roots that are away.
        done: takes what is to be recorded without anything being done.
    """

    def __init__(
        self,
        db: Database,
        settings: Sidecar,
        tasks: Tasks,
        pools: Pools,
        hangs: Hangs,
        *,
        offline: Callable[[], Collection[int]],
        done: Callable[[WasPublished], None],
    ) -> None:
        self._db = db
        self._settings = settings
        self._tasks, self._pools, self._hangs = tasks, pools, hangs
        self._offline = offline
        self._done = done
        self._look_at = 0.0

    def publish(self, plan: record.Plan) -> None:
        """Write a sidecar; after the one of the same file that is being written."""
        if plan.file_id in self._tasks.publishing:
            self._tasks.publish_again.add(plan.file_id)
        elif plan.root_id not in self._hangs.unwritten:  # else it is due again later, as planned
            self._tasks.publish_again.discard(plan.file_id)
            self._tasks.publishing[plan.file_id] = plan
            self._pools.publish(plan)

    def take_away(self, written: HasFormer) -> None:
        """Take away what stands where the file was."""
        plan = self._tasks.publishing.get(written.file_id)
        is_awaited = isinstance(plan, record.Plan) and plan.former is written.former
        if is_awaited and written.root_id not in self._unwritable():
            self._tasks.publishing[written.file_id] = written
            self._pools.take_away(written)
        else:  # it can't be reached now: it stays there
            self._done(written.published)

    def left(self, file_ids: Iterable[int]) -> None:
        """Nobody waits for the threads that are on these files any more."""
        for file_id in file_ids:
            left = self._tasks.publishing.pop(file_id)
            if isinstance(left, HasFormer):
                self._done(left.published)

    def freed(self) -> None:
        """Sidecars can be written again where they could not be.

        Raises:
            DatabaseUnavailable: it is to be called again.
        """
        with self._db.write() as conn:
            sidecars.recover(conn, time.time())
        self.look_now()

    def look_now(self) -> None:
        """There are sidecars that are due."""
        self._look_at = 0.0

    def look_soon(self) -> None:
        """There may be."""
        self._look_at = min(self._look_at, time.monotonic() + LOOK_SECONDS)

    def look(self) -> None:
        """Write what is due by now: after a move, a crash or a full disk.

        Raises:
            DatabaseUnavailable: it is looked for again later.
        """
        if time.monotonic() < self._look_at or len(self._tasks.publishing) >= MOST_SIDECARS:
            return
        self._look_at = time.monotonic() + SIDECAR_SECONDS
        away = self._unwritable()
        with self._db.read() as conn:
            if not sidecars.due(conn, time.time(), limit=1, offline_roots=away):
                return
        with self._db.write() as conn:
            plans = record.pending(conn, self._settings, away, time.time(), limit=MOST_SIDECARS)
        for plan in plans:
            self.publish(plan)

    def _unwritable(self) -> set[int]:
        return {*self._offline(), *self._hangs.unwritten}
