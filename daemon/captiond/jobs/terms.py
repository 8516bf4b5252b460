"""What the statements on jobs have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import ColumnElement, literal_column, select

from captiond.store import tables as t
from captiond.values import JobState

_CHUNK = 5000
"""Ids in one statement; SQLite's own limit is 32,766 variables."""

# Literals, not parameters: only so does SQLite see that its partial indexes hold.
QUEUED: ColumnElement[str] = literal_column(f"'{JobState.QUEUED}'")
RUNNING: ColumnElement[str] = literal_column(f"'{JobState.RUNNING}'")
FAILED: ColumnElement[str] = literal_column(f"'{JobState.FAILED}'")
UNSUPPORTED: ColumnElement[str] = literal_column(f"'{JobState.UNSUPPORTED}'")
OPEN = [QUEUED, RUNNING]
HERE: ColumnElement[int] = literal_column("0")
"""`gone` of an open job whose file is present."""

JOB = t.job
PATH = (t.file.c.folder + "/" + t.file.c.name).label("path")


AGAIN = JOB.c.again == 1
"""It was asked for while it ran."""
_newer = JOB.alias("newer")
IS_LATEST = ~select(_newer.c.id).where(_newer.c.file_id == JOB.c.file_id, _newer.c.id > JOB.c.id).exists()
IS_PRESENT = select(t.file.c.id).where(t.file.c.id == JOB.c.file_id, t.file.c.present == 1).exists()


def chunks(ids: Collection[int]) -> Iterator[list[int]]:
    """The ids in parts that fit in one statement."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]
