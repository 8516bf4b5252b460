"""The SQL on roots and on single files: which there are, what they looked like, where they went.

Every function takes the connection first and runs in the caller's transaction. Paths are text, as `paths.to_text` makes
them. Sizes, times and inodes are stored as 64-bit signed integers; `signed` folds the larger ones, which some network
file systems have, and a `Stat` that comes back from here is as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.sqlite import insert

from captiond.mounts import must_be_polled
from captiond.paths import is_under, split
from captiond.store import sidecars
from captiond.store import tables as t
from captiond.store.clean import WRAP, signed
from captiond.values import Stat


@dataclass(frozen=True, slots=True)
class RootRow:
    """A root as it was last known. `scanned_at` is the end of its last complete scan; None: there was none yet.

    `go_at` is since when its first backlog may be asked; None: not yet.
    """

    id: int
    path: str
    recipe: str
    mode: str
    watched: bool
    state: str
    reason: str | None
    mount_point: str | None
    fstype: str | None
    scanned_at: float | None
    scan_seconds: float | None
    go_at: float | None


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file as it was last seen. `media` is False for what was looked at and is no media."""

    id: int
    root_id: int | None
    folder: str
    name: str
    stat: Stat
    media: bool
    content_id: int | None
    caption_id: int | None
    present: bool

    @property
    def path(self) -> str:
        """The whole path, as text."""
        return f"{self.folder}/{self.name}"

    def looks_like(self, stat: Stat) -> bool:
        """Whether a file with this stat is this one, unchanged; as far as the database can keep its numbers."""
        return _stat_values(self.stat) == _stat_values(stat)


# --- roots ----------------------------------------------------------------------------------------------------------


def upsert_root(conn: Connection, path_text: str, recipe: str) -> int:
    """Make the root known, or known again; returns its id. What was learnt of it before stays."""
    values: dict[str, Any] = {"recipe": recipe, "watched": 1}
    statement = insert(t.root).values({"path": path_text, "state": "online", "mode": "inotify"} | values)
    statement = statement.on_conflict_do_update(index_elements=[t.root.c.path], set_=values)
    return int(conn.execute(statement.returning(t.root.c.id)).scalar_one())


def set_root_mode(conn: Connection, root_id: int, mode: str) -> None:
    """Record how the root is watched in fact: inotify or poll."""
    conn.execute(update(t.root).where(t.root.c.id == root_id).values(mode=mode))


def set_root_state(
    conn: Connection, root_id: int, state: str, reason: str | None, mount_point: str | None, fstype: str | None
) -> None:
    """Record whether the root is online or offline, why with the remedy, and where it is mounted.

    `mount_point` None leaves what was known: an offline root must keep the mount that it waits for.
    """
    values: dict[str, Any] = {"state": state, "reason": reason}
    if mount_point is not None:
        values |= {"mount_point": mount_point, "fstype": fstype}
    conn.execute(update(t.root).where(t.root.c.id == root_id).values(values))


def root_scanned(conn: Connection, root_id: int, at: float, seconds: float) -> None:
    """Record a complete scan."""
    conn.execute(update(t.root).where(t.root.c.id == root_id).values(scanned_at=at, scan_seconds=seconds))


def roots(conn: Connection, *, watched: bool | None = None) -> list[RootRow]:
    """The roots by path; `watched` chooses those that are in the configuration, or those that are not any more."""
    statement = select(t.root).order_by(t.root.c.path)
    if watched is not None:
        statement = statement.where(t.root.c.watched == int(watched))
    return [_root(row) for row in conn.execute(statement)]


def root(conn: Connection, root_id: int) -> RootRow | None:
    """One root."""
    row = conn.execute(select(t.root).where(t.root.c.id == root_id)).one_or_none()
    return None if row is None else _root(row)


