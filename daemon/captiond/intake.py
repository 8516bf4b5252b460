"""Quiet files into the database: is it media, was it moved here, did it change, is there work to do.

    Quiet -> [look it up; open it if its name says nothing] -> one transaction: file row, job

The first bytes decide whether a file is media. One that is named like media gets a job in any case: should it be none, the
job fails and says so. One that is neither is remembered by its stat, so that it is not opened again.
"""

from __future__ import annotations

import errno
import os
import stat as stat_module
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Self

from captiond import captions, jobs, live_photos, sidecar
from captiond.birth import born_ns
from captiond.media.identify import HEAD_BYTES, named_like_media, sniff
from captiond.paths import from_text, to_text
from captiond.store import files, live
from captiond.values import Priority, Quiet

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from captiond.config.models import Watch
    from captiond.store.engine import Database
    from captiond.store.files import FileRow

BATCH = 500
"""The most files of one transaction."""

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOR_GOOD = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENAMETOOLONG})


@dataclass(frozen=True, slots=True)
class Root:
    """The root that files are taken in for. `real` is its path without links in it; both as the OS names them.

    `confirm`: a backlog of more calls waits for a person's word (see `backlog`); 0 or None: none does. `suffix` is of
    sidecars: a file that has one with its answer is no call, and does not wait; "": none is looked at.
    """

    id: int
    path: str
    real: str
    recipe: str
    live_photos: bool
    settle_seconds: float
    confirm: int | None = None
    suffix: str = ""

    @classmethod
    def of(cls, watch: Watch, root_id: int, confirm: int | None = None, suffix: str = "") -> Self:
        """The root of these settings, as it is on the disk now."""
        path = os.path.abspath(watch.path)
        real = os.path.realpath(path)
        return cls(root_id, path, real, watch.recipe, watch.live_photos, watch.settle_seconds, confirm, suffix)

    def relative(self, path: str) -> str:
        """A path under the root without the root."""
        return path[len(self.path) + (self.path != "/") :]


