"""Counts a root's first backlog when its first comparison is taken in; see `captiond.backlog`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from captiond import backlog, log
from captiond.store import files
from captiond.watch.draining import Draining

if TYPE_CHECKING:
    from captiond.store.engine import Database
    from captiond.store.files import RootRow
    from captiond.watch.gate import Gate


AGAIN_SECONDS: Final = 60.0
"""Between two counts of one that waits: a person may have had some of it captioned, or all. A million take 0.1 s."""


class FirstBacklog:
    """Of one root. For its scan thread alone.

    Args:
        root: as the database has it.
        confirm: how many calls go without a person's word; 0: all, None: nobody is asked.
        settle_seconds: the root's.
        on_work: called when jobs may go that were held.
    """

    def __init__(
        self,
        db: Database,
        root: RootRow,
        confirm: int | None,
        *,
        gate: Gate,
        settle_seconds: float,
        on_work: Callable[[], None],
    ) -> None:
        self._db, self._root, self._confirm = db, root, confirm
        self._gate, self._on_work = gate, on_work
        self._draining = Draining(gate, settle_seconds)
        self._look_at = 0.0
        self._told = False
        self.pending = root.go_at is None and bool(confirm)
        """Whether it is not counted yet, or waits for a person's word."""
        self.is_open = root.scanned_at is None or self.pending
        """Whether what a comparison finds is the backlog."""
        if not self.pending:
            backlog.counted(db, root.id, confirm)

    def look(self, sighted: int) -> None:
        """The whole root was compared: let what was found go, or say that it waits.

        Until it is counted, further comparisons find the backlog too: what the gate had to drop.

        Args:
            sighted: how many files were new or changed.

        Raises:
            DatabaseError: it is to be called again.
        """
        if not self.pending:
            self.is_open = False
            return
        if time.monotonic() < self._look_at:
            return
        draining = self._gate.busy and not self._draining.stalled
        more = sighted if draining else self._gate.left_out
        waiting = backlog.counted(self._db, self._root.id, self._confirm, more=more)
        if waiting is None and not draining:
            with self._db.read() as conn:
                waiting = backlog.waiting(conn, self._root.id, self._confirm) or None
        if waiting is None:
            return
        self.is_open = bool(more)
        self._look_at = time.monotonic() + AGAIN_SECONDS
        if not waiting:
            self.pending = self.is_open = False
            self._on_work()
        elif not self._told:
            self._told = True
            name = self._root.path
            log.get("watch").warning(
                "backlog_held",
                root=name,
                files=waiting,
                confirm_above=self._confirm,
                remedy=f"`captiond scan --go {name}` starts them; `captiond scan --dry-run {name}` tells what they cost",
            )

    def anew(self) -> None:
        """The root lies on another file system than before, which may bring another archive: it is counted again.

        Raises:
            DatabaseError: the word that was given still holds.
        """
        if not self._confirm:
            return
        with self._db.write() as conn:
            files.hold_back(conn, self._root.id)
        self.pending = self.is_open = True
        self._look_at, self._told = 0.0, False