def root_over(conn: Connection, path_text: str) -> RootRow | None:
    """The innermost root that this path lies under, also one that is not in the configuration any more."""
    over = [row for row in roots(conn) if is_under(path_text, row.path)]
    return max(over, key=lambda row: len(row.path), default=None)


def forget_roots(conn: Connection, keep_ids: Collection[int]) -> int:
    """The configuration names only these roots now; returns how many others there were. Their files and captions stay.

    A root that is taken out and put back may be mounted elsewhere: its mount is forgotten.
    """
    gone = t.root.c.id.not_in(list(keep_ids)) & (t.root.c.watched == 1)
    return conn.execute(update(t.root).where(gone).values(watched=0, mount_point=None, fstype=None)).rowcount


def may_go(conn: Connection, root_id: int) -> bool:
    """Whether the root's first backlog may be asked."""
    query = select(t.root.c.go_at).where(t.root.c.id == root_id)
    return conn.execute(query).scalar_one_or_none() is not None


def let_go(conn: Connection, root_id: int, now: float) -> None:
    """The root's first backlog may be asked from now on, if it may not already."""
    conn.execute(update(t.root).where(t.root.c.id == root_id, t.root.c.go_at.is_(None)).values(go_at=now))


def hold_back(conn: Connection, root_id: int) -> None:
    """What is found in the root from now on is a first backlog again."""
    conn.execute(update(t.root).where(t.root.c.id == root_id).values(go_at=None))


def waiting_files(conn: Connection, root_id: int) -> int:
    """How many media files of the root are present, as far as is known."""
    statement = select(func.count()).select_from(t.file)
    mine = (t.file.c.root_id == root_id) & (t.file.c.media == 1) & (t.file.c.present == 1)
    return int(conn.execute(statement.where(mine)).scalar_one())


# --- looking files up -----------------------------------------------------------------------------------------------


def files_by_path(conn: Connection, paths: Iterable[str]) -> dict[str, FileRow]:
    """The files of these paths, by path; unknown ones are missing."""
    found: dict[str, FileRow] = {}
    cursor = conn.connection.cursor()
    for path in paths:
        cursor.execute(_BY_PATH, split(path))
        row = cursor.fetchone()
        if row is not None:
            found[path] = _file(row)
    return found


def find_moved(conn: Connection, stat: Stat, root_id: int) -> list[FileRow]:
    """Files that a new path with this stat may have been: same inode, size and mtime (a move changes the ctime alone).

    They are of this root, or of others that are online and on local disks: to look at those would not hang.
    """
    values = (signed(stat.inode), signed(stat.size), signed(stat.mtime_ns))
    found = []
    cursor = conn.connection.cursor()
    cursor.execute(_MOVED, values)
    for *columns, state, fstype in cursor.fetchall():
        row = _file(columns)
        if row.root_id == root_id or (state == "online" and fstype is not None and not must_be_polled(fstype)):
            found.append(row)
    return found


# --- changing files -------------------------------------------------------------------------------------------------


def ensure_file(conn: Connection, root_id: int | None, path_text: str, stat: Stat, media: bool) -> int:
    """Record the file of this path as it is now, present; returns its id. Content and caption of known ones stay.

    With `root_id` None a root that is known stays too: a file captioned by hand may lie under one.
    """
    numbers = (signed(stat.size), signed(stat.mtime_ns), signed(stat.ctime_ns), signed(stat.inode))
    cursor = conn.connection.cursor()
    cursor.execute(_ENSURE, (root_id, *split(path_text), *numbers, int(media)))
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def mark_absent(conn: Connection, file_ids: Collection[int]) -> None:
    """These files are not there any more. Nothing is deleted."""
    conn.execute(update(t.file).where(t.file.c.id.in_(list(file_ids))).values(present=0))


def mark_back(conn: Connection, file_id: int, root_id: int) -> None:
    """This file is there again, or under another root now, as it was."""
    conn.execute(update(t.file).where(t.file.c.id == file_id).values(present=1, root_id=root_id))


