"""How a root is: recorded for `captiond status`, and told in a line when it goes offline or comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from captiond.config.models import WatchMode
from captiond.store import files
from captiond.watch import health as of_root
from captiond.watch.observer import limit_text

if TYPE_CHECKING:
    from captiond.store.engine import Database
    from captiond.watch.health import Health
    from captiond.watch.observer import Observer


class Report:
    """Of one root.

    Args:
        db: the open database.
        root_id: its row.
        name: its path as text.
        observer: tells how it is watched.
        poll_seconds: between two comparisons where it is polled.
        on_state: called once with each change: root id, whether it is online, and a line for people.
    """

    def __init__(
        self,
        db: Database,
        root_id: int,
        name: str,
        *,
        observer: Observer,
        poll_seconds: float,
        on_state: Callable[[int, bool, str], None],
    ) -> None:
        self._db, self._root_id, self._name = db, root_id, name
        self._observer = observer
        self._poll_seconds = poll_seconds
        self._on_state = on_state
        self._told: bool | None = None
        self.due = False
        """Whether something is another than what was recorded last."""

    def make(self, found: Health, unreadable: Sequence[str]) -> None:
        """Record what was found of it and which folders can't be read, and tell it if it is another than what was told.

        Raises:
            DatabaseError: it is still due.
        """
        limit = self._observer.limit
        troubles = [*([limit_text(limit)] if limit is not None else []), *unreadable]
        reason = ("; ".join(troubles) or None) if found.online else f"{found.reason}: {found.remedy}"
        with self._db.write() as conn:
            files.set_root_state(conn, self._root_id, found.state.value, reason, found.mount_point, found.fstype)
            if found.online:
                files.set_root_mode(conn, self._root_id, self._observer.mode.value)
        self.due = False
        if found.online == self._told:
            return
        waiting = 0
        if not found.online:
            with self._db.read() as conn:
                waiting = files.waiting_files(conn, self._root_id)
        self._told = found.online
        if found.online and self._observer.mode is WatchMode.INOTIFY:
            found = of_root.degraded(found, f"watched by inotify, {_folders(self._observer.folders)}")
        elif found.online:
            found = of_root.degraded(found, f"compared every {self._poll_seconds:g} s or so")
        self._on_state(self._root_id, found.online, of_root.message(self._name, found, waiting))


def _folders(count: int) -> str:
    return "1 folder" if count == 1 else f"{count:,} folders"
