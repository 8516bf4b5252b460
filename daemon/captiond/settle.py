"""The gate: which of the sighted files have been unchanged for long enough. Pure: no I/O and no clock.

    sighted(path) -> due() -> [the caller stats the file] -> measured(path, stat) -> WAIT | Gone | Quiet

A file is quiet when two measurements that lie at least `settle_seconds` apart, and every one between them, found the same
size, mtime, ctime and inode. A sighting asks for a measurement at once, so that the time of the last change is known as
exactly as the event that told of it. It restarts nothing by itself: only a changed stat does.

A path stays here until it is measured as quiet or gone; nothing else drops it. All times are monotonic seconds.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from typing import Final, Literal

from captiond.values import Priority, Quiet, Stat

CAPACITY: Final = 50_000
"""Paths that a scan may have pending here (about 25 MB); events may fill it twice as far."""

TRIES: Final = 3
"""Measurements that may fail in a row before a path is dropped; the next scan finds it again."""


class Outcome(Enum):
    """What a measurement can say beside "quiet"."""

    WAIT = "wait"
    GONE = "gone"


WAIT: Final = Outcome.WAIT
GONE: Final = Outcome.GONE


@dataclass(slots=True)
class _Pending:
    priority: Priority
    stat: Stat | None = None
    since: float = 0.0
    due_at: float | None = None
    failures: int = 0


@dataclass(slots=True)
class _Lane:
    """Paths of one urgency: those to measure at once, in order of sighting, and those to measure later."""

    fresh: dict[str, None] = field(default_factory=dict)
    later: list[tuple[float, str]] = field(default_factory=list)


class Settle:
    """Holds sighted paths until they are quiet.

    Args:
        settle_seconds: how long a file must be unchanged.
        capacity: half of the pending paths that it takes at most.
    """

    def __init__(self, settle_seconds: float, capacity: int = CAPACITY) -> None:
        self._settle = settle_seconds
        self._capacity = capacity
        self._pending: dict[str, _Pending] = {}
        self._new = _Lane()
        self._backlog = _Lane()

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, path: object) -> bool:
        return path in self._pending

    def sighted(self, path: str, priority: Priority, now: float) -> bool:
        """Ask for `path` to be let through when it is quiet. Its highest priority counts.

        Returns:
            False when the gate is full, which is twice its capacity: the path was not taken, and a scan must find it.
        """
        pending = self._pending.get(path)
        if pending is None:
            if len(self._pending) >= 2 * self._capacity:
                return False
            pending = self._pending[path] = _Pending(priority)
        elif priority > pending.priority:
            self._lane(pending).fresh.pop(path, None)
            pending.priority = priority
            if pending.due_at is not None:
                heapq.heappush(self._lane(pending).later, (pending.due_at, path))
        self._lane(pending).fresh[path] = None
        return True

    def due(self, now: float, limit: int = 500) -> list[str]:
        """Paths whose stat is wanted now, at most `limit`, new files before the backlog.

        Each must be answered with `measured` or `failed` before `due` is asked again.
        """
        paths: list[str] = []
        for lane in (self._new, self._backlog):
            while lane.later and lane.later[0][0] <= now and len(paths) < limit:
                at, path = heapq.heappop(lane.later)
                pending = self._pending.get(path)
                if pending is None or pending.due_at != at or self._lane(pending) is not lane:
                    continue  # an older entry: the path went, or changed its lane
                pending.due_at = None
                lane.fresh.pop(path, None)
                paths.append(path)
            taken = list(islice(lane.fresh, max(0, limit - len(paths))))
            for path in taken:
                del lane.fresh[path]
            paths += taken
        return paths

    def measured(
        self, path: str, stat: Stat | None, now: float, ended: float | None = None
    ) -> Quiet | Literal[Outcome.WAIT, Outcome.GONE]:
        """Tell what a stat of `path` found.

        Args:
            stat: None when there is no such file (any more), or none that can be taken up.
            now: when the stat was asked for.
            ended: when it was answered; a dead share can keep one waiting for long. Default: `now`.

        Returns:
            Quiet when the file may go on, GONE when `stat` is None; both end its stay here. WAIT otherwise.
        """
        pending = self._pending.get(path)
        if pending is None:
            return WAIT
        if stat is None:
            self._drop(path)
            return GONE
        pending.failures = 0
        if stat != pending.stat:
            pending.stat = stat
            pending.since = now if ended is None else ended
        elif now >= pending.since + self._settle:
            self._drop(path)
            return Quiet(path, stat, pending.priority)
        self._schedule(path, pending, pending.since + self._settle)
        return WAIT

    def failed(self, path: str, now: float) -> bool:
        """Tell that `path` could not be measured, for a reason that may pass. It is measured again later.

        Returns:
            False when it failed `TRIES` times in a row and was dropped.
        """
        pending = self._pending.get(path)
        if pending is None:
            return False
        pending.failures += 1
        if pending.failures >= TRIES:
            self._drop(path)
            return False
        pending.stat = None
        self._schedule(path, pending, now + max(self._settle, 1.0))
        return True

    def next_at(self) -> float | None:
        """When `due` has something to say next; None when nothing is pending, 0 when it has now."""
        if self._new.fresh or self._backlog.fresh:
            return 0.0
        heads = [lane.later[0][0] for lane in (self._new, self._backlog) if lane.later]
        return min(heads) if heads else None

    def _lane(self, pending: _Pending) -> _Lane:
        return self._backlog if pending.priority <= Priority.BACKLOG else self._new

    def _schedule(self, path: str, pending: _Pending, at: float) -> None:
        """Let a path be measured again: one appointment a path.

        A later one waits behind the earlier, so that a path that changes all the time does not fill the heap: `due` comes
        too early then, and `measured` schedules it again.
        """
        if pending.due_at is not None and pending.due_at <= at:
            return
        pending.due_at = at
        lane = self._lane(pending)
        if len(lane.later) > 2 * len(self._pending) + 1000:
            # Paths that came and went leave their entries behind; with an hour of settle time they would pile up.
            lane.later = [
                (when, name)
                for when, name in lane.later
                if (other := self._pending.get(name)) and other.due_at == when and self._lane(other) is lane
            ]
            heapq.heapify(lane.later)
        heapq.heappush(lane.later, (at, path))

    def _drop(self, path: str) -> None:
        pending = self._pending.pop(path)
        self._lane(pending).fresh.pop(path, None)
