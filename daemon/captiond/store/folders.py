"""The SQL on whole folders, for comparing them with the disk: many files at a time, in constant memory.

Paths are text, as `paths.to_text` makes them; numbers are folded as `files.signed` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, text

_SOME = 500  # ids in one statement: far below SQLite's limit of variables

FOLDER_SQL = "SELECT name, size, mtime_ns, ctime_ns, inode, present, root_id, id FROM file WHERE folder = ? LIMIT ?"
"""One folder's files, for a bare driver cursor: a scan of a million rows is no place for anything between."""

NAMES_SQL = (
    "SELECT name, size, mtime_ns, ctime_ns, inode, present, root_id, id FROM file "
    "WHERE folder = ?1 AND name IN (SELECT value FROM json_each(?2))"
)
"""The same for a part of a very large folder."""


def present_after(conn: Connection, folder: str, name: str, limit: int) -> list[tuple[int, str, str]]:
    """The next present files of a folder after this name: (id, folder, name)."""
    rows = conn.exec_driver_sql(
        "SELECT id, folder, name FROM file WHERE folder = ? AND name > ? AND present = 1 ORDER BY name LIMIT ?",
        (folder, name, limit),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def folder_after(conn: Connection, root_id: int, folder: str | None) -> str | None:
    """The next folder of a root that has files in the database, in order of text; None at the end.

    A step is one search in an index, however many files there are; `SELECT DISTINCT` would read them all.
    """
    if folder is None:
        found = conn.exec_driver_sql("SELECT min(folder) FROM file WHERE root_id = ?", (root_id,)).scalar_one()
    else:
        later = "SELECT min(folder) FROM file WHERE root_id = ? AND folder > ?"
        found = conn.exec_driver_sql(later, (root_id, folder)).scalar_one()
    return None if found is None else str(found)


def take_over(conn: Connection, file_ids: Sequence[int], root_id: int) -> None:
    """These known files are under this root now: they were captioned by hand, or the roots were cut differently."""
    _for_ids(conn, "UPDATE file SET root_id = :value WHERE id IN :ids", file_ids, root_id)


def mark_present(conn: Connection, file_ids: Sequence[int]) -> None:
    """These files are back, as they were."""
    _for_ids(conn, "UPDATE file SET present = :value WHERE id IN :ids", file_ids, 1)


def mark_absent(conn: Connection, gone: Iterable[tuple[int, str, str]]) -> int:
    """These files (id, folder, name) are not there any more; returns how many were marked.

    One that was moved to another path meanwhile is left alone. Nothing is deleted.
    """
    marked = 0
    for file_id, folder, name in gone:
        marked += conn.exec_driver_sql(
            "UPDATE file SET present = 0 WHERE id = ? AND folder = ? AND name = ? AND present = 1",
            (file_id, folder, name),
        ).rowcount
    return marked


def _for_ids(conn: Connection, statement: str, file_ids: Sequence[int], value: int) -> None:
    prepared = text(statement).bindparams(bindparam("ids", expanding=True))
    for start in range(0, len(file_ids), _SOME):
        conn.execute(prepared, {"value": value, "ids": list(file_ids[start : start + _SOME])})
