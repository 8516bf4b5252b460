"""The gate of one root: notes from inotify and scans in, quiet files into the database.

    noted, sight -> [Settle: stat, wait, stat] -> intake -> on_work

It runs in a thread of its own, so that a root that hangs holds up nobody else; `turn` is the whole of it and is called
alone by `captiond scan`. What it is told is kept until it is in the database or known to be gone, each path once; what
is more than it can hold is dropped, and a scan asked for, which waits for room. While the database can't be written, what
is quiet is kept up to `CAPACITY`, and no more is looked at.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from captiond import intake, log, sidecar
from captiond.errors import DatabaseError
from captiond.intake import IntakeReport, Root
from captiond.paths import to_text
from captiond.settle import CAPACITY, GONE, TRIES, Settle
from captiond.values import Priority, Quiet
from captiond.watch import gone
from captiond.watch.asking import Asking
from captiond.watch.filestat import stat_file

if TYPE_CHECKING:
    from captiond.store.engine import Database
    from captiond.watch.edits import Edits

_TROUBLE_SECONDS: Final = (1.0, 30.0)
"""The first and the longest wait before the database is tried again."""
_GONE_SECONDS: Final = 1.0
"""A path that is gone is looked at again so long after the settle time: most are moves, whose new path comes first."""


class Gate:
    """One root's gate.

    Args:
        db: the database.
        takes: whether a file, relative to the root, is looked at.
        settle_seconds: how long a file must be unchanged.
        on_work: called when there are new jobs.
        on_trouble: called when the file system gave an error: the root's health is to be asked.
        on_overflow: called when more was told than can be held, or something may be lost: a scan is to be made soon.
        online: whether the root is there and the same as it was.
    """

    def __init__(
        self,
        db: Database,
        *,
        takes: Callable[[str], bool],
        settle_seconds: float,
        on_work: Callable[[], None],
        on_trouble: Callable[[], None],
        on_overflow: Callable[[], None],
        online: Callable[[], bool],
    ) -> None:
        self._db = db
        self._takes = takes
        self._gone_seconds = min(settle_seconds, 10.0) + _GONE_SECONDS
        self._settle = Settle(settle_seconds)
        self._on_work, self._on_trouble, self._on_overflow = on_work, on_trouble, on_overflow
        self._online = online
        self._log = log.get("watch")
        self._changed = threading.Condition()
        self._noted: dict[str, Priority] = {}
        self._idle = self._woken = self._stopping = False
        self._quiet: dict[str, Quiet] = {}
        self._undecided: dict[str, int] = {}
        self._gone: deque[tuple[float, str]] = deque()
        self._left: deque[tuple[float, str]] = deque()
        self._trouble: str | None = None
        self._retry_at = 0.0
        self._retry_wait = _TROUBLE_SECONDS[0]
        self.edits: Edits | None = None
        """Takes sidecars that have changed; None: they are not looked at."""
        self.root: Root | None = None
        """The root, while it is online; set by the scan thread. Nothing is looked at while it is None."""
        self.fresh = False
        """Whether files are opened to stat them: on network file systems."""
        self.prepare: Callable[[], None] = lambda: None
        """Called at the begin of each turn: new folders are watched and listed there."""
        self.left_out = 0
        """How many files were dropped because they could not be read, or for a failure of our own: the database may not know
        them until the next scan, which sets it to 0. Whatever else is dropped has `on_overflow` called."""
        self.report = IntakeReport()
        """What became of all files so far."""
        self.disk = Asking()
        """Its own questions to the file system."""

    # --- from any thread

    @property
    def asking(self) -> list[Asking]:
        """What its thread may wait for the file system in."""
        return [self.disk] if self.edits is None else [self.disk, self.edits.disk]

    def noted(self, path: str) -> None:
        """An event told of this path."""
        if sidecar.is_temporary(os.path.basename(path)):
            return
        with self._changed:
            if len(self._noted) < 2 * CAPACITY:
                self._noted[path] = Priority.NEW
                if self._idle and not self._comes_with_others(path):
                    self._changed.notify_all()
                return
        self._on_overflow()

    def sight(self, paths: Iterable[str], priority: Priority) -> bool:
        """A scan found these paths. Waits until there is room for them; False when the gate stops instead."""
        with self._changed:
            while not self._stopping and len(self._noted) + len(self._settle) + len(self._quiet) >= CAPACITY:
                self._changed.wait(1.0)
            for path in paths:
                if priority > self._noted.get(path, -1):
                    self._noted[path] = priority
            self._changed.notify_all()
            return not self._stopping

    def wake(self) -> None:
        """There is something to do in `prepare`, or the root changed."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def edited(self, paths: Iterable[str]) -> None:
        """A scan found these sidecars changed."""
        if self.edits is not None:
            self.edits.noted(paths)
            self.wake()

    def folder_left(self, folder: str) -> None:
        """A folder was moved away or deleted. Called in `prepare`."""
        if len(self._left) < CAPACITY:
            self._left.append((time.monotonic() + self._gone_seconds, folder))
        else:
            self._on_overflow()

    def stop(self) -> None:
        """End the loop; what is pending is found again by the next scan."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    @property
    def busy(self) -> bool:
        """Whether something waits in the gate."""
        return bool(self._noted or len(self._settle) or self._quiet)

    # --- the loop

    def run(self) -> None:
        """Turn until stopped."""
        while not self._stopping:
            try:
                at = self.turn()
            except DatabaseError as error:
                at = self._database_trouble(error)
            except Exception:  # noqa: BLE001  # one path that nobody thought of must not end the watching
                self._log.exception("gate_crashed", root=self.root.path if self.root else None)
                self._on_overflow()  # what was under way may be dropped
                at = time.monotonic() + _TROUBLE_SECONDS[0]
            self._rest(at)

    def turn(self) -> float | None:
        """Do all there is to do now; returns the monotonic time at which there is more, None if only a note can tell.

        Raises:
            DatabaseError: what was quiet is kept, and recorded by a later turn.
        """
        with self.disk:
            self.prepare()
        self._collect()
        root = self.root
        if root is None:
            return None
        while self._has_room and (paths := self._settle.due(time.monotonic(), intake.BATCH)):
            for path in paths:
                self._measure(path, root)
            if len(self._quiet) >= intake.BATCH:
                self._take(root)
            self._collect()
        self._take(root)
        self._mark_gone(root)
        edits_at = self._look_at_edits(root)
        times = [edits_at, self._retry_at if self._quiet else None]
        times += [self._settle.next_at()] if self._has_room else []
        times += [waiting[0][0] for waiting in (self._gone, self._left) if waiting]
        return min((at for at in times if at is not None), default=None)

    def _comes_with_others(self, path: str) -> bool:
        """Whether it is a sidecar, and others are looked at soon: captiond's own come by the hundred."""
        return self.edits is not None and path.endswith(self.edits.suffix) and self.edits.busy

    @property
    def _has_room(self) -> bool:
        return not self._stopping and len(self._quiet) < CAPACITY

    def _rest(self, at: float | None) -> None:
        with self._changed:
            self._changed.notify_all()  # there may be room
            if not (self._noted or self._woken or self._stopping):
                self._idle = True
                self._changed.wait(None if at is None else max(0.0, at - time.monotonic()))
            self._idle = self._woken = False

    def _collect(self) -> None:
        with self._changed:
            noted, self._noted = self._noted, {}
        root = self.root
        if root is None or not noted:
            return  # the root is away: the scan that follows its return finds them
        now, full = time.monotonic(), False
        for path, priority in noted.items():
            if self.edits is not None and path.endswith(self.edits.suffix):
                if self._takes(root.relative(path.removesuffix(self.edits.suffix))):
                    self.edits.noted([path])
            elif self._takes(root.relative(path)):
                full |= not self._settle.sighted(path, priority, now)
        if full:
            self._on_overflow()

    def _measure(self, path: str, root: Root) -> None:
        began = time.monotonic()
        try:
            with self.disk:
                stat = stat_file(path, root.real, fresh=self.fresh)
        except OSError:
            if not self._settle.failed(path, time.monotonic()):
                self.left_out += 1
            self._on_trouble()
            return
        verdict = self._settle.measured(path, stat, began, time.monotonic())
        if isinstance(verdict, Quiet):
            before = self._quiet.get(path, verdict)
            self._quiet[path] = replace(verdict, priority=max(before.priority, verdict.priority))
        elif verdict is GONE and len(self._gone) < CAPACITY:
            self._gone.append((began + self._gone_seconds, path))
        elif verdict is GONE:
            self._on_overflow()

    def _take(self, root: Root) -> None:
        while self._quiet:
            if time.monotonic() < self._retry_at:
                return
            batch = list(itertools.islice(self._quiet.values(), intake.BATCH))
            try:
                self._take_batch(root, batch)
            except DatabaseError:
                raise
            except Exception:  # noqa: BLE001  # one of them; the others are not to wait for it
                for quiet in batch:
                    self._take_alone(root, quiet)

    def _take_alone(self, root: Root, quiet: Quiet) -> None:
        try:
            self._take_batch(root, [quiet])
        except DatabaseError:
            raise
        except Exception:  # noqa: BLE001  # one path that nobody thought of must not end the watching
            self._log.exception("gate_crashed", root=root.path, path=to_text(quiet.path))
            self._quiet.pop(quiet.path, None)
            self.left_out += 1

    def _take_batch(self, root: Root, batch: Sequence[Quiet]) -> None:
        taken = intake.take(self._db, root, batch, now=time.time(), disk=self.disk)
        for quiet in batch:
            self._quiet.pop(quiet.path, None)
        self._database_well()
        self.report.add(taken)
        self._try_again(batch, taken.undecided)
        if taken.jobs:
            self._on_work()

    def _try_again(self, batch: Sequence[Quiet], undecided: list[Quiet]) -> None:
        """What could not be read may be readable in a while; what can't be in some tries is left to the next scan."""
        tries = {quiet.path: self._undecided.pop(quiet.path, 0) + 1 for quiet in batch}
        for quiet in undecided:
            if tries[quiet.path] < TRIES:
                self._undecided[quiet.path] = tries[quiet.path]
                self._settle.sighted(quiet.path, quiet.priority, time.monotonic())
            else:
                self.left_out += 1
        if undecided:
            self._on_trouble()

    def _look_at_edits(self, root: Root) -> float | None:
        """Look at sidecars that have changed; returns when there is one to look at again."""
        if self.edits is None:
            return None
        if self.edits.look(root):
            self._on_work()
        return self.edits.next_at()

    def _mark_gone(self, root: Root) -> None:
        now = time.monotonic()
        if due := [path for _, path in itertools.takewhile(lambda one: one[0] <= now, self._gone)][: intake.BATCH]:
            gone.mark_paths(self._db, root, due, self._online, self.disk)
            for _ in due:
                self._gone.popleft()
        if self._left and self._left[0][0] <= now:
            gone.mark_under(self._db, root, self._left[0][1], self._online, self.disk)
            self._left.popleft()

    # --- trouble

    def _database_trouble(self, error: DatabaseError) -> float:
        if self._trouble != str(error):
            self._trouble = str(error)
            self._log.error("files_wait", error=str(error))
        self._retry_at = time.monotonic() + self._retry_wait
        self._retry_wait = min(2 * self._retry_wait, _TROUBLE_SECONDS[1])
        return self._retry_at

    def _database_well(self) -> None:
        if self._trouble is not None:
            self._trouble = None
            self._log.info("files_go_on")
        self._retry_wait = _TROUBLE_SECONDS[0]
