"""What a comparison did not find: looked at once more, and marked absent in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

from captiond.paths import from_text
from captiond.spelling import is_as_listed
from captiond.store import folders
from captiond.watch import gone

if TYPE_CHECKING:
    from captiond.intake import Root
    from captiond.store.engine import Database
    from captiond.store.reading import ShortReads

_BATCH: Final = 500


class RootAway(Exception):
    """The root went away, or became another, while it was compared: nothing can be told of what was not found."""

    def __init__(self, error: OSError | None = None) -> None:
        super().__init__(str(error) if error else "")
        self.error = error


class Missing:
    """The files of one comparison that its listings did not show.

    A listing alone is no proof: it may miss a file that is renamed meanwhile.

    Args:
        db: the open database.
        reader: the comparison's.
        root: what is compared.
        online: whether the root is still there, and the same.
    """

    def __init__(self, db: Database, reader: ShortReads, root: Root, online: Callable[[], bool]) -> None:
        self._db, self._reader, self._root, self._online = db, reader, root, online
        self._candidates: list[tuple[str, str]] = []
        self.marked = 0
        """How many were gone."""

    @property
    def many(self) -> bool:
        """Whether there are enough for a batch."""
        return len(self._candidates) >= _BATCH

    def add(self, folder: str, names: Collection[str]) -> None:
        """These files of a folder may be gone."""
        self._candidates += [(folder, name) for name in names]

    def add_all_of(self, folder: str, ended: Callable[[], bool]) -> None:
        """Every present file of a folder may be; they are marked as they are read, until it is `ended`.

        Raises:
            RootAway, DatabaseError: as `mark`.
        """
        name = ""
        while rows := self._reader.rows(folders.PRESENT_SQL, (folder, self._root.id, name, _BATCH)):
            self._candidates += rows
            name = rows[-1][1]
            if self.many:
                self.mark()
            if ended():
                return

    def add_folders_but(self, visited: Collection[str], ended: Callable[[], bool]) -> None:
        """The same for folders that the database knows and that were not visited: gone, excluded since then, or unreadable."""
        each = self._reader.each(folders.FOLDERS_SQL, (self._root.id,))
        for folder in [folder for (folder,) in each if folder not in visited]:
            if ended():
                return
            path = from_text(folder)
            if not os.path.isdir(path) or not is_as_listed(path):
                self.add_all_of(folder, ended)

    def mark(self) -> None:
        """Mark absent what is really gone.

        Raises:
            RootAway: the root is away: no more are marked.
            DatabaseError: the last batch was not recorded.
        """
        candidates, self._candidates = self._candidates, []
        if not candidates:
            return
        self._reader.release()
        marked = gone.mark(self._db, self._root, candidates, self._online)
        if marked is None:
            raise RootAway
        self.marked += marked
