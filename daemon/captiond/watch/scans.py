"""When a root is compared with the database, and the comparing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from captiond import log
from captiond.config.models import WatchMode
from captiond.paths import to_text
from captiond.store import files
from captiond.values import Priority
from captiond.watch.asking import Asking
from captiond.watch.reconcile import Hooks, ScanReport, reconcile

if TYPE_CHECKING:
    from captiond.config.models import Watch
    from captiond.intake import Root
    from captiond.store.engine import Database
    from captiond.watch.gate import Gate
    from captiond.watch.observer import Observer
    from captiond.watch.scope import Scope

CPU_SHARE: Final = 200.0
"""A scan that took a second of CPU is followed by the next after so many: it costs half a percent of a core."""
AGAIN_SECONDS: Final = 2.0
"""The pause after a scan that could not be ended, or not be recorded."""
SOON_SECONDS: Final = 1.0
"""The shortest pause before a scan for what no event told of; it grows with what a scan costs, up to a minute."""
_NEVER: Final = float("inf")
TELL_SECONDS: Final = 3600.0
"""Lost events are logged no more often than this."""


class Scans:
    """The scans of one root. `run` is for the scan thread, the rest for any.

    Args:
        watch: the root's settings.
        db: the open database.
        gate: takes what is new or changed.
        observer: tells how the root is watched, and watches what is listed.
        online: whether the root is there, and the same as it was.
        stopping: whether to end.
        backlog: whether what a scan finds is the backlog: nobody has said yet that it may be asked.
    """

    def __init__(
        self,
        watch: Watch,
        *,
        db: Database,
        gate: Gate,
        observer: Observer,
        online: Callable[[], bool],
        stopping: Callable[[], bool],
        backlog: Callable[[], bool],
    ) -> None:
        self._watch = watch
        self._db = db
        self._gate = gate
        self._observer = observer
        self._online = online
        self._stopping = stopping
        self._backlog = backlog
        self._log = log.get("watch").bind(root=to_text(str(watch.path)))
        self._cost = 0.0
        self._tell_at = 0.0
        self._lock = threading.Lock()
        self._regular_at = 0.0
        self._asked_at = 0.0
        self.sighted = 0
        """How many files the last complete one found to be new or changed."""
        self.count = 0
        """How many complete ones there were since the start."""
        self.asking = Asking()
        """A scan's questions to the file system."""
        self.unreadable: tuple[str, ...] = ()
        """Some of the folders that can't be read, with the reason."""

    @property
    def at(self) -> float:
        """When the next is due, in monotonic seconds."""
        return min(self._regular_at, self._asked_at)

    @property
    def whole(self) -> bool:
        """Whether all was compared: nothing has asked for a scan since the begin of the last complete one."""
        return self.count > 0 and self._asked_at == _NEVER

    @property
    def due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self.at

    def at_once(self) -> None:
        """Let the next one be now."""
        with self._lock:
            self._asked_at = 0.0

    def soon(self) -> None:
        """There may be what only a scan can find: let the next one be soon."""
        with self._lock:
            self._asked_at = min(self._asked_at, time.monotonic() + max(SOON_SECONDS, min(60.0, 3 * self._cost)))

    def lost(self) -> None:
        """The kernel's queue overflowed: let the next one be soon, and say so."""
        self.soon()
        now = time.monotonic()
        if now >= self._tell_at:
            self._tell_at = now + TELL_SECONDS
            self._log.warning(
                "events_lost",
                remedy="none: a scan finds what they told of; raise fs.inotify.max_queued_events if it happens often",
            )

    def run(self, root: Root, scope: Scope) -> None:
        """Compare the root now.

        Raises:
            RootAway: the root went away meanwhile.
            DatabaseError: the database can't be read or written.
        """
        priority = Priority.BACKLOG if self._backlog() else Priority.NEW
        with self._lock:
            self._asked_at = _NEVER  # what is asked for from now on still holds when this one ends
        self._gate.left_out = 0
        report, recorded = ScanReport(), False
        try:
            with self.asking:
                report = reconcile(self._db, root, self._hooks(scope, priority))
            if report.complete:
                with self._db.write() as conn:
                    files.root_scanned(conn, root.id, time.time(), report.seconds)
                recorded = True
        finally:
            polls = self._observer.mode is WatchMode.POLL
            every = self._watch.poll_seconds if polls else self._watch.scan_seconds
            now = time.monotonic()
            self._regular_at = now + max(every, CPU_SHARE * report.cpu_seconds)
            if not recorded:
                with self._lock:
                    self._asked_at = min(self._asked_at, now + AGAIN_SECONDS)
        if not recorded:
            return
        self._cost = report.cpu_seconds
        self.count += 1
        self.sighted = report.new + report.changed
        if report.examples != self.unreadable and report.unreadable:
            self._log.warning(
                "folders_unreadable",
                folders=report.unreadable,
                such_as=report.examples[0],
                remedy="give captiond's user the right to list and enter them, or exclude them",
            )
        self.unreadable = report.examples

    def _hooks(self, scope: Scope, priority: Priority) -> Hooks:
        def stopping() -> bool:
            self.asking.heard()
            return self._stopping() or self._observer.limit_hit

        def sight(paths: list[str]) -> bool:
            self.asking.rested()
            going_on = self._gate.sight(paths, priority)
            self.asking.heard()
            return going_on

        def entering(folder: str) -> None:
            self.asking.heard()
            self._observer.ensure(folder)

        hooks = Hooks(scope.enters, scope.takes, sight, self._online, stopping, entering)
        edits = self._gate.edits
        return hooks if edits is None else replace(hooks, suffix=edits.suffix, edited=self._gate.edited)
