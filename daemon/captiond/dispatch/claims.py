"""Jobs out of the database: only as many as can be started now, for whoever has room."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from captiond import jobs
from captiond.dispatch.tasks import Task

if TYPE_CHECKING:
    from captiond.dispatch.rooms import Rooms
    from captiond.dispatch.routes import Choice
    from captiond.store.engine import Database
    from captiond.values import Job

LOOK_SECONDS = 1.0
"""Seconds between two looks at who has room and whether the next job's time has come."""


class Claims:
    """Called by the dispatcher's thread alone.

    Args:
        db: the open database.
        choices: recipe name -> whom to ask and how.
        rooms: tells who has room for how many.
        run_id: names this run of the program; each claim has it with a number, so that only its own holder ends a job.
        held_roots: the ids of roots whose jobs are not claimed.
        min_priority: claim only jobs of at least this priority.
    """

    def __init__(
        self,
        db: Database,
        choices: Mapping[str, Choice],
        rooms: Rooms,
        *,
        run_id: str,
        held_roots: Callable[[], Collection[int]],
        min_priority: int,
    ) -> None:
        self._db = db
        self._choices = choices
        self._rooms = rooms
        self._run_id = run_id
        self._held_roots = held_roots
        self._min_priority = min_priority
        self._numbers = itertools.count(1)
        self._look_now = True
        self._look_at = 0.0
        self._more = False
        self._asked: tuple[frozenset[str], frozenset[int]] | None = None
        self._due: float | None = None

    def look(self) -> None:
        """There may be new jobs, or new room: the next `claim` looks."""
        self._look_now = True

    def claim(self) -> list[Task]:
        """As many jobs as there is room for; none while nothing has changed and no time has come.

        The database is not asked anew when a job is due until something has changed: a queue of jobs that can't be
        claimed, for their roots are away, is read to its end for it.

        Raises:
            DatabaseUnavailable: none is claimed.
        """
        now, changed = time.monotonic(), self._look_now
        if not (changed or now >= self._look_at):
            return []
        offers = self._rooms.offers()
        if not offers:
            return []
        self._look_at, self._look_now = now + LOOK_SECONDS, False
        held = self._held_roots()
        if not self._more:
            asked = frozenset(recipe for offer in offers for recipe in offer.group.recipes), frozenset(held)
            if changed or asked != self._asked:
                self._asked = None
                self._due = self._next_due(*asked)
                self._asked = asked
            if self._due is None or self._due > time.time():
                return []
        self._asked = None
        tasks: list[Task] = []
        given: Counter[str] = Counter()
        self._more = True
        with self._db.write() as conn:
            for offer in offers:
                left = self._rooms.left(offer, given)
                claimed = jobs.claim(
                    conn,
                    limit=left.total,
                    recipes=left.group.recipes,
                    offline_roots=held,
                    run_id=f"{self._run_id}-{next(self._numbers)}",
                    now=time.time(),
                    min_priority=self._min_priority,
                )
                endpoints = self._rooms.shared_out(left, len(claimed))
                given.update(endpoints)
                tasks += [self._task(job, name) for job, name in zip(claimed, endpoints, strict=True)]
                # As many as could be: there are likely more, and the next look can do without asking first.
                self._more &= len(claimed) == left.total
        return tasks

    def _next_due(self, recipes: Collection[str], held: Collection[int]) -> float | None:
        with self._db.read() as conn:
            return jobs.next_due(conn, recipes=recipes, offline_roots=held, min_priority=self._min_priority)

    def _task(self, job: Job, endpoint: str) -> Task:
        choice = self._choices[job.recipe]
        return Task(job, choice.route(endpoint), tuple(name for name in choice.endpoints if name != endpoint))
