"""What is to be done for quiet files, before the transaction: the database is asked, and the disk where that says nothing.

The first bytes decide whether a file is media. One that is named like media gets a job in any case: should it be none, the
job fails and says so. One that is neither is remembered by its stat, so that it is not opened again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from captiond import live_photos, sidecar
from captiond.intake.looks import Is, has_left, identify, is_same
from captiond.intake.values import Decision, IntakeReport, Root
from captiond.media.identify import named_like_media
from captiond.paths import from_text, to_text
from captiond.store import files, live
from captiond.values import Priority, Quiet

if TYPE_CHECKING:
    from sqlalchemy import Connection


def decide(conn: Connection, root: Root, batch: Sequence[Quiet], report: IntakeReport) -> list[Decision]:
    """The files for which there is something to do; `report` counts the others."""
    decisions: list[Decision] = []
    known = files.files_by_path(conn, [to_text(quiet.path) for quiet in batch])
    moved: set[int] = set()
    for quiet in batch:
        text = to_text(quiet.path)
        row = known.get(text)
        if row is not None and row.looks_like(quiet.stat):
            if row.present and row.root_id == root.id:
                report.same += 1
            else:
                decisions.append(Decision(quiet, text, row.media, row))
            continue
        move = _move(conn, root, quiet, text, moved) if row is None else None
        if move is not None:
            decisions.append(move)
            continue
        match identify(quiet, root.real):
            case Is.GONE:
                report.vanished += 1
            case Is.UNKNOWN:
                report.undecided.append(quiet)
            case kind:
                media = kind is Is.MEDIA
                decisions.append(Decision(quiet, text, media, row, answered=media and _answered(quiet, root)))
    if root.live_photos:
        # Stills first: a clip of the same batch finds its own.
        decisions = sorted(
            (_of_live_photo(conn, root, one) for one in decisions), key=lambda one: one.waits is not None
        )
    return decisions


def _answered(quiet: Quiet, root: Root) -> bool:
    """Asked only of what would have to wait for a person's word."""
    if not (root.suffix and root.confirm and quiet.priority == Priority.BACKLOG):
        return False
    return sidecar.answer_for(quiet.path, root.path, root.suffix, quiet.stat.size) is not None


def _of_live_photo(conn: Connection, root: Root, decision: Decision) -> Decision:
    if not decision.media:
        return decision
    if live_photos.is_clip(decision.text):
        return replace(decision, waits=live_photos.waits(decision.text, root.settle_seconds))
    clip = live_photos.clip_beside(conn, decision.text)
    left = live_photos.left_behind(live.clips_of(conn, decision.moved.id)) if decision.moved is not None else ()
    return replace(decision, clip=clip, left=tuple(left)) if clip is not None or left else decision


def _move(conn: Connection, root: Root, quiet: Quiet, text: str, moved: set[int]) -> Decision | None:
    """What to do if this is a known file under a new name: same inode, size and mtime, and its own path is gone.

    Another root on a network file system is not asked: if it is dead, this one would hang with it. The file is read
    then, found to have known bytes, and costs no call either.
    """
    for row in files.find_moved(conn, quiet.stat, root.id):
        # What was no media under its old name, and is named like media now, is worth a job that says so.
        if row.id in moved or not (row.media or not named_like_media(quiet.path)) or not has_left(from_text(row.path)):
            continue
        same = is_same(quiet, row)
        if same or (same is None and row.media):
            moved.add(row.id)
            return Decision(quiet, text, row.media, moved=row, unproven=same is None)
    return None