@dataclass(slots=True)
class IntakeReport:
    """What became of quiet files. `undecided` could not be told for a reason that may pass."""

    new: int = 0
    changed: int = 0
    moved: int = 0
    back: int = 0
    same: int = 0
    not_media: int = 0
    vanished: int = 0
    jobs: int = 0
    undecided: list[Quiet] = field(default_factory=list)

    @property
    def passed(self) -> int:
        """How many files there were in all."""
        return self.new + self.changed + self.moved + self.back + self.same + self.not_media + self.vanished

    def add(self, other: IntakeReport) -> None:
        """Count what `other` counts too."""
        for name in ("new", "changed", "moved", "back", "same", "not_media", "vanished", "jobs"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


class _Is(Enum):
    MEDIA = "media"
    OTHER = "other"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class _Decision:
    """What is to be done for one file.

    `row` is what is known of it, `moved` the row of where it was before, which is `unproven` where the file system can't
    tell it from another file; `answered`: its sidecar likely tells its answer.

    Of live photos: `waits`, the seconds that a clip waits for its still, None for what is no clip; `clip`, the known clip
    of a still; `left`, the clips that a still leaves behind where it was.
    """

    quiet: Quiet
    text: str
    media: bool
    row: FileRow | None = None
    moved: FileRow | None = None
    unproven: bool = False
    answered: bool = False
    waits: float | None = None
    clip: tuple[int, str] | None = None
    left: tuple[tuple[int, str], ...] = ()


def take(db: Database, root: Root, batch: Sequence[Quiet], *, now: float) -> IntakeReport:
    """Take quiet files in, at most `BATCH`, in one transaction.

    Args:
        db: the database.
        root: the root that all of them lie under.
        batch: the files.
        now: seconds since 1970.

    Raises:
        DatabaseError: nothing was recorded; with DatabaseUnavailable the same call can be repeated.
    """
    report = IntakeReport()
    with db.read() as conn:
        decisions = _decide(conn, root, batch, report)
    if decisions:
        with db.write() as conn:
            if root.confirm and files.may_go(conn, root.id):
                root = replace(root, confirm=None)
            for decision in decisions:
                _record(conn, root, decision, report, now)
    return report


# --- before the transaction -----------------------------------------------------------------------------------------


def _decide(conn: Connection, root: Root, batch: Sequence[Quiet], report: IntakeReport) -> list[_Decision]:
    decisions: list[_Decision] = []
    known = files.files_by_path(conn, [to_text(quiet.path) for quiet in batch])
    moved: set[int] = set()
    for quiet in batch:
        text = to_text(quiet.path)
        row = known.get(text)
        if row is not None and row.looks_like(quiet.stat):
            if row.present and row.root_id == root.id:
                report.same += 1
            else:
                decisions.append(_Decision(quiet, text, row.media, row))
            continue
        move = _move(conn, root, quiet, text, moved) if row is None else None
        if move is not None:
            decisions.append(move)
            continue
        match _identify(quiet, root.real):
            case _Is.GONE:
                report.vanished += 1
            case _Is.UNKNOWN:
                report.undecided.append(quiet)
            case kind:
                media = kind is _Is.MEDIA
                decisions.append(_Decision(quiet, text, media, row, answered=media and _answered(quiet, root)))
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


def _of_live_photo(conn: Connection, root: Root, decision: _Decision) -> _Decision:
    if not decision.media:
        return decision
    if live_photos.is_clip(decision.text):
        return replace(decision, waits=live_photos.waits(decision.text, root.settle_seconds))
    clip = live_photos.clip_beside(conn, decision.text)
    left = live_photos.left_behind(live.clips_of(conn, decision.moved.id)) if decision.moved is not None else ()
    return replace(decision, clip=clip, left=tuple(left)) if clip is not None or left else decision


def _move(conn: Connection, root: Root, quiet: Quiet, text: str, moved: set[int]) -> _Decision | None:
    """What to do if this is a known file under a new name: same inode, size and mtime, and its own path is gone.

    Another root on a network file system is not asked: if it is dead, this one would hang with it. The file is read
    then, found to have known bytes, and costs no call either.
    """
    for row in files.find_moved(conn, quiet.stat, root.id):
        # What was no media under its old name, and is named like media now, is worth a job that says so.
        if row.id in moved or not (row.media or not named_like_media(quiet.path)) or not _left(from_text(row.path)):
            continue
        is_same = _is_same(quiet, row)
        if is_same or (is_same is None and row.media):
            moved.add(row.id)
            return _Decision(quiet, text, row.media, moved=row, unproven=is_same is None)
    return None


def _is_same(quiet: Quiet, row: FileRow) -> bool | None:
    """Whether a file that has the inode, size and mtime of one that left is that one; None: it can't be told.

    File systems give an inode again at once, and frames of one size and one time, by a program that sets it, are many.
    """
    if quiet.stat.ctime_ns == row.stat.ctime_ns:  # as when a folder above it was renamed
        return True
    born = born_ns(quiet.path)
    if born is not None:
        return born <= row.stat.ctime_ns
    return None if quiet.stat.mtime_ns % 1_000_000_000 == 0 else True


def _left(path: str) -> bool:
    """Whether a file certainly is not at its path any more: False where it can't be told."""
    try:
        return stat_module.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def _identify(quiet: Quiet, real_root: str) -> _Is:
    if named_like_media(quiet.path):
        return _Is.MEDIA
    try:
        fd = os.open(quiet.path, _OPEN)
    except (FileNotFoundError, NotADirectoryError):
        return _Is.GONE
    except OSError as error:
        return _Is.OTHER if error.errno in _FOR_GOOD else _Is.UNKNOWN
    try:
        if not stat_module.S_ISREG(os.fstat(fd).st_mode) or not _inside(fd, real_root):
            return _Is.OTHER
        return _Is.OTHER if sniff(os.pread(fd, HEAD_BYTES, 0)) is None else _Is.MEDIA
    except OSError:
        return _Is.UNKNOWN
    finally:
        os.close(fd)


def _inside(fd: int, real_root: str) -> bool:
    """Whether an open file lies in the root, by the kernel: a link on the way may lead out of it."""
    try:
        real = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return False
    return real.startswith(real_root.rstrip("/") + "/")


# --- in the transaction ---------------------------------------------------------------------------------------------


def _record(conn: Connection, root: Root, decision: _Decision, report: IntakeReport, now: float) -> None:
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
    conn: Connection, root: Root, row: FileRow, decision: _Decision, report: IntakeReport, now: float
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


def _joined(conn: Connection, decision: _Decision, file_id: int) -> bool:
    """Whether the file is the clip of a live photo, and so needs no job. A still gets the clip that waits for it."""
    if decision.clip is not None:
        live_photos.join_still(conn, *decision.clip)
    if decision.row is not None or decision.moved is not None:
        live.unlink(conn, file_id)  # it may be longer now, or elsewhere
    return decision.waits is not None and live_photos.join_still(conn, file_id, decision.text)


def _enqueue(conn: Connection, root: Root, file_id: int, decision: _Decision, report: IntakeReport, now: float) -> None:
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


def _priority(root: Root, decision: _Decision) -> Priority:
    held = root.confirm and decision.quiet.priority == Priority.BACKLOG and not decision.answered
    return Priority.HELD if held else decision.quiet.priority
