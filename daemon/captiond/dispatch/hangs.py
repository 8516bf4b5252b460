"""Files of which a thread has not brought a piece for so long that it may hang, while their root answers.

Its server's disk is dying, or the file is being fetched from a tape or a cloud. Whoever hangs is waited for, it may only be
slow; but another thread takes its place, so that other roots go on. A root of which as many hang as would be all threads is
let alone until one comes back: it could take ever more. A file that is so large that it is read for minutes or hours, piece by
piece, keeps others waiting as little.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from math import inf
from typing import TYPE_CHECKING

from captiond import log
from captiond.dispatch.pools import PUBLISHERS, Pools
from captiond.dispatch.tasks import Stage, Task, Tasks
from captiond.paths import is_url, to_text

if TYPE_CHECKING:
    from captiond.config.models import Media

HANGS_SECONDS = 30.0
"""As long as a root may take to answer before it counts as away; a decoder has its own limit before that."""
LONG_SECONDS = 60.0
"""What is read for longer than that has a thread of its own from then on."""
LOOK_SECONDS = 1.0
MOST = 64
"""No more threads are added, whatever hangs: the files of requests may be of no root."""


class Hangs:
    """Called by the dispatcher's thread alone."""

    def __init__(self, tasks: Tasks, pools: Pools, media: Media) -> None:
        self._tasks = tasks
        self._pools = pools
        self._limits = {Stage.READING: HANGS_SECONDS, Stage.ENCODING: HANGS_SECONDS + media.decode_seconds}
        self._log = log.get("dispatch")
        self._look_at = 0.0
        self._writing: set[int] = set()
        self._told: set[int | None] = set()
        self._read_since: dict[int, float] = {}
        self._long: set[int] = set()
        self.unread: set[int] = set()
        """The roots whose files are not to be read now."""
        self.unwritten: set[int] = set()
        """The roots whose sidecars are not to be written now."""
        self.freed = False
        """Whether sidecars can be written again in a root where they could not be; whoever sees to them sets it back."""

    def look(self) -> tuple[list[Task], list[int]]:
        """See what hangs.

        Returns: what waits for a thread, of roots that are let alone: tasks, and files whose sidecar is to be written.
        """
        now = time.monotonic()
        if now < self._look_at:
            return [], []
        self._look_at = now + LOOK_SECONDS
        reading, writing = self._pools.begun()
        self._writing &= writing.keys() & self._tasks.publishing.keys()
        self._find(now, reading, writing)
        waited_for = [task for task in self._tasks.all() if task.stage is Stage.HANGING]
        self._long &= {task.job.id for task in waited_for}
        hanging = [task.job.root_id for task in waited_for]
        stuck = [self._tasks.publishing[file_id].root_id for file_id in self._writing]
        self.unread, before = _full(hanging, self._pools.encoders), self.unwritten
        self.unwritten = _full(stuck, PUBLISHERS)
        self.freed = self.freed or bool(before - self.unwritten)
        self._told &= {*hanging, *stuck}
        tasks = [
            task
            for task in self._tasks.all()
            if task.job.root_id in self.unread and task.stage in self._limits and task.job.id not in reading
        ]
        files = [
            plan.file_id
            for plan in self._tasks.publishing.values()
            if plan.root_id in self.unwritten and plan.file_id not in writing
        ]
        return tasks, files

    def relieve(self) -> None:
        """Give what hangs a successor; once nothing waits any more that would hang alike."""
        if self._told or self._long:
            hanging = [task.job.id for task in self._tasks.all() if task.stage is Stage.HANGING]
            self._pools.relieve(hanging, self._writing)

    def _find(self, now: float, reading: dict[int, float], writing: dict[int, float]) -> None:
        room = MOST - len(self._writing) - self._tasks.at(Stage.HANGING).total()
        tasks = [task for task in self._tasks.all() if self._hangs(task, now - reading.get(task.job.id, now))]
        tasks += [task for task in self._read_for_long(now, reading) if task not in tasks]
        del tasks[max(0, room) :]
        files = [
            file_id
            for file_id, heard_at in writing.items()
            if now - heard_at > HANGS_SECONDS and file_id in self._tasks.publishing and file_id not in self._writing
        ][: max(0, room - len(tasks))]
        for task in tasks:
            task.stage = Stage.HANGING
            if now - reading[task.job.id] > HANGS_SECONDS:
                self._tell(task.job.root_id, task.job.path)
            else:
                self._long.add(task.job.id)
        self._writing.update(files)
        for file_id in files:
            plan = self._tasks.publishing[file_id]
            self._tell(plan.root_id, plan.target)

    def _read_for_long(self, now: float, reading: dict[int, float]) -> list[Task]:
        """Those whose pieces come, and have been coming for long."""
        tasks = [task for task in self._tasks.all() if task.stage is Stage.READING and task.job.id in reading]
        self._read_since = {task.job.id: self._read_since.get(task.job.id, now) for task in tasks}
        return [
            task for task in tasks if now - self._read_since[task.job.id] > LONG_SECONDS and not is_url(task.job.path)
        ]

    def _hangs(self, task: Task, quiet_seconds: float) -> bool:
        if is_url(task.job.path) or (task.stage is Stage.ENCODING and self._pools.lack_decoders):
            return False  # fetching has limits of its own
        return quiet_seconds > self._limits.get(task.stage, inf)

    def _tell(self, root_id: int | None, path: str) -> None:
        if root_id not in self._told:
            self._told.add(root_id)
            self._log.warning("file_hangs", path=to_text(path), remedy="check its share's server, and the network")


def _full(roots: Iterable[int | None], threads: int) -> set[int]:
    """The roots that hold so many threads, or more."""
    return {root for root, held in Counter(roots).items() if root is not None and held >= threads}
