"""What belongs to a root: its patterns, less what is not its own though it lies under it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from captiond.paths import is_under
from captiond.watch.patterns import Patterns

if TYPE_CHECKING:
    from captiond.config.models import Watch


class Scope:
    """Decides for one root which folders are entered and which files are looked at.

    Args:
        watch: its settings.
        suffix: of sidecars, which are never looked at.
        database: the path of the database: should it lie under the root, it is left alone, and so are downloads and
            backups beside it.
        roots: the paths of all roots: those under this one are left to their own watchers.
    """

    def __init__(self, watch: Watch, *, suffix: str, database: str, roots: Iterable[str]) -> None:
        self.root = os.path.abspath(watch.path)
        self._patterns = Patterns(watch.include, watch.exclude, suffix)
        self._apart = {database + end for end in ("", "-wal", "-shm", "-journal", ".lock")}
        self._apart |= {os.path.join(os.path.dirname(database), name) for name in ("downloads", "backups")}
        self._apart |= {path for path in roots if path != self.root and is_under(path, self.root)}

    def enters(self, folder: str) -> bool:
        """Whether this folder, relative to the root, is watched and listed."""
        return self._patterns.enters(folder) and os.path.join(self.root, folder) not in self._apart

    def takes(self, path: str) -> bool:
        """Whether this file, relative to the root, is looked at."""
        return self._patterns.takes(path) and os.path.join(self.root, path) not in self._apart
