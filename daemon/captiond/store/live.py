"""The SQL on live photos: which clip belongs to which still."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

_BESIDE = (
    "SELECT name, id, caption_id IS NOT NULL FROM file WHERE folder = ? AND name IN ({}) AND media = 1 AND present = 1"
)
_CLIPS = (
    "SELECT clip.id, clip.folder || '/' || clip.name FROM live_photo "
    "JOIN file AS clip ON clip.id = live_photo.clip_id WHERE clip.present = 1 AND live_photo.still_id = "
)


def beside(conn: Connection, folder: str, names: Sequence[str], *, captioned: bool) -> tuple[int, str] | None:
    """The id and name of the first of these names, in their order, of which a media file is present.

    Args:
        captioned: whether one that has a caption counts as well.
    """
    if not names:
        return None
    cursor = conn.connection.cursor()  # bare: every picture that is taken in asks this
    cursor.execute(_BESIDE.format(", ".join("?" * len(names))), (folder, *names))
    found = {row[0]: row[1] for row in cursor.fetchall() if captioned or not row[2]}
    return next(((found[name], name) for name in names if name in found), None)


def link(conn: Connection, clip_id: int, still_id: int) -> bool:
    """The clip belongs to the still. False, and nothing is done, if the clip has a caption of its own."""
    made = conn.exec_driver_sql(
        "INSERT OR REPLACE INTO live_photo (clip_id, still_id) "
        "SELECT id, ? FROM file WHERE id = ? AND caption_id IS NULL",
        (still_id, clip_id),
    )
    return made.rowcount == 1


def unlink(conn: Connection, clip_id: int) -> bool:
    """The clip belongs to no still any more. False if it did not."""
    return conn.exec_driver_sql("DELETE FROM live_photo WHERE clip_id = ?", (clip_id,)).rowcount == 1


def clips_of(conn: Connection, still_id: int) -> list[tuple[int, str]]:
    """The clips of a still that are present: their ids and paths."""
    return [(row[0], row[1]) for row in conn.exec_driver_sql(_CLIPS + "?", (still_id,))]


def clips_of_paths(conn: Connection, stills: Iterable[tuple[str, str]]) -> list[tuple[int, str]]:
    """The same for stills by folder and name."""
    of_path = _CLIPS + "(SELECT id FROM file WHERE folder = ? AND name = ?)"
    return [(row[0], row[1]) for still in stills for row in conn.exec_driver_sql(of_path, still)]


def clips_under(conn: Connection, root_id: int) -> list[int]:
    """The ids of all clips of a root that belong to a still."""
    rows = conn.exec_driver_sql(
        "SELECT clip_id FROM live_photo JOIN file ON file.id = clip_id WHERE file.root_id = ?", (root_id,)
    )
    return [row[0] for row in rows]


def pair(conn: Connection, file_id: int) -> tuple[str, str] | None:
    """The paths of still and clip of the live photo that a file is part of; None if it is part of none."""
    row = conn.exec_driver_sql(
        "SELECT still.folder || '/' || still.name, clip.folder || '/' || clip.name FROM live_photo "
        "JOIN file AS still ON still.id = still_id JOIN file AS clip ON clip.id = clip_id "
        "WHERE clip_id = ?1 OR still_id = ?1 ORDER BY clip.present DESC, clip_id DESC LIMIT 1",
        (file_id,),
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def home(conn: Connection, file_id: int) -> tuple[int | None, str]:
    """The root of a file, and the recipe that it has; None and the default recipe for a file under no root."""
    row = conn.exec_driver_sql(
        "SELECT root.id, root.recipe FROM file LEFT JOIN root ON root.id = file.root_id WHERE file.id = ?", (file_id,)
    ).one()
    return row[0], row[1] or "default"
