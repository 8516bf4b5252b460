"""inotify on a whole tree: one watch a folder, and events as hints of what to look at.

watchdog's `InotifyFD` reads the events; the folders are walked here and not by watchdog's emitter, so that excluded
folders cost no watch, a used-up watch limit is seen (the emitter swallows it), few event types are asked for, and an
overflow is answered by a scan (the emitter walks all watches again, which with 20,000 folders made the next overflow).

Handlers run on watchdog's reader thread: they only note a path, and never raise. What may block, watching and listing
new folders, waits for `work`, which the gate's thread calls. Always watch first, list then: nothing falls between.
"""

from __future__ import annotations

import errno
import itertools
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyEvent, InotifyFD, Mask, WatchDescriptor

from captiond.watch.watches import Watches

_FOLDER_CAME: Final = InotifyConstants.IN_CREATE | InotifyConstants.IN_MOVED_TO
_SELF: Final = InotifyConstants.IN_DELETE_SELF | InotifyConstants.IN_MOVE_SELF | InotifyConstants.IN_UNMOUNT
_ROOT_MASK: Final = Mask(
    InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_CREATE  # links come without being closed; and a file that stays open is worth a look
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_MOVED_FROM
    | InotifyConstants.IN_DELETE
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_MOVE_SELF
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_EXCL_UNLINK
)
_MASK: Final = Mask(_ROOT_MASK | InotifyConstants.IN_DONT_FOLLOW)
_LIMITS: Final = {
    errno.ENOSPC: "fs.inotify.max_user_watches",
    errno.ENOMEM: "fs.inotify.max_user_watches",
    errno.EMFILE: "fs.inotify.max_user_instances",
}

# It says what `lost` says, once an overflow; ours names the root.
logging.getLogger("watchdog.observers.inotify_c").setLevel(logging.ERROR)


class WatchLimit(Exception):
    """The kernel gives no more inotify watches. `setting` is the sysctl to raise, `value` what it is now."""

    def __init__(self, setting: str) -> None:
        super().__init__(setting)
        self.setting = setting
        self.value = limit_of(setting)


def limit_of(setting: str) -> int | None:
    """The value of an inotify sysctl; None where it can't be read."""
    try:
        return int(Path("/proc/sys", *setting.split(".")).read_text())
    except (OSError, ValueError):
        return None


class Sink(Protocol):
    """Who is told. Every method returns at once, and may be called from any thread."""

    def noted(self, path: str) -> None:
        """Something happened to this file, or it was found in a new folder."""

    def folder_left(self, folder: str) -> None:
        """This folder was moved away or deleted."""

    def wanted(self) -> None:
        """`Tree.work` has something to do."""

    def lost(self) -> None:
        """The kernel's queue overflowed: only a scan knows what happened."""

    def unsure(self) -> None:
        """Something happened that no event tells of: only a scan knows what."""

    def root_touched(self) -> None:
        """The root itself was moved, deleted or unmounted: its health is to be asked."""


