"""What became of a sidecar: recorded, and told where a person can do something about it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from captiond import log, sidecar
from captiond.dispatch.retries import Retries
from captiond.dispatch.steps import SidecarsDue, Step
from captiond.store import sidecars

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from captiond.config.models import Sidecar
    from captiond.dispatch.tasks import Tasks
    from captiond.dispatch.work import WasPublished


class Published:
    """Called by the dispatcher's thread alone, in the caller's transaction, which may be tried again."""

    def __init__(self, settings: Sidecar, tasks: Tasks) -> None:
        self._settings = settings
        self._tasks = tasks
        self._log = log.get("dispatch")
        self._retries = Retries()
        self._withheld: set[tuple[str | None, str]] = set()
        """The roots whose sidecars can't be given to their owner or group: that is said once of each."""

    def record(self, conn: Connection, outcome: WasPublished) -> list[Step]:
        """One sidecar was written, refused, or has to wait."""
        retry_at = self._retries.at(outcome.file_id, outcome.root, outcome.outcome.reason, time.time())
        changed = sidecars.recorded(conn, outcome.file_id, outcome.path, outcome.outcome, retry_at=retry_at)
        steps: list[Step] = []
        if changed and outcome.outcome.state == "written":
            steps.append(SidecarsDue())  # those that were hindered by the same
        elif changed:
            state, reason = outcome.outcome.state, outcome.outcome.reason
            if state == "refused" or self._retries.speaks_for_all(outcome.file_id, outcome.root, reason):
                self._log.warning(f"sidecar_{state}", path=outcome.path, reason=reason)
        for what in outcome.outcome.withheld:
            if (outcome.root, what) not in self._withheld:
                self._withheld.add((outcome.root, what))
                whose = {what: getattr(self._settings, what)}
                self._log.warning("sidecar_not_given", path=outcome.path, **whose, remedy=sidecar.REMEDIES[what])
        if outcome.file_id in self._tasks.publish_again:
            # Not the plan that was made meanwhile: it did not know yet where this one was written.
            sidecars.make_due(conn, [outcome.file_id], time.time())
            steps.append(SidecarsDue())
        self._tasks.publishing.pop(outcome.file_id, None)
        return steps
