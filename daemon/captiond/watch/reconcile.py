"""Comparing a tree with the database: what inotify missed, what came while nobody looked, and all there is on a share.

One walk with `os.scandir`, one query a folder, and a stat of every file: a file is the same when size, mtime, ctime and
inode are. What is new or differs is sighted and passes the gate like everything else. What is missing is marked absent,
in batches, and only if the root was the same and online before and after the look at the missing paths themselves.
Memory grows with the number of folders, not of files; the database is never locked while the disk is read.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from captiond.media.live import still_names
from captiond.mounts import AWAY
from captiond.paths import to_text
from captiond.store import folders, sidecars
from captiond.store.clean import signed
from captiond.store.reading import ShortReads
from captiond.watch.filestat import stat_file
from captiond.watch.missing import Missing, RootAway

if TYPE_CHECKING:
    from captiond.intake import Root
    from captiond.store.engine import Database
    from captiond.values import Stat

_LARGE: Final = 20_000
"""Files of one folder that are held in memory at once; a larger folder is compared in parts."""
_PART: Final = 500
"""Files between two signs of life: on a cold, slow disk one takes some 10 ms."""
_BATCH: Final = 500
_SIGHTED: Final = 1_000
_EXAMPLES: Final = 10

_Row = tuple[str, int, int, int, int]
"""A present file of this root, as `folders.FOLDER_SQL` gives it: name, size, mtime, ctime, inode."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a scan asks and tells while it runs.

    Attributes:
        enters: whether a folder, relative to the root, is looked into.
        takes: whether a file, relative to the root, is looked at.
        sight: takes paths that are new or changed; may wait until there is room. False ends the scan.
        online: whether the root is still there, and the same.
        stopping: whether to end; asked at least every few hundred files, so that a scan that hangs can be told.
        entering: told of each folder before it is listed.
        suffix: of sidecars; "": none are looked at.
        edited: takes paths of sidecars that are not as they were.
    """

    enters: Callable[[str], bool]
    takes: Callable[[str], bool]
    sight: Callable[[list[str]], bool]
    online: Callable[[], bool]
    stopping: Callable[[], bool] = bool
    entering: Callable[[str], None] = lambda _folder: None
    suffix: str = ""
    edited: Callable[[list[str]], None] = lambda _paths: None


@dataclass(slots=True)
class ScanReport:
    """What a scan found. `new` and `changed` were sighted: a new one may turn out to be `moved` later.

    `unreadable` counts folders that can't be listed, some of which `examples` names with the reason; nothing below them
    is marked absent. `cpu_seconds` is the scanning thread's own time. `complete` is False when it was ended early.
    """

    seen: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    back: int = 0
    unreadable: int = 0
    examples: tuple[str, ...] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    complete: bool = False


def reconcile(db: Database, root: Root, hooks: Hooks) -> ScanReport:
    """Compare a root with the database.

    Raises:
        RootAway: it went away meanwhile.
        DatabaseError: the database can't be read or written.
    """
    began, cpu = time.monotonic(), time.thread_time()
    with ShortReads(db) as reader:
        scan = _Scan(db, reader, root, hooks)
        scan.run()
    report = scan.report
    report.gone = scan.missing.marked
    report.seconds, report.cpu_seconds = time.monotonic() - began, time.thread_time() - cpu
    return report


class _Scan:
    def __init__(self, db: Database, reader: ShortReads, root: Root, hooks: Hooks) -> None:
        self.report = ScanReport()
        self._db = db
        self._root = root
        self._hooks = hooks
        self._reader = reader
        self._folders = [root.path]
        self._visited: set[str] = set()
        self._sighted: list[str] = []
        self.missing = Missing(db, reader, root, hooks.online)
        self._back: list[int] = []
        self._stopped = False

    def run(self) -> None:
        while self._folders and not self._ended():
            self._folder(self._folders.pop())
        self._flush()
        if self._stopped:
            return
        self.missing.add_folders_but(self._visited, self._ended)
        self.missing.mark()
        self.report.complete = not self._stopped

    def _ended(self) -> bool:
        self._stopped = self._stopped or self._hooks.stopping()
        return self._stopped

    # --- one folder

    def _folder(self, here: str) -> None:
        folder = to_text(here.rstrip("/"))
        self._hooks.entering(here)
        rows: list[_Row] = self._reader.rows(folders.FOLDER_SQL, (folder, self._root.id, _LARGE + 1))
        large = len(rows) > _LARGE
        known = {} if large else {row[0]: row for row in rows}
        matched = 0
        try:
            with os.scandir(here) as entries:
                while part := list(itertools.islice(entries, _PART)):
                    if self._ended():
                        return
                    if large:
                        known = self._known_of(part, folder)
                        matched += len(known)
                    self._compare(part, known, folder)
                    if large:
                        matched -= len(known)
        except OSError as error:
            self._unreadable(here, error)
        else:
            if not large:
                self.missing.add(folder, known)
            elif self._reader.rows(folders.COUNT_SQL, (folder, self._root.id))[0][0] > matched:
                self.missing.add_all_of(folder, self._ended)
        self._visited.add(folder)
        if len(self._sighted) >= _SIGHTED or self.missing.many or len(self._back) >= _BATCH:
            self._flush()

    def _known_of(self, part: list[os.DirEntry[str]], folder: str) -> dict[str, _Row]:
        """What is known of a part of a folder that is too large to be held in memory at once."""
        return {name: row[:5] for name, row in self._rows_of(part, folder).items() if row[5] == (1, self._root.id)}

    def _rows_of(self, part: list[os.DirEntry[str]], folder: str) -> dict[str, Any]:
        """All that the database has of these names: `_Row`, then (present, root), then the id."""
        names = json.dumps([to_text(entry.name) for entry in part])
        rows = self._reader.rows(folders.NAMES_SQL, (folder, names))
        return {row[0]: (*row[:5], row[5:7], row[7]) for row in rows}

    def _compare(self, part: list[os.DirEntry[str]], known: dict[str, _Row], folder: str) -> None:
        """Take what is there out of `known`. This loop is most of what a scan costs: what is unchanged is done in it."""
        strangers: list[os.DirEntry[str]] = []
        take = known.pop
        for entry in part:
            name = entry.name
            row = take(name, None)
            if row is None:
                strangers.append(entry)
                continue
            try:
                now = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                known[name] = row
            except OSError as error:  # nothing can be told of it
                self._away_if(error)
            else:
                if (name, now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino) != row:
                    known[name] = row
                    strangers.append(entry)
        self.report.seen += len(part) - len(strangers)
        if strangers:
            self._strangers(strangers, known, folder)

    def _strangers(self, entries: list[os.DirEntry[str]], known: dict[str, _Row], folder: str) -> None:
        """What is not, or not so, among the present files of this root: folders, links, new and changed files."""
        there, beside, suffix = [], [], self._hooks.suffix
        for entry in entries:
            if suffix and entry.name.endswith(suffix):
                beside.append(entry)
            elif entry.is_dir(follow_symlinks=False):
                if self._hooks.enters(self._root.relative(entry.path)):
                    self._folders.append(entry.path)
            elif not self._hooks.takes(self._root.relative(entry.path)):
                known.pop(to_text(entry.name), None)  # excluded since it was taken: left as it is
            elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
                there.append(entry)
        if beside:
            self._sidecars(beside, folder)
        if not there:
            return
        rows = self._rows_of(there, folder)
        for entry in there:
            name = to_text(entry.name)
            try:
                stat = stat_file(entry.path, self._root.real)
            except OSError as error:
                self._away_if(error)
                known.pop(name, None)
                continue
            if stat is not None:
                known.pop(name, None)
                self.report.seen += 1
                self._sort_in(entry.path, stat, rows.get(name))

    def _sidecars(self, entries: list[os.DirEntry[str]], folder: str) -> None:
        """Tell of those that are not as they were when they were last looked at; of files that are known."""
        cut = len(self._hooks.suffix)
        names = json.dumps([to_text(entry.name[:-cut]) for entry in entries])
        rows = self._reader.rows(folders.SIDECARS_SQL, (folder, names, self._root.id))
        seen = {name: (size, mtime_ns) for name, size, mtime_ns in rows}
        edited = []
        for entry in entries:
            known = seen.get(to_text(entry.name[:-cut]))
            try:
                if known is None or not entry.is_file(follow_symlinks=False):
                    continue
                now = entry.stat(follow_symlinks=False)
            except OSError as error:
                self._away_if(error)
                continue
            if sidecars.kept((now.st_size, now.st_mtime_ns)) != known:
                edited.append(entry.path)
        if edited:
            self._hooks.edited(edited)

    def _sort_in(self, path: str, stat: Stat, row: Any) -> None:
        """One file that is there, and what is known of it."""
        if row is None:
            self.report.new += 1
        elif tuple(map(signed, (stat.size, stat.mtime_ns, stat.ctime_ns, stat.inode))) != row[1:5]:
            self.report.changed += 1
        else:
            present, root_id = row[5]
            # What may be a live photo's clip is looked at again: its still may have gone meanwhile.
            if root_id == self._root.id and (present or not still_names(row[0])):
                if not present:
                    self.report.back += 1
                    self._back.append(row[6])
                return
        self._sighted.append(path)
        if len(self._sighted) >= _SIGHTED:
            self._hand_over()

    def _hand_over(self) -> None:
        """Sight what was found. That may wait for room, so no reading transaction is left open meanwhile."""
        self._reader.release()
        paths, self._sighted = self._sighted, []
        if paths and not self._stopped and not self._hooks.sight(paths):
            self._stopped = True

    def _flush(self) -> None:
        self._hand_over()
        if self._back:
            back, self._back = self._back, []
            with self._db.write() as conn:
                folders.mark_present(conn, back)
        if self.missing.many:
            self.missing.mark()

    # --- trouble

    def _unreadable(self, here: str, error: OSError) -> None:
        if here == self._root.path:
            raise RootAway(error) from error
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return
        self._away_if(error)
        self.report.unreadable += 1
        if len(self.report.examples) < _EXAMPLES:
            self.report.examples += (f"{to_text(here)}: {error.strerror}",)

    def _away_if(self, error: OSError) -> None:
        if error.errno in AWAY and not self._hooks.online():
            raise RootAway(error) from error
