"""Counts over the whole database, for `captiond status`."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from captiond.store import tables as t


@dataclass(frozen=True, slots=True)
class FileTotals:
    """How many files there are of each sort; `media` counts images and videos, present or not, live photos once."""

    media: int = 0
    captioned: int = 0
    """With a caption, also those that are gone."""
    absent: int = 0
    """Media files that are gone; their captions stay."""
    not_media: int = 0
    """Looked at, and neither image nor video."""
    builtin_only: int = 0
    """Present, and described by the built-in describer alone."""


_IS_NO_CLIP = t.file.c.id.not_in(select(t.live_photo.c.clip_id))
"""What belongs to a live photo is counted with its still."""


def files(conn: Connection) -> FileTotals:
    """Count the files by sort."""
    is_media = (t.file.c.media == 1) & _IS_NO_CLIP
    counted = conn.execute(
        select(
            func.count().filter(is_media),
            func.count(t.file.c.caption_id),
            func.count().filter(is_media & (t.file.c.present == 0)),
            func.count().filter(t.file.c.media == 0),
        ).select_from(t.file)
    ).one()
    builtin = conn.execute(
        select(func.count())
        .select_from(t.file.join(t.caption, t.caption.c.id == t.file.c.caption_id))
        .where(t.file.c.present == 1, t.caption.c.source == "builtin")
    ).scalar_one()
    return FileTotals(*counted, builtin_only=builtin)


def files_by_root(conn: Connection) -> dict[int, int]:
    """How many media files are present, by the root's id; roots without any are not named."""
    rows = conn.execute(
        select(t.file.c.root_id, func.count())
        .where(t.file.c.root_id.is_not(None), t.file.c.media == 1, t.file.c.present == 1, _IS_NO_CLIP)
        .group_by(t.file.c.root_id)
    )
    return {row[0]: row[1] for row in rows}


def sidecars(conn: Connection) -> dict[str, int]:
    """How many sidecars are in each state; states without any are not named.

    None is to be written of a file that is gone, or has no caption.
    """
    wants_one = (t.file.c.present == 1) & t.file.c.caption_id.is_not(None)
    counted = (t.sidecar.c.state == "written") | select(t.file.c.id).where(
        t.file.c.id == t.sidecar.c.file_id, wants_one
    ).exists()
    rows = conn.execute(select(t.sidecar.c.state, func.count()).where(counted).group_by(t.sidecar.c.state))
    return {row[0]: row[1] for row in rows}


def sidecar_troubles(conn: Connection, limit: int) -> list[tuple[str, str, str, str | None]]:
    """Sidecars of files that are there and that could not be written: (folder, name, state, reason).

    Pending ones without a reason are only due.
    """
    rows = conn.execute(
        select(t.file.c.folder, t.file.c.name, t.sidecar.c.state, t.sidecar.c.reason)
        .join_from(t.sidecar, t.file, t.file.c.id == t.sidecar.c.file_id)
        .where(t.sidecar.c.state != "written", t.sidecar.c.reason.is_not(None), t.file.c.present == 1)
        .order_by(t.sidecar.c.file_id.desc())
        .limit(limit)
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def newest_caption(conn: Connection) -> str | None:
    """When the newest caption was made, UTC ISO 8601; None when there is none."""
    found: str | None = conn.execute(select(func.max(t.caption.c.created_at))).scalar_one()
    return found
