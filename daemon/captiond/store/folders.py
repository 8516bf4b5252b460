"""The SQL on whole folders, for comparing them with the disk: many files at a time, in constant memory.

Paths are text, as `paths.to_text` makes them; numbers are folded as `clean.signed` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from captiond.store.files import FileRow

FOLDER_SQL = (
    "SELECT name, size, mtime_ns, ctime_ns, inode FROM file WHERE folder = ? AND root_id = ? AND present = 1 LIMIT ?"
)
"""One folder's present files of a root, for a bare driver cursor: no more than tells whether they are unchanged."""

NAMES_SQL = (
    "SELECT name, size, mtime_ns, ctime_ns, inode, present, root_id, id FROM file "
    "WHERE folder = ?1 AND name IN (SELECT value FROM json_each(?2))"
)
"""All that is known of some names in a folder; the names as a JSON list."""

SIDECARS_SQL = (
    "SELECT file.name, sidecar.size, sidecar.mtime_ns FROM file LEFT JOIN sidecar ON sidecar.file_id = file.id "
    "WHERE folder = ?1 AND name IN (SELECT value FROM json_each(?2)) AND root_id = ?3 AND present = 1 "
    "AND content_id IS NOT NULL"
)
"""What the sidecars of some files in a folder looked like when they were last looked at; the files' names as a JSON list."""

FOLDERS_SQL = """
WITH RECURSIVE known (folder) AS (
    SELECT min(folder) FROM file WHERE root_id = ?1
    UNION ALL
    SELECT (SELECT min(folder) FROM file WHERE root_id = ?1 AND folder > known.folder) FROM known WHERE folder IS NOT NULL
)
SELECT folder FROM known WHERE folder IS NOT NULL
"""
"""Every folder of a root that has files in the database. Each is one search in the index, however many files it has;
`SELECT DISTINCT` would read them all."""

PRESENT_SQL = (
    "SELECT folder, name FROM file WHERE folder = ? AND root_id = ? AND name > ? AND present = 1 ORDER BY name LIMIT ?"
)
"""The next present files of a folder after a name."""

COUNT_SQL = "SELECT count(*) FROM file WHERE folder = ? AND root_id = ? AND present = 1"
"""How many files of a folder are present, as far as is known."""


def present_between(conn: Connection, after: tuple[str, str], last: str, limit: int) -> list[tuple[str, str]]:
    """The next present files (folder, name) after this one, in folders up to `last`, in order of text."""
    rows = conn.exec_driver_sql(
        "SELECT folder, name FROM file WHERE (folder, name) > (?, ?) AND folder <= ? AND present = 1 "
        "ORDER BY folder, name LIMIT ?",
        (*after, last, limit),
    )
    return [(row[0], row[1]) for row in rows]


def mark_present(conn: Connection, file_ids: Sequence[int]) -> None:
    """These files are back, as they were."""
    update = "UPDATE file SET present = 1 WHERE id IN (SELECT value FROM json_each(?))"
    conn.exec_driver_sql(update, (json.dumps(list(file_ids)),))


def mark_gone(conn: Connection, gone: Iterable[FileRow]) -> int:
    """These files are not there any more; returns how many were marked absent. Nothing is deleted.

    One that was seen anew since its row was read is left as it is: it came back.
    """
    update = "UPDATE file SET present = 0 WHERE folder = ? AND name = ? AND ctime_ns = ? AND present = 1"
    return sum(conn.exec_driver_sql(update, (row.folder, row.name, row.stat.ctime_ns)).rowcount for row in gone)
