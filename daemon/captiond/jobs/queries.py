"""Questions about jobs; nothing here changes one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, literal_column, select

from captiond.jobs.terms import FAILED, HERE, IS_LATEST, IS_PRESENT, JOB, OPEN, PATH, UNSUPPORTED, chunks
from captiond.store import tables as t
from captiond.values import JobState


def counts(conn: Connection, root_id: int | None = None) -> dict[str, int]:
    """How many jobs are in each state, of one root or all; every state is named.

    `queued` counts the files that are there, for the job of one that is gone waits for nothing but the file; `failed` and
    `unsupported` those of them whose last job ended so: what a person can still do something about. Half a million
    queued jobs take 0.03 s.
    """
    of_root = [] if root_id is None else [JOB.c.root_id == root_id]
    found = {}
    for state in JobState:
        # A literal each, so that each has its index.
        query = select(func.count()).where(JOB.c.state == literal_column(f"'{state}'"), *of_root)
        if state is JobState.QUEUED:
            query = query.where(JOB.c.gone == HERE)
        elif state in (JobState.FAILED, JobState.UNSUPPORTED):
            query = query.where(IS_LATEST, IS_PRESENT)
        found[state.value] = int(conn.execute(query).scalar_one())
    return found


def failures(conn: Connection, limit: int) -> Sequence[Row[Any]]:
    """The newest failed jobs that `counts` counts: every column of the job, and `path` (text) and `root` (text)."""
    return conn.execute(
        select(JOB, PATH, t.root.c.path.label("root"))
        .join(t.file, t.file.c.id == JOB.c.file_id)
        .outerjoin(t.root, t.root.c.id == JOB.c.root_id)
        .where(JOB.c.state == FAILED, IS_LATEST, t.file.c.present == 1)
        .order_by(JOB.c.finished_at.desc(), JOB.c.id.desc())
        .limit(limit)
    ).all()


def unsupported_kinds(conn: Connection, limit: int) -> Sequence[Row[Any]]:
    """What the unsupported files are that `counts` counts, the most first: `detail` (the message), `files`, `path` (of one)."""
    number = func.count().label("files")
    return conn.execute(
        select(JOB.c.detail, number, func.min(t.file.c.folder + "/" + t.file.c.name).label("path"))
        .join(t.file, t.file.c.id == JOB.c.file_id)
        .where(JOB.c.state == UNSUPPORTED, IS_LATEST, t.file.c.present == 1)
        .group_by(JOB.c.detail)
        .order_by(number.desc(), JOB.c.detail)
        .limit(limit)
    ).all()


def latest(conn: Connection, file_ids: Collection[int]) -> dict[int, tuple[JobState, str | None]]:
    """State and reason of the last job of each of these files; files that never had one are missing."""
    query = select(JOB.c.file_id, JOB.c.state, JOB.c.reason).where(
        JOB.c.file_id.in_(bindparam("ids", expanding=True)), IS_LATEST
    )
    return {
        row[0]: (JobState(row[1]), row[2]) for part in chunks(file_ids) for row in conn.execute(query, {"ids": part})
    }


_OLD = (
    select(JOB.c.id)
    .where(
        JOB.c.id > bindparam("after"),
        JOB.c.state.not_in(OPEN),
        JOB.c.finished_at < bindparam("before"),
        ~IS_LATEST,
    )
    .order_by(JOB.c.id)
    .limit(bindparam("most"))
)


def old(conn: Connection, before: float, after: int, most: int) -> list[int]:
    """The next jobs with an id over `after` that ended before then (seconds since 1970) and were followed by another.

    The last job of a file is never one of them: it says how the file is.
    """
    return list(conn.execute(_OLD, {"before": before, "after": after, "most": most}).scalars())


def downloads(conn: Connection) -> set[str]:
    """The files that open jobs' URLs were fetched into."""
    named = select(JOB.c.download).where(JOB.c.state.in_(OPEN), JOB.c.download.is_not(None))
    return set(conn.execute(named).scalars())


def of_ids(conn: Connection, ids: Collection[int]) -> list[Row[Any]]:
    """These jobs, in the order of their ids: every column, and `path` (text) and `present` of the file.

    One that is gone is missing.
    """
    query = (
        select(JOB, PATH, t.file.c.present)
        .join(t.file, t.file.c.id == JOB.c.file_id)
        .where(JOB.c.id.in_(bindparam("ids", expanding=True)))
        .order_by(JOB.c.id)
    )
    return [row for part in chunks(ids) for row in conn.execute(query, {"ids": part})]
