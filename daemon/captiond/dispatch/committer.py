"""Outcomes into the database with as few commits as may be: a commit costs more than all else that a photo needs here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from captiond import log
from captiond.dispatch.work import Outcome, WasPublished
from captiond.errors import DatabaseError

if TYPE_CHECKING:
    from captiond.dispatch.outcomes import Outcomes
    from captiond.dispatch.steps import Step
    from captiond.store.engine import Database

PUBLISHED_SECONDS = 1.0
"""A written sidecar is no news to anybody: it is recorded with the next answer, or after so long."""
MOST_PUBLISHED = 64


class Committer:
    """Called by the dispatcher's thread alone."""

    def __init__(self, db: Database, outcomes: Outcomes) -> None:
        self._db = db
        self._outcomes = outcomes
        self._log = log.get("dispatch")
        self._published: list[WasPublished] = []
        self._published_by = float("inf")
        self._rest: list[Outcome] = []

    def record(self, outcomes: Sequence[Outcome], *, hurry: bool) -> list[Step]:
        """Judge what came in: as much as possible by looking alone, the rest in one commit.

        Returns: what to do next; the commit stands then.

        Raises:
            DatabaseUnavailable: nothing was recorded, and the same outcomes are to be brought again.
        """
        steps: list[Step] = []
        left: list[Outcome] = []
        if outcomes:
            with self._db.read() as conn:
                for outcome in outcomes:
                    judged = self._outcomes.judge_unwritten(conn, outcome)
                    if judged is None:
                        left.append(outcome)
                    else:
                        steps += judged
        published = [outcome for outcome in left if isinstance(outcome, WasPublished)]
        if not self._rest and len(published) == len(left) and not (hurry or self._is_due(len(published))):
            self._published += published
        else:
            steps += self._write([*self._rest, *self._published, *left])
            self._published.clear()
        return steps

    def _is_due(self, more: int) -> bool:
        if not self._published:
            self._published_by = time.monotonic() + PUBLISHED_SECONDS if more else float("inf")
        return len(self._published) + more >= MOST_PUBLISHED or time.monotonic() >= self._published_by

    def _write(self, outcomes: list[Outcome]) -> list[Step]:
        if not outcomes:
            return []
        try:
            with self._db.write() as conn:
                steps = [step for outcome in outcomes for step in self._outcomes.judge(conn, outcome)]
        except DatabaseError:
            raise
        except Exception:
            # One of them shows a bug: each on its own, to find out which. The others are not to suffer for it.
            self._log.exception("record_crashed")
            return self._write_each(outcomes)
        self._rest = []
        return steps

    def _write_each(self, outcomes: list[Outcome]) -> list[Step]:
        steps: list[Step] = []
        for number, outcome in enumerate(outcomes):
            try:
                steps += self._write_one(outcome)
            except DatabaseError:
                if number == 0:
                    raise
                # Those before it stand, and go on; the rest is kept for the next time.
                self._rest = outcomes[number:]
                return steps
        self._rest = []
        return steps

    def _write_one(self, outcome: Outcome) -> list[Step]:
        try:
            with self._db.write() as conn:
                return self._outcomes.judge(conn, outcome)
        except DatabaseError:
            raise
        except Exception as error:
            with self._db.write() as conn:
                return self._outcomes.crashed(conn, outcome, error)
