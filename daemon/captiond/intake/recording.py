"""What was decided for a file, in the transaction: its row, and its job if it needs one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captiond import captions, jobs, live_photos
from captiond.store import files, live
from captiond.values import Priority

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from captiond.intake.values import Decision, IntakeReport, Root
    from captiond.store.files import FileRow


def record(conn: Connection, root: Root, decision: Decision, report: IntakeReport, now: float) -> None:
    """Record one file, and count it."""
    stat, row = decision.quiet.stat, decision.row
    if decision.moved is not None and files.move_file(conn, decision.moved, root.id, decision.text, stat, now=now):
        report.moved += 1
        live_photos.release(conn, decision.left)
        _under_root(conn, root, decision.moved, decision, report, now)
        return
    if row is not None and row.looks_like(stat):
        report.back += 1
        files.mark_back(conn, row.id, root.id)
        _under_root(conn, root, row, decision, report, now)
        return
    file_id = files.ensure_file(conn, root.id, decision.text, stat, decision.media)
    if not decision.media:
        report.not_media += 1
        if row is not None and row.content_id is not None:
            files.no_media(conn, file_id)
        return
    if row is None:
        report.new += 1
    else:
        report.changed += 1
    if not _joined(conn, decision, file_id):
        _enqueue(conn, root, file_id, decision, report, now)


def _under_root(
    conn: Connection, root: Root, row: FileRow, decision: Decision, report: IntakeReport, now: float
) -> None:
    """A known file is where it was not before: it needs a job only if this root asks something else of it.

    One that may be another file is read: if it is not, its caption is known by its bytes, and it costs no call.
    """
    came = row.root_id != root.id
    has_open = came and jobs.follow(
        conn, row.id, root_id=root.id, recipe=root.recipe, priority=_priority(root, decision)
    )
    if not row.media or _joined(conn, decision, row.id):
        return
    if decision.unproven:
        needed = True
    elif not came:
        needed = row.caption_id is None and not files.has_job(conn, row.id)
    elif captions.show_recipe(conn, row.id, root.recipe, now) or has_open:
        needed = False
    else:
        needed = files.root_recipe(conn, row.root_id) != root.recipe or not files.has_job(conn, row.id)
    if needed:
        _enqueue(conn, root, row.id, decision, report, now)


def _joined(conn: Connection, decision: Decision, file_id: int) -> bool:
    """Whether the file is the clip of a live photo, and so needs no job. A still gets the clip that waits for it."""
    if decision.clip is not None:
        live_photos.join_still(conn, *decision.clip)
    if decision.row is not None or decision.moved is not None:
        live.unlink(conn, file_id)  # it may be longer now, or elsewhere
    return decision.waits is not None and live_photos.join_still(conn, file_id, decision.text)


def _enqueue(conn: Connection, root: Root, file_id: int, decision: Decision, report: IntakeReport, now: float) -> None:
    jobs.enqueue(
        conn,
        file_id=file_id,
        root_id=root.id,
        recipe=root.recipe,
        priority=_priority(root, decision),
        now=now,
        due_at=now + (decision.waits or 0.0),
    )
    report.jobs += 1


def _priority(root: Root, decision: Decision) -> Priority:
    held = root.confirm and decision.quiet.priority == Priority.BACKLOG and not decision.answered
    return Priority.HELD if held else decision.quiet.priority
