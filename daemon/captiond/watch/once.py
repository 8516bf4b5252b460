"""One comparison of one root with the database, in this process: what `captiond scan` does, beside a service or without.

    health -> reconcile -> gate (settle, intake, edited sidecars) -> until nothing waits in it

It is the same code that the service runs. Two of them on one root do no harm: each file has one row and one open job.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from captiond import backlog
from captiond.intake import Root
from captiond.paths import to_text
from captiond.store import files
from captiond.values import Priority
from captiond.watch import health as of_root
from captiond.watch.draining import Draining
from captiond.watch.edits import Edits
from captiond.watch.gate import Gate
from captiond.watch.missing import RootAway
from captiond.watch.reconcile import Hooks, ScanReport, reconcile
from captiond.watch.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from captiond.config.models import Watch
    from captiond.policy.sidecars import Asked
    from captiond.store.engine import Database
    from captiond.store.files import RootRow
    from captiond.watch.health import Health

_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one comparison found of a root.

    `root` is text. `reason` and `remedy` are set when it is offline; then nothing was looked at, or not all. `new`,
    `changed` and `moved` count images and videos that were taken in, `other` what turned out to be neither. `gone` leaves
    out what moved. `sidecars` were edited, or are another captiond's, and taken in. `held` are jobs that wait for a
    person's word. `unreadable` counts folders, some named by `examples`. `not_taken` are files that could not be read to
    tell what they are, or that captiond failed at: the log has those. `settled` is False when files kept changing. Both
    are left to the service, or the next scan.
    """

    root: str
    online: bool = True
    reason: str | None = None
    remedy: str | None = None
    seen: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0
    gone: int = 0
    back: int = 0
    other: int = 0
    sidecars: int = 0
    queued: int = 0
    held: int = 0
    unreadable: int = 0
    examples: tuple[str, ...] = ()
    not_taken: int = 0
    settled: bool = True
    seconds: float = 0.0


def scan(
    watch: Watch,
    *,
    db: Database,
    suffix: str,
    roots: Iterable[str],
    record: bool,
    confirm: int | None = None,
    asked: Asked | None = None,
) -> Scanned:
    """Compare a root with the database and take in what is new.

    Args:
        watch: its settings.
        db: the open database; the root gets its row in it.
        suffix: of sidecars, which are never looked at.
        roots: the paths of all roots: those within this one are left to their own comparison.
        record: whether to record the root's health: not while a service does.
        confirm: a first backlog of more calls waits for a person's word.
        asked: what the root's recipe asks: sidecars that have changed are judged by it, and files with one do not wait for
            a person's word; None: none is looked at.

    Raises:
        DatabaseError: the database can't be read or written.
    """
    began = time.monotonic()
    root = os.path.abspath(watch.path)
    with db.write() as conn:
        root_id = files.upsert_root(conn, to_text(root), watch.recipe)
        row = files.root(conn, root_id)
    assert row is not None
    found = of_root.classify(root, row.mount_point, probe=True)
    if record:
        _record(db, row, found)
    if not found.online:
        return Scanned(row.path, False, found.reason, found.remedy, seconds=time.monotonic() - began)
    scope = Scope(watch, suffix=suffix, database=os.fspath(db.path), roots=roots)
    of_watch = Root.of(watch, row.id, confirm, suffix if asked is not None else "")
    edits = Edits(db, suffix, watch.settle_seconds, asked) if asked is not None else None
    scanned = _Once(watch, db, of_watch, row, found, scope, edits).run()
    return replace(scanned, seconds=time.monotonic() - began)


class _Once:
    def __init__(
        self, watch: Watch, db: Database, root: Root, row: RootRow, found: Health, scope: Scope, edits: Edits | None
    ) -> None:
        self._db = db
        self._row = row
        self._found = found
        self._scope = scope
        self._settle_seconds = watch.settle_seconds
        self._confirm = root.confirm
        self._root = root
        self._first = row.scanned_at is None or (row.go_at is None and bool(root.confirm))
        self._gate = Gate(
            db,
            takes=scope.takes,
            settle_seconds=watch.settle_seconds,
            on_work=lambda: None,
            on_trouble=lambda: None,
            on_overflow=self._overflow,
            online=self._unchanged,
        )
        self._gate.fresh = found.network
        self._gate.root = self._root
        self._edits = self._gate.edits = edits
        self._complete = True

    def run(self) -> Scanned:
        thread = threading.Thread(target=self._gate.run, name=f"gate {self._row.id}", daemon=True)
        thread.start()
        away: Health | None = None
        report = ScanReport()
        settled = True
        try:
            try:
                report = reconcile(self._db, self._root, self._hooks())
            except RootAway:
                away = self._away()
            else:
                settled = self._drained()
        finally:
            self._gate.stop()
            thread.join(1.0)
        if away is None:
            with self._db.write() as conn:
                files.root_scanned(conn, self._row.id, time.time(), report.seconds)
        with self._db.read() as conn:
            held = backlog.waiting(conn, self._row.id, self._confirm)
        taken = self._gate.report
        return Scanned(
            self._row.path,
            online=away is None,
            reason=away.reason if away else None,
            remedy=away.remedy if away else None,
            seen=report.seen,
            new=taken.new,
            changed=taken.changed,
            moved=taken.moved,
            gone=max(0, report.gone - taken.moved),
            back=report.back + taken.back,
            other=taken.not_media,
            sidecars=self._edits.taken if self._edits is not None else 0,
            queued=taken.jobs,
            held=held,
            unreadable=report.unreadable,
            examples=report.examples,
            not_taken=self._gate.left_out,
            settled=settled and self._complete,
        )

    def _hooks(self) -> Hooks:
        priority = Priority.BACKLOG if self._first else Priority.NEW
        return Hooks(
            enters=self._scope.enters,
            takes=self._scope.takes,
            sight=lambda paths: self._gate.sight(paths, priority),
            online=self._unchanged,
            suffix=self._edits.suffix if self._edits is not None else "",
            edited=self._gate.edited,
        )

    def _overflow(self) -> None:
        """The gate dropped something, which another comparison would find."""
        self._complete = False

    def _unchanged(self) -> bool:
        now = of_root.classify(self._scope.root, self._row.mount_point)
        return now.online and now.identity == self._found.identity

    def _away(self) -> Health:
        """Why the root can't be compared now."""
        now = of_root.classify(self._scope.root, self._row.mount_point, probe=True)
        return (
            of_root.offline("went away, or became another, while it was compared", "run the scan again")
            if now.online
            else now
        )

    def _drained(self) -> bool:
        """Wait until all that was sighted is through the gate; False when what is left keeps changing."""
        look, draining = threading.Event(), Draining(self._gate, self._settle_seconds)
        while self._gate.busy or (self._edits is not None and self._edits.busy):
            if draining.stalled:
                return False
            look.wait(_LOOK_SECONDS)
        return True


def _record(db: Database, row: RootRow, found: Health) -> None:
    """Keep what was found, if it is news; the reason of a degraded root stays."""
    if found.online == (row.state == "online") and row.mount_point == (found.mount_point or row.mount_point):
        return
    reason = None if found.online else f"{found.reason}: {found.remedy}"
    with db.write() as conn:
        files.set_root_state(conn, row.id, found.state.value, reason, found.mount_point, found.fstype)
