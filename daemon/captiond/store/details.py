"""Everything known of one file, for `captiond show`. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, exists, or_, select

from captiond.paths import split
from captiond.store import live
from captiond.store import tables as t
from captiond.values import JobState

Fields = Mapping[str, Any]
"""A row by the names of its columns."""


@dataclass(frozen=True, slots=True)
class Details:
    """One file's rows, each a mapping by the columns' names; None where there is none."""

    file: Fields
    root: Fields | None
    content: Fields | None
    captions: Sequence[Fields]
    """Of its content, the newest first; superseded ones too."""
    jobs: Sequence[Fields]
    """The newest first."""
    calls: Sequence[Fields]
    """Made for this file or for the same content, the newest first."""
    sidecar: Fields | None
    live_photo: tuple[str, str] | None
    """The paths of still and clip of the live photo that it is part of."""


def find(conn: Connection, path: str) -> int | None:
    """The file's id by its path as text."""
    folder, name = split(path)
    found: int | None = conn.execute(
        select(t.file.c.id).where(t.file.c.folder == folder, t.file.c.name == name)
    ).scalar_one_or_none()
    return found


def of_file(conn: Connection, file_id: int) -> Details | None:
    """All of a file, or None when there is no such id."""
    file = _one(conn, select(t.file).where(t.file.c.id == file_id))
    if file is None:
        return None
    content_id = file["content_id"]
    own = select(t.job.c.id).where(t.job.c.file_id == file_id)
    # A call knows its job by index; by content it would be a scan of all calls.
    shared = select(t.job.c.id).join(t.file, t.file.c.id == t.job.c.file_id).where(t.file.c.content_id == content_id)
    calls = or_(t.call.c.job_id.in_(own), and_(t.call.c.job_id.in_(shared), t.call.c.content_id == content_id))
    return Details(
        file=file,
        root=_one(conn, select(t.root).where(t.root.c.id == file["root_id"])),
        content=_one(conn, select(t.content).where(t.content.c.id == content_id)),
        captions=_all(
            conn, select(t.caption).where(t.caption.c.content_id == content_id).order_by(t.caption.c.id.desc())
        ),
        jobs=_all(conn, select(t.job).where(t.job.c.file_id == file_id).order_by(t.job.c.id.desc())),
        calls=_all(conn, select(t.call).where(calls).order_by(t.call.c.id.desc())),
        sidecar=_one(conn, select(t.sidecar).where(t.sidecar.c.file_id == file_id)),
        live_photo=live.pair(conn, file_id),
    )


def _one(conn: Connection, query: Select[Any]) -> Fields | None:
    row = conn.execute(query).one_or_none()
    return None if row is None else row._asdict()


def _all(conn: Connection, query: Select[Any]) -> list[Fields]:
    return [row._asdict() for row in conn.execute(query)]


def ended_under(conn: Connection, path: str, state: JobState) -> list[int]:
    """The ids of the files that are there and whose last job ended in this state: the one of this path, and all below it."""
    folder, name = split(path)
    newer = t.job.alias("newer")
    is_latest = ~exists().where(newer.c.file_id == t.job.c.file_id, newer.c.id > t.job.c.id)
    below = path.rstrip("/") + "/"
    # "0" is the character after "/": a range that the index on folders serves, unlike LIKE.
    is_below = or_(
        t.file.c.folder == path.rstrip("/"), and_(t.file.c.folder >= below, t.file.c.folder < below[:-1] + "0")
    )
    rows = conn.execute(
        select(t.file.c.id)
        .where(or_(and_(t.file.c.folder == folder, t.file.c.name == name), is_below))
        .where(t.file.c.present == 1)
        .where(exists().where(t.job.c.file_id == t.file.c.id, t.job.c.state == state.value, is_latest))
    )
    return list(rows.scalars())
