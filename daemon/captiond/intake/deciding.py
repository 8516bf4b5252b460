"""What is to be done for quiet files, before the transaction: the database is asked, and the disk where that says nothing.

No transaction is open while the disk is asked: it may be a share that hangs, and what is written meanwhile could not leave
the WAL.

The first bytes decide whether a file is media. One that is named like media gets a job in any case: should it be none, the
job fails and says so. One that is neither is remembered by its stat, so that it is not opened again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from captiond import live_photos, sidecar
from captiond.intake.looks import Is, has_left, identify, is_same
from captiond.intake.values import Decision, IntakeReport, Root
from captiond.media.identify import named_like_media
from captiond.media.live import is_short
from captiond.paths import from_text, to_text
from captiond.store import files, live
from captiond.values import Priority, Quiet

if TYPE_CHECKING:
    from captiond.store.engine import Database
    from captiond.store.files import FileRow


def decide(
    db: Database, root: Root, batch: Sequence[Quiet], report: IntakeReport, disk: AbstractContextManager[None]
) -> list[Decision]:
    """The files for which there is something to do; `report` counts the others. `disk` is entered for each look."""
    texts = [to_text(quiet.path) for quiet in batch]
    with db.read() as conn:
        known = files.files_by_path(conn, texts)
        alike = {
            text: files.find_moved(conn, quiet.stat, root.id)
            for quiet, text in zip(batch, texts, strict=True)
            if text not in known
        }
    decisions: list[Decision] = []
    moved: set[int] = set()
    for quiet, text in zip(batch, texts, strict=True):
        row = known.get(text)
        if row is not None and row.looks_like(quiet.stat):
            if row.present and row.root_id == root.id:
                report.same += 1
            else:
                decisions.append(Decision(quiet, text, row.media, row))
            continue
        with disk:
            move = _move(alike[text], quiet, text, moved) if row is None else None
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
    return _of_live_photos(db, root, decisions, disk) if root.live_photos and decisions else decisions


def _answered(quiet: Quiet, root: Root) -> bool:
    """Asked only of what would have to wait for a person's word."""
    if not (root.suffix and root.confirm and quiet.priority == Priority.BACKLOG):
        return False
    return sidecar.answer_for(quiet.path, root.path, root.suffix, quiet.stat.size) is not None


def _of_live_photos(
    db: Database, root: Root, decisions: Sequence[Decision], disk: AbstractContextManager[None]
) -> list[Decision]:
    """With the clips of stills, and how long clips wait for theirs. Stills first: a clip of the same batch finds its own."""
    stills: list[Decision] = []
    clips: list[Decision] = []
    for one in decisions:
        with disk:
            is_clip = one.media and live_photos.is_clip(one.text)
            waits = live_photos.waits(one.text, root.settle_seconds) if is_clip else None
        (clips if is_clip else stills).append(replace(one, waits=waits))
    with db.read() as conn:
        beside = [live_photos.clip_beside(conn, one.text) if one.media else None for one in stills]
        of_moved = [live.clips_of(conn, one.moved.id) if one.media and one.moved else () for one in stills]
    with_clips = []
    for one, clip, of_still in zip(stills, beside, of_moved, strict=True):
        with disk:
            is_clip = clip is not None and is_short(from_text(clip[1]))
            left = tuple(live_photos.left_behind(of_still))
        with_clips.append(replace(one, clip=clip if is_clip else None, left=left))
    return [*with_clips, *clips]


def _move(alike: Sequence[FileRow], quiet: Quiet, text: str, moved: set[int]) -> Decision | None:
    """What to do if this is a known file under a new name: same inode, size and mtime, and its own path is gone.

    Another root on a network file system is not asked: if it is dead, this one would hang with it. The file is read
    then, found to have known bytes, and costs no call either.
    """
    for row in alike:
        # What was no media under its old name, and is named like media now, is worth a job that says so.
        if row.id in moved or (named_like_media(quiet.path) and not row.media) or not has_left(from_text(row.path)):
            continue
        same = is_same(quiet, row)
        if same or (same is None and row.media):
            moved.add(row.id)
            return Decision(quiet, text, row.media, moved=row, unproven=same is None)
    return None
