"""Which folder of a root has which inotify watch, and which folders lie below which.

To forget a folder costs what lies below it, however many others are watched: a tree that is deleted tells of each of its
folders. Callers see to it that one thread at a time changes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchdog.observers.inotify_c import CallbackId, WatchDescriptor

    Entry = tuple[str, CallbackId]
    """The folder, and what names its watch's callback."""
    Callback = tuple[WatchDescriptor, CallbackId]
    """A watch that is to be given up."""


class Watches:
    """The watches of one root.

    Args:
        root: absolute; all folders are it or lie below it.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._by_wd: dict[WatchDescriptor, Entry] = {}
        self._by_path: dict[str, WatchDescriptor] = {}
        self._inside: dict[str, set[str]] = {}
        """Of each folder the paths in it that are watched, or that have such below them."""

    def __len__(self) -> int:
        return len(self._by_path)

    def entry(self, wd: WatchDescriptor) -> Entry | None:
        """Whose watch this is. Any thread may ask."""
        return self._by_wd.get(wd)

    def add(self, folder: str, wd: WatchDescriptor, own: CallbackId) -> list[Callback]:
        """Take a watch down; returns what it takes the place of."""
        given_up = []
        before = self._by_wd.get(wd)
        if before is not None:  # the same folder, watched under a former name or twice
            given_up.append((wd, before[1]))
            self._drop(before[0], wd)
        other = self._by_path.get(folder)
        if other is not None and other in self._by_wd:  # another folder that had this name
            given_up.append((other, self._by_wd.pop(other)[1]))
        self._by_wd[wd] = (folder, own)
        self._by_path[folder] = wd
        self._link(folder)
        return given_up

    def ended(self, wd: WatchDescriptor) -> Entry | None:
        """The kernel ended this watch; returns whose it was."""
        entry = self._by_wd.pop(wd, None)
        if entry is not None:
            self._drop(entry[0], wd)
        return entry

    def forget(self, folder: str) -> list[Callback]:
        """Take a folder and all below it out; returns their watches."""
        given_up = []
        folders = [folder]
        while folders:
            here = folders.pop()
            folders += self._inside.pop(here, ())
            wd = self._by_path.pop(here, None)
            entry = None if wd is None else self._by_wd.pop(wd, None)
            if wd is not None and entry is not None:
                given_up.append((wd, entry[1]))
        self._unlink(folder)
        return given_up

    def _drop(self, folder: str, wd: WatchDescriptor) -> None:
        if self._by_path.get(folder) == wd:
            del self._by_path[folder]
            self._unlink(folder)

    def _link(self, folder: str) -> None:
        """See that `_inside` leads from the root to this folder."""
        while folder != self._root:
            parent = _parent(folder)
            inside = self._inside.setdefault(parent, set())
            if folder in inside:
                return
            inside.add(folder)
            folder = parent

    def _unlink(self, folder: str) -> None:
        """Let `_inside` lead no longer to this folder, if neither it nor anything below it is watched."""
        while folder != self._root and folder not in self._by_path and folder not in self._inside:
            parent = _parent(folder)
            inside = self._inside.get(parent)
            if inside is None:
                return
            inside.discard(folder)
            if inside:
                return
            del self._inside[parent]
            folder = parent


def _parent(folder: str) -> str:
    return folder.rpartition("/")[0] or "/"
