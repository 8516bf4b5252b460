"""One root, watched: the thread that looks after its health, its inotify watches and its scans, and the gate's thread.

Each root has its own two threads, because a dead share hangs whoever asks it: that holds up this root alone.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from captiond import live_photos, log
from captiond.errors import DatabaseError
from captiond.intake import Root
from captiond.paths import from_text, to_text
from captiond.store import files
from captiond.watch import health as of_root
from captiond.watch.asking import Asking
from captiond.watch.edits import Edits
from captiond.watch.first import FirstBacklog
from captiond.watch.gate import Gate
from captiond.watch.health import Health, State
from captiond.watch.missing import RootAway
from captiond.watch.observer import Observer, limit_text
from captiond.watch.report import Report
from captiond.watch.scans import Scans
from captiond.watch.scope import Scope

if TYPE_CHECKING:
    from captiond.config.models import Watch
    from captiond.policy.sidecars import Asked
    from captiond.store.engine import Database

HEALTH_SECONDS: Final = 2.0
"""Between two looks at the root's health."""
HUNG_SECONDS: Final = 30.0
"""A file system that has not answered for so long counts as away; SMB itself gives up after 10."""
TROUBLE_SECONDS: Final = 5.0
"""The pause after a failure of the database, or of our own."""


class RootWatcher:
    """Watches one root from `start` to `stop`.

    Args:
        watch: its settings.
        db: the open database; the root gets its row in it at once.
        suffix: of sidecars, which are never looked at.
        on_work: called when there are new jobs.
        on_state: called once with each change: root id, whether it is online, and a line for people.
        confirm: a first backlog of more calls waits for a person's word; 0 or None: none does.
        asked: what its recipe asks: sidecars that have changed are judged by it; None: they are not looked at.
    """

    def __init__(
        self,
        watch: Watch,
        *,
        db: Database,
        suffix: str,
        on_work: Callable[[], None],
        on_state: Callable[[int, bool, str], None],
        confirm: int | None = None,
        asked: Asked | None = None,
    ) -> None:
        self.path = watch.path
        self.recipe = watch.recipe
        self.confirm = confirm
        self._watch, self._suffix = watch, suffix
        self._db = db
        self._root = os.path.abspath(watch.path)
        self._name = to_text(self._root)
        self._scope = Scope(watch, suffix=suffix, database=os.fspath(db.path), roots=())
        self._log = log.get("watch").bind(root=self._name)
        with db.write() as conn:
            self.root_id = files.upsert_root(conn, self._name, watch.recipe)
            row = files.root(conn, self.root_id)
        assert row is not None
        if not watch.live_photos:
            live_photos.release_all(db, self.root_id)
        self._mount_point = row.mount_point
        self._observer = Observer(self._root, watch.mode, self._enters, self)
        self._state = Report(
            db,
            self.root_id,
            self._name,
            observer=self._observer,
            poll_seconds=watch.poll_seconds,
            on_state=on_state,
        )
        self._gate = Gate(
            db,
            takes=self._takes,
            settle_seconds=watch.settle_seconds,
            on_work=on_work,
            on_trouble=self._suspect,
            on_overflow=self.unsure,
            online=self._unchanged,
        )
        self._gate.prepare = self._watch_new_folders
        self._read = suffix if asked is not None else ""
        if asked is not None:
            self._gate.edits = Edits(db, suffix, watch.settle_seconds, asked)
        self._backlog = FirstBacklog(
            db, row, confirm, gate=self._gate, settle_seconds=watch.settle_seconds, on_work=on_work
        )
        self._scans = Scans(
            watch,
            db=db,
            gate=self._gate,
            observer=self._observer,
            online=self._unchanged,
            stopping=lambda: self._stopping,
            backlog=lambda: self._backlog.is_open,
        )
        self.health = Health(State.OFFLINE, "not looked at yet", "wait")
        """As of the last look."""
        self.ready = threading.Event()
        """Set when the root is watched for the first time, or known to be offline."""
        self._wake = threading.Event()
        self._stopping = False
        self._suspicious = True
        self._touched = False
        self._asking = Asking()
        self._hung = False
        self._threads: dict[str, threading.Thread] = {}

    # --- from other threads

    @property
    def online(self) -> bool:
        """Whether its files can be worked on now."""
        return self.health.online and not self._hung

    def start(self) -> None:
        """Begin to watch. Other roots that lie under this one are left to their own watchers."""
        with self._db.read() as conn:
            roots = [from_text(row.path) for row in files.roots(conn, watched=True)]
        self._scope = Scope(self._watch, suffix=self._suffix, database=os.fspath(self._db.path), roots=roots)
        self._start_threads()

    def stop(self) -> None:
        """End within a second, also when the file system hangs; what is pending is found again by the next scan."""
        self._stopping = True
        self._wake.set()
        self._gate.stop()
        self._observer.close()
        until = time.monotonic() + 0.9
        for thread in self._threads.values():
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))
        self._observer.close()  # should it just have been made anew

    def scan_now(self) -> None:
        """Compare the root with the database as soon as it is online."""
        self._scans.at_once()
        self._wake.set()

    def revive(self) -> None:
        """Called about once a second: start a thread that died again, and tell of a file system that hangs."""
        if self._stopping:
            return
        dead = [name for name, thread in self._threads.items() if not thread.is_alive()]
        if dead:
            self._log.error("thread_died", threads=dead, remedy="none: it is started again")
            self._start_threads()
        waits = (asking.since for asking in (self._asking, self._scans.asking, *self._gate.asking))
        hung = any(since is not None and time.monotonic() - since > HUNG_SECONDS for since in waits)
        if hung != self._hung:
            self._hung = hung
            if self.health.online:
                with contextlib.suppress(DatabaseError):
                    self._report()

    @property
    def scans(self) -> int:
        """How many complete scans there were since the start."""
        return self._scans.count

    # --- what the gate and the tree ask and tell

    def noted(self, path: str) -> None:
        self._gate.noted(path)

    def folder_left(self, folder: str) -> None:
        self._gate.folder_left(folder)

    def wanted(self) -> None:
        self._gate.wake()

    def lost(self) -> None:
        self._scans.lost()
        self._wake.set()

    def unsure(self) -> None:
        self._scans.soon()
        self._wake.set()

    def root_touched(self) -> None:
        self._touched = True
        self._wake.set()

    def _suspect(self) -> None:
        self._suspicious = True
        self._wake.set()

    def _enters(self, folder: str) -> bool:
        return self._scope.enters(folder)

    def _takes(self, path: str) -> bool:
        return self._scope.takes(path)

    def _watch_new_folders(self) -> None:
        self._observer.work(self._gate.disk.heard)
        if self._observer.limit_hit:
            self._wake.set()

    def _unchanged(self) -> bool:
        """Whether the root is there, and is what it was at the last look."""
        before = self.health
        now = of_root.classify(self._root, self._mount_point)
        return before.online and now.online and now.identity == before.identity

    # --- the scan thread

    def _start_threads(self) -> None:
        for name, target in (("scan", self._run), ("gate", self._gate.run)):
            if name not in self._threads or not self._threads[name].is_alive():
                thread = threading.Thread(target=target, name=f"{name} {self.root_id}", daemon=True)
                self._threads[name] = thread
                thread.start()

    def _run(self) -> None:
        trouble: str | None = None
        while not self._stopping:
            self._wake.clear()
            pause = TROUBLE_SECONDS
            try:
                self._round()
                trouble = None
                pause = HEALTH_SECONDS
                if self.health.online:
                    pause = min(pause, max(0.0, self._scans.at - time.monotonic()))
            except DatabaseError as error:
                if trouble != str(error):
                    trouble = str(error)
                    self._log.error("root_waits", error=trouble)
            except Exception as error:  # noqa: BLE001  # nothing must end the watching; it is told once
                if trouble != repr(error):
                    trouble = repr(error)
                    self._log.exception("watch_crashed")
            self._wake.wait(pause)

    def _round(self) -> None:
        self._check()
        if self._stopping:
            return
        if self.health.online:
            self._ensure_events()
        if self._state.due:
            self._report()
        self.ready.set()
        root = self._gate.root
        if root is not None and self._scans.due:
            self._compare(root)
        if root is not None and (self._backlog.is_open or self._backlog.pending) and self._scans.whole:
            self._backlog.look(self._scans.sighted)

    def _ensure_events(self) -> None:
        """Watch again after the reader died or was never begun, and poll where the watches were used up."""
        if self._observer.limit_hit:
            self._observer.fall_back()
            self._fell_back()
        elif not self._observer.alive or (self._observer.limit_was_raised and self._scans.due):
            if self._observer.folders:
                self._log.warning("inotify_died", remedy="none: it is started again")
            self._renew()
            self._state.due = True

    def _compare(self, root: Root) -> None:
        before = self._scans.unreadable
        try:
            self._scans.run(root, self._scope)
        except RootAway:
            self._suspicious = True
        self._state.due = self._state.due or self._scans.unreadable != before
        if self._state.due:
            self._report()

    def _check(self) -> None:
        """Look at the root, and act on what has changed."""
        probe, self._suspicious = self._suspicious or not self.health.online, False
        touched, self._touched = self._touched, False
        with self._asking:
            found = of_root.classify(self._root, self._mount_point, probe=probe)
        if found.online and (touched or found.identity != self.health.identity or not self.health.online):
            self._came_online(found)
        elif not found.online and (self.health.online or found.reason != self.health.reason):
            self._went_offline(found)

    def _came_online(self, found: Health) -> None:
        """The root is there, or is another than it was: watch it, then compare it."""
        self._gate.root = None
        if self._mount_point not in (None, found.mount_point):
            self._backlog.anew()
        self.health, self._mount_point = found, found.mount_point
        self._state.due = True
        self._renew()
        self._gate.fresh = found.network
        self._gate.root = Root.of(self._watch, self.root_id, self.confirm, self._read)
        self._gate.wake()
        self._scans.at_once()

    def _went_offline(self, found: Health) -> None:
        """The root is away: nothing of it is looked at."""
        self._gate.root = None
        self.health = found
        self._state.due = True
        self._observer.close()

    def _renew(self) -> None:
        """Watch anew. Watches stand before the scan that follows, so that nothing falls between."""
        with self._asking:
            try:
                self._observer.renew(self._asking.heard, network=self.health.network)
            except OSError:
                self._suspicious = True
        self._scans.at_once()
        if self._observer.limit is not None:
            self._fell_back()

    def _fell_back(self) -> None:
        assert self._observer.limit is not None
        self._state.due = True
        self._scans.at_once()
        self._log.warning("root_polled", reason=limit_text(self._observer.limit))

    # --- telling

    def _report(self) -> None:
        found = self.health
        if self._hung and found.online:
            found = of_root.offline(f"has not answered for {HUNG_SECONDS:g} s", "check the server and the network")
        self._state.make(found, self._scans.unreadable)