class Tree:
    """The watches of one root.

    Args:
        root: absolute, as the OS names it.
        enters: whether a folder, relative to the root, is watched.
        sink: who is told.
    """

    def __init__(self, root: str, enters: Callable[[str], bool], sink: Sink) -> None:
        self._root = root
        self._cut = len(root.rstrip("/")) + 1
        self._enters = enters
        self._sink = sink
        self._lock = threading.Lock()
        self._ids = itertools.count()
        self._watches = Watches(root)
        self._changes: deque[tuple[bool, str]] = deque()
        self._closed = False
        try:
            self._inotify = InotifyFD()
        except OSError as error:
            if error.errno in _LIMITS:
                raise WatchLimit(_LIMITS[error.errno]) from error
            raise
        self._inotify.name = "inotify"
        self._inotify.start()

    def __len__(self) -> int:
        """How many folders are watched."""
        return len(self._watches)

    @property
    def alive(self) -> bool:
        """Whether events are read."""
        return self._inotify.is_alive()

    def cover(self, heard: Callable[[], None]) -> None:
        """Watch the root and every folder under it. Its files are the next scan's to find.

        Args:
            heard: called whenever the file system answered: it is slow, and does not hang.

        Raises:
            WatchLimit: there are more folders than watches.
            OSError: the root itself can't be watched.
        """
        if not self._watch(self._root):
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), self._root)
        self._adopt(self._root, heard, note=False)

    def ensure(self, folder: str) -> None:
        """See that this folder, which is about to be listed, is watched: it heals what lost events left behind.

        Raises:
            WatchLimit: there are no more watches.
        """
        self._watch(folder)

    def work(self, heard: Callable[[], None]) -> None:
        """Watch and list folders that came; forget those that went.

        Args:
            heard: as for `cover`.

        Raises:
            WatchLimit: there are no more watches.
        """
        while self._changes and not self._closed:
            came, folder = self._changes.popleft()
            if not came:
                self._forget(folder)
                self._sink.folder_left(folder)
            elif self._enters(folder[self._cut :]):
                self._adopt(folder, heard, note=True)

    def stop(self) -> None:
        """End, and give all watches back."""
        self._closed = True
        self._inotify.stop()
        if threading.current_thread() is not self._inotify:
            self._inotify.join(1.0)

    # --- the reader's thread

    def on_event(self, event: InotifyEvent) -> None:
        entry = self._watches.entry(event.wd)
        if entry is None:
            return  # the watch is just being made or was just given up: that folder is listed next, or gone
        folder, mask = entry[0], event.mask
        if mask & _SELF:
            if folder == self._root:
                self._sink.root_touched()
            elif mask & InotifyConstants.IN_UNMOUNT:
                self._changes.append((True, folder))  # what lay below the mount shows again
                self._sink.unsure()
            return
        if not event.name:
            return
        path = f"{folder.rstrip('/')}/{os.fsdecode(event.name)}"
        if mask & InotifyConstants.IN_ISDIR:
            self._changes.append((bool(mask & _FOLDER_CAME), path))
            self._sink.wanted()
        else:
            self._sink.noted(path)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        if self._closed:
            return
        with self._lock:
            entry = self._watches.ended(wd)
        if entry is not None and entry[0] == self._root:
            self._sink.root_touched()

    def on_queue_overflow(self) -> None:
        self._sink.lost()

    # --- watching

    def _adopt(self, folder: str, heard: Callable[[], None], *, note: bool) -> None:
        """Watch a folder and all below it, listing each after it is watched; `note` the files in them."""
        folders = [folder]
        while folders and not self._closed:
            here = folders.pop()
            watched = self._watch(here)
            heard()
            if not watched:
                continue
            try:
                with os.scandir(here) as entries:
                    for entry in entries:
                        heard()
                        if entry.is_dir(follow_symlinks=False):
                            if self._enters(entry.path[self._cut :]):
                                folders.append(entry.path)
                        elif note:
                            self._sink.noted(entry.path)
            except OSError:
                continue  # gone again, or not to be read: a scan tells of that

    def _watch(self, folder: str) -> bool:
        """Whether the folder is watched now. One that was is asked for again: it may be another folder of this name."""
        own = CallbackId(next(self._ids))
        mask = _ROOT_MASK if folder == self._root else _MASK
        try:
            wd = self._inotify.add_callback(os.fsencode(folder), mask, self, own)
        except OSError as error:
            if error.errno in _LIMITS and not self._closed:
                raise WatchLimit(_LIMITS[error.errno]) from error
            return False
        if wd == -1:  # how InotifyFD says EACCES
            self._inotify.remove_callbacks([(wd, own)])
            return False
        with self._lock:
            given_up = self._watches.add(folder, wd, own)
        if given_up:
            self._inotify.remove_callbacks(given_up)
        return True

    def _forget(self, folder: str) -> None:
        """Give up the watches of a folder that is no longer here, and of all below it: they would tell wrong paths."""
        with self._lock:
            given_up = self._watches.forget(folder)
        if given_up:
            self._inotify.remove_callbacks(given_up)