def no_media(conn: Connection, file_id: int) -> None:
    """What stood here was replaced by something that is no media: it has no content and no caption any more."""
    conn.execute(update(t.file).where(t.file.c.id == file_id).values(content_id=None, caption_id=None))


def move_file(conn: Connection, row: FileRow, root_id: int, path_text: str, stat: Stat, now: float) -> bool:
    """The file `row` is at another path now; content and caption go with it, and its sidecar is to follow.

    Returns:
        False, and nothing is done, when it is not where it was any more, for another thread moved it first, or when the
        new path is known by now: `captiond caption` named it meanwhile.
    """
    folder, name = split(path_text)
    as_seen = (t.file.c.id == row.id) & (t.file.c.folder == row.folder) & (t.file.c.name == row.name)
    values = {"root_id": root_id, "folder": folder, "name": name, "present": 1, **_stat_values(stat)}
    if conn.execute(update(t.file).where(as_seen).values(values).prefix_with("OR IGNORE")).rowcount != 1:
        return False
    sidecars.make_due(conn, [row.id], now)
    return True


def root_recipe(conn: Connection, root_id: int | None) -> str | None:
    """The recipe of a root; None for no root."""
    return conn.execute(select(t.root.c.recipe).where(t.root.c.id == root_id)).scalar_one_or_none()


def has_job(conn: Connection, file_id: int) -> bool:
    """Whether there ever was a job for this file."""
    return conn.execute(select(t.job.c.id).where(t.job.c.file_id == file_id).limit(1)).first() is not None


# --- within ---------------------------------------------------------------------------------------------------------

# For a bare driver cursor: files come by the hundred thousand, and SQLAlchemy's own time would be most of it.
_BY_PATH = (
    "SELECT id, root_id, folder, name, size, mtime_ns, ctime_ns, inode, media, content_id, caption_id, present "
    "FROM file WHERE folder = ? AND name = ?"
)
_MOVED = (
    "SELECT file.id, root_id, folder, name, size, mtime_ns, ctime_ns, inode, media, content_id, caption_id, present, "
    "root.state, root.fstype FROM file JOIN root ON root.id = file.root_id "
    "WHERE inode = ? AND size = ? AND mtime_ns = ? ORDER BY file.id LIMIT 20"
)
_ENSURE = (
    "INSERT INTO file (root_id, folder, name, size, mtime_ns, ctime_ns, inode, media, present) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (folder, name) DO UPDATE SET "
    "root_id = coalesce(excluded.root_id, root_id), size = excluded.size, mtime_ns = excluded.mtime_ns, "
    "ctime_ns = excluded.ctime_ns, inode = excluded.inode, media = excluded.media, present = 1 RETURNING id"
)


def _root(row: Any) -> RootRow:
    return RootRow(
        id=row.id,
        path=row.path,
        recipe=row.recipe,
        mode=row.mode,
        watched=bool(row.watched),
        state=row.state,
        reason=row.reason,
        mount_point=row.mount_point,
        fstype=row.fstype,
        scanned_at=row.scanned_at,
        scan_seconds=row.scan_seconds,
        go_at=row.go_at,
    )


def _file(row: Any) -> FileRow:
    file_id, root_id, folder, name, size, mtime_ns, ctime_ns, inode, media, content_id, caption_id, present = row
    # Of these only an inode is unsigned where it comes from; times before 1970 are rightly negative.
    stat = Stat(size, mtime_ns, ctime_ns, inode % WRAP)
    return FileRow(file_id, root_id, folder, name, stat, bool(media), content_id, caption_id, bool(present))


def _stat_values(stat: Stat) -> dict[str, int]:
    return {
        "size": signed(stat.size),
        "mtime_ns": signed(stat.mtime_ns),
        "ctime_ns": signed(stat.ctime_ns),
        "inode": signed(stat.inode),
    }
