"""Claiming jobs, and the endings of a claimed one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, case, func, or_, select, update

from captiond.jobs.terms import AGAIN, HERE, JOB, PATH, QUEUED, RUNNING
from captiond.paths import from_text
from captiond.store import tables as t
from captiond.store.clean import cleaned
from captiond.values import Job, JobState, Priority

_queue = JOB.alias("queue")
_IN_ORDER = (_queue.c.priority.desc(), _queue.c.due_at, _queue.c.id)


def _claimable(*columns: Any) -> Select[Any]:
    # The job of a file that is gone waits: it may be a share that comes back, and is claimed again when the file is seen.
    return select(*columns).where(
        _queue.c.state == QUEUED,
        _queue.c.gone == HERE,
        _queue.c.recipe.in_(bindparam("recipes", expanding=True)),
        or_(_queue.c.root_id.is_(None), _queue.c.root_id.not_in(bindparam("offline_roots", expanding=True))),
    )


def _claim() -> Any:
    picked = (
        _claimable(_queue.c.id)
        .where(_queue.c.priority >= bindparam("min_priority"), _queue.c.due_at <= bindparam("now"))
        .order_by(*_IN_ORDER)
        .limit(bindparam("free"))
    )
    return (
        update(JOB)
        .where(JOB.c.id.in_(picked))
        .values(
            state=JobState.RUNNING.value,
            run_id=bindparam("run"),
            started_at=bindparam("now"),
            finished_at=None,
            attempts=JOB.c.attempts + 1,
        )
        .returning(JOB.c.id)
    )


def _next_due() -> Any:
    """The earliest due time of each priority is the first that fits in the index: no need to look at all jobs."""
    top = select(func.max(JOB.c.priority).label("priority")).where(JOB.c.state == QUEUED, JOB.c.gone == HERE)
    levels = top.cte("levels", recursive=True)
    levels = levels.union_all(
        select(top.where(JOB.c.priority < levels.c.priority).correlate(levels).scalar_subquery()).where(
            levels.c.priority.is_not(None)
        )
    )
    first = (
        _claimable(_queue.c.due_at)
        .where(_queue.c.priority == levels.c.priority)
        .order_by(_queue.c.due_at, _queue.c.id)
        .limit(1)
        .correlate(levels)
        .scalar_subquery()
    )
    return select(func.min(first)).select_from(levels).where(levels.c.priority >= bindparam("min_priority"))


_CLAIM = _claim()
_NEXT_DUE = _next_due()
_CLAIMED = (
    select(JOB, PATH, t.root.c.path.label("root"), t.content.c.sha256)
    .join(t.file, t.file.c.id == JOB.c.file_id)
    .outerjoin(t.root, t.root.c.id == JOB.c.root_id)
    .outerjoin(t.content, t.content.c.id == t.file.c.content_id)
    .where(JOB.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(JOB.c.priority.desc(), JOB.c.due_at, JOB.c.id)
)


def _which(recipes: Collection[str], offline_roots: Collection[int], min_priority: int) -> dict[str, Any]:
    return {"recipes": list(recipes), "offline_roots": list(offline_roots), "min_priority": int(min_priority)}


def claim(
    conn: Connection,
    *,
    limit: int,
    recipes: Collection[str],
    offline_roots: Collection[int],
    run_id: str,
    now: float,
    min_priority: int = Priority.BACKLOG,
) -> list[Job]:
    """queued -> running: the next jobs that are due, at most `limit`, the highest priority first; an attempt each.

    Args:
        limit: free slots; claiming no more than can be started is what keeps the queue in the database.
        recipes: only jobs of these.
        offline_roots: no job of these roots.
        run_id: this run of the program: only it may end the jobs.
        now: seconds since 1970.
        min_priority: only jobs of this priority or higher.
    """
    if limit <= 0 or not recipes:
        return []
    which = _which(recipes, offline_roots, min_priority)
    ids = conn.execute(_CLAIM, {**which, "free": limit, "run": run_id, "now": now}).scalars().all()
    if not ids:
        return []
    return [
        Job(
            id=row.id,
            file_id=row.file_id,
            path=from_text(row.path),
            root_id=row.root_id,
            root=None if row.root is None else from_text(row.root),
            recipe=row.recipe,
            priority=row.priority,
            attempts=row.attempts,
            run_id=row.run_id,
            created_at=row.created_at,
            due_at=row.due_at,
            known_sha256=row.sha256,
            request=row.request,
            reason=row.reason,
            inline=bool(row.inline),
            download=row.download,
            after_caption=row.after_caption,
        )
        for row in conn.execute(_CLAIMED, {"ids": ids})
    ]


def next_due(
    conn: Connection,
    *,
    recipes: Collection[str],
    offline_roots: Collection[int],
    min_priority: int = Priority.BACKLOG,
) -> float | None:
    """When `claim` would next find a job with the same arguments; None if none is queued."""
    if not recipes:
        return None
    which = _which(recipes, offline_roots, min_priority)
    due: float | None = conn.execute(_NEXT_DUE, which).scalar_one()
    return due


_mine = and_(
    JOB.c.id == bindparam("the_job"),
    JOB.c.file_id == bindparam("the_file"),
    JOB.c.run_id == bindparam("the_run"),
    JOB.c.state == RUNNING,
)


def _ending(state: JobState) -> Any:
    """The end as `state`, or back in the queue with fresh attempts if it was asked for again."""
    return (
        update(JOB)
        .where(_mine)
        .values(
            state=case((AGAIN, JobState.QUEUED.value), else_=state.value),
            attempts=case((AGAIN, 0), else_=JOB.c.attempts),
            due_at=case((AGAIN, bindparam("now")), else_=JOB.c.due_at),
            run_id=case((AGAIN, None), else_=JOB.c.run_id),
            finished_at=bindparam("now"),
            again=0,
            reason=bindparam("why"),
            detail=bindparam("what"),
            unsupported_by=bindparam("software"),
            download=case((AGAIN, JOB.c.download), else_=None),
        )
    )


_FINISH = _ending(JobState.DONE)
_FAIL = _ending(JobState.FAILED)
_UNSUPPORTED = _ending(JobState.UNSUPPORTED)


def _waiting(attempts: Any) -> Any:
    return (
        update(JOB)
        .where(_mine)
        .values(
            state=JobState.QUEUED.value,
            run_id=None,
            due_at=case((AGAIN, bindparam("now")), else_=bindparam("later")),
            attempts=case((AGAIN, 0), else_=attempts),
            again=0,
            reason=func.coalesce(bindparam("why"), JOB.c.reason),
            detail=func.coalesce(bindparam("what"), JOB.c.detail),
        )
    )


_NOT_ANSWERED_BY = update(JOB).where(_mine).values(after_caption=bindparam("the_caption"))
_RETRY = _waiting(JOB.c.attempts)
_GIVE_BACK = _waiting(func.max(JOB.c.attempts - 1, 0))


def _end(conn: Connection, statement: Any, job: Job, **values: Any) -> bool:
    which = {"the_job": job.id, "the_file": job.file_id, "the_run": job.run_id}
    return bool(conn.execute(statement, {**which, **values}).rowcount == 1)


def finish(conn: Connection, job: Job, *, now: float) -> bool:
    """running -> done. False if the job is no longer this run's: then nothing is changed, here and below."""
    return _end(conn, _FINISH, job, now=now, why=None, what=None, software=None)


