"""Live photos are one picture: the still is captioned, the clip beside it belongs to it and gets no job.

a clip comes    its still is known: linked. Else it waits a moment for it, as a job that is not due yet.
a still comes   a clip that still waits is linked, and its job taken back. One with a caption stays a video.
a still goes    alone: its clip becomes a video of its own, after a moment, for it may be about to follow.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from captiond import jobs
from captiond.media.live import clip_names, is_short, still_names
from captiond.paths import from_text, split
from captiond.store import live
from captiond.values import Priority

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from captiond.store.engine import Database

_COMING_SECONDS = 60.0
"""How long a clip waits for a still that is there, but not taken in yet: still being copied, or behind it in a backlog."""
_FOLLOWS_SECONDS = 10.0
"""How long a clip whose still went waits, before it is a video of its own."""
_BATCH = 5_000
"""Clips let go in one transaction: a million in one would keep everybody else from writing for a minute."""


def is_clip(path_text: str) -> bool:
    """Whether the file may be a live photo's clip: by its name, and by its length where it is named so."""
    return bool(still_names(path_text)) and is_short(from_text(path_text))


def has_still(path: str, names: Collection[str]) -> bool:
    """Whether a file is a live photo's clip by the names of the files in its folder, and by its length."""
    return any(name in names for name in still_names(os.path.basename(path))) and is_short(path)


def waits(path_text: str, settle_seconds: float) -> float:
    """How many seconds a clip without its still waits for it."""
    coming = any(os.path.lexists(from_text(still)) for still in still_names(path_text))
    return max(settle_seconds, _COMING_SECONDS if coming else 0.0)


def clip_of(path: str) -> str | None:
    """The clip that lies beside a still, if there is one."""
    return next((clip for clip in clip_names(path) if is_short(clip)), None)


def clip_beside(conn: Connection, path_text: str) -> tuple[int, str] | None:
    """The known clip, without a caption of its own, of the still that comes: its id and path, if it is short enough."""
    folder, name = split(path_text)
    clip = live.beside(conn, folder, clip_names(name), captioned=False)
    return None if clip is None else (clip[0], f"{folder}/{clip[1]}")


def join_still(conn: Connection, clip_id: int, path_text: str) -> bool:
    """Link a clip to the still beside it. False: there is none, or the clip is a video of its own already."""
    folder, name = split(path_text)
    still = live.beside(conn, folder, still_names(name), captioned=True)
    return still is not None and join(conn, clip_id, still[0])


def join(conn: Connection, clip_id: int, still_id: int) -> bool:
    """Link a clip to a still, and take its job back. False if it is a video of its own already."""
    if live.link(conn, clip_id, still_id) and jobs.withdraw(conn, clip_id):
        return True
    live.unlink(conn, clip_id)
    return False


def left_behind(clips: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Of clips whose still went, those that are where they were: a live photo that went as a whole stays one."""
    return [clip for clip in clips if os.path.lexists(from_text(clip[1]))]


def left_by(db: Database, stills: Iterable[tuple[str, str]]) -> list[tuple[int, str]]:
    """The clips, by id and path, that these files, by folder and name, leave behind when they are gone."""
    named_so = [still for still in stills if clip_names(still[1])]
    if not named_so:
        return []
    with db.read() as conn:
        clips = live.clips_of_paths(conn, named_so)
    return left_behind(clips)


def release(conn: Connection, clips: Iterable[tuple[int, str]]) -> None:
    """The still of these clips went: they are of another one beside them, or videos of their own from now on."""
    for clip_id, path_text in clips:
        if live.unlink(conn, clip_id) and not join_still(conn, clip_id, path_text):
            _ask(conn, clip_id, Priority.NEW, _FOLLOWS_SECONDS)


def release_all(db: Database, root_id: int) -> None:
    """The root takes live photos for two files each from now on."""
    with db.read() as conn:
        clips = live.clips_under(conn, root_id)
    for start in range(0, len(clips), _BATCH):
        with db.write() as conn:
            for clip_id in clips[start : start + _BATCH]:
                live.unlink(conn, clip_id)
                _ask(conn, clip_id, Priority.BACKLOG, 0.0)


def _ask(conn: Connection, clip_id: int, priority: Priority, wait: float) -> None:
    root_id, recipe = live.home(conn, clip_id)
    now = time.time()
    jobs.enqueue(conn, file_id=clip_id, root_id=root_id, recipe=recipe, priority=priority, now=now, due_at=now + wait)