def fail(conn: Connection, job: Job, *, reason: str, detail: str, now: float) -> bool:
    """running -> failed, for good: only a changed file, a person or `requeue` starts it anew."""
    return _end(conn, _FAIL, job, now=now, why=reason, what=cleaned(detail), software=None)


def unsupported(conn: Connection, job: Job, *, reason: str, detail: str, software: str, now: float) -> bool:
    """running -> unsupported: taken up again when the file changes, a person names it, or by `reconsider`.

    `software` are the versions of what can't read it.
    """
    return _end(conn, _UNSUPPORTED, job, now=now, why=reason, what=cleaned(detail), software=software)


def retry(conn: Connection, job: Job, *, now: float, due_at: float, reason: str, detail: str) -> bool:
    """running -> queued, tried again at `due_at`; the attempt counts. One that was asked for again is due now."""
    return _end(conn, _RETRY, job, now=now, later=due_at, why=reason, what=cleaned(detail))


def not_answered_by(conn: Connection, job: Job, caption_id: int) -> Job:
    """running -> running: this caption, and those before it, are no answer to the job, which is returned so."""
    _end(conn, _NOT_ANSWERED_BY, job, the_caption=caption_id)
    return replace(job, after_caption=caption_id)


def give_back(
    conn: Connection, job: Job, *, now: float, due_at: float, reason: str | None = None, detail: str | None = None
) -> bool:
    """The same, and the attempt is given back: not the file was at fault, but the endpoint, the root or time."""
    return _end(conn, _GIVE_BACK, job, now=now, later=due_at, why=reason, what=cleaned(detail))
