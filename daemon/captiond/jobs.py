"""All the SQL on jobs. A job is the work to do for one file; every transition is one function here.

              enqueue                claim                finish
    (nothing) -------> queued ----------------> running ----------> done
                        ^  ^                     | | |     fail
                        |  +-- retry, give_back -+ | +----------> failed
                        |  +-- recover (new run) --+ |               |
                        |                            +-- drop -> (nothing)
                        +------------- requeue ----------------------+

A file has at most one job that is queued or running (the index uq_job_open sees to it). One that is asked for while it
runs is marked `again`: whatever its ending, it goes back in the queue with fresh attempts, for the file may have
changed since it was read. The attempt is counted by `claim`, so that a file that takes the process down has its limit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from captiond.errors import FAILURES, Internal
from captiond.paths import from_text
from captiond.store import sidecars
from captiond.store import tables as t
from captiond.store.clean import cleaned
from captiond.values import Job, JobState, Priority

_ANY_PRIORITY = -1
_CHUNK = 5000
"""Ids in one statement; SQLite's own limit is 32,766 variables."""

# Literals, not parameters: only so does SQLite see that its partial indexes hold.
_QUEUED: ColumnElement[str] = literal_column(f"'{JobState.QUEUED}'")
_RUNNING: ColumnElement[str] = literal_column(f"'{JobState.RUNNING}'")
_FAILED: ColumnElement[str] = literal_column(f"'{JobState.FAILED}'")
_OPEN = [_QUEUED, _RUNNING]

_job = t.job
_PATH = (t.file.c.folder + "/" + t.file.c.name).label("path")


# --- into the queue -------------------------------------------------------------------------------------------------

_new = insert(_job)
_is_queued = _job.c.state == _QUEUED
_asked = _new.excluded.request.is_not(None)
_ENQUEUE = _new.on_conflict_do_update(
    index_elements=[_job.c.file_id],
    index_where=_job.c.state.in_(_OPEN),
    set_={
        "priority": func.max(_job.c.priority, _new.excluded.priority),
        "request": func.coalesce(_new.excluded.request, _job.c.request),
        "root_id": case((_is_queued, _new.excluded.root_id), else_=_job.c.root_id),
        "recipe": case((_is_queued, _new.excluded.recipe), else_=_job.c.recipe),
        # Only a person cuts a wait short; a scan that finds the file again must not undo the back-off.
        "due_at": case(
            (and_(_is_queued, _asked), func.min(_job.c.due_at, _new.excluded.due_at)),
            else_=_job.c.due_at,
        ),
        "attempts": case((and_(_is_queued, _asked), 0), else_=_job.c.attempts),
        "again": case((_is_queued, 0), else_=1),
    },
).returning(_job.c.id)


def enqueue(
    conn: Connection,
    *,
    file_id: int,
    root_id: int | None,
    recipe: str,
    priority: int,
    now: float,
    request: str | None = None,
    due_at: float | None = None,
) -> int:
    """(nothing) -> queued, and the job's id.

    The file's open job, if there is one, is used instead: a queued one takes over the recipe and root, the higher
    priority and the request, and with a request its wait is over; a running one will be done again.
    """
    row = {
        "file_id": file_id,
        "root_id": root_id,
        "recipe": recipe,
        "state": JobState.QUEUED.value,
        "priority": int(priority),
        "request": request,
        "created_at": now,
        "due_at": now if due_at is None else due_at,
    }
    return int(conn.execute(_ENQUEUE, row).scalar_one())


# --- claiming -------------------------------------------------------------------------------------------------------

_queue = _job.alias("queue")
_IN_ORDER = (_queue.c.priority.desc(), _queue.c.due_at, _queue.c.id)


_is_there = select(t.file.c.id).where(t.file.c.id == _queue.c.file_id, t.file.c.present == 1).exists()


def _claimable(*columns: Any, of_request: bool) -> Select[Any]:
    # The job of a file that is gone waits: it may be a share that comes back, and is claimed again when the file is seen.
    query = select(*columns).where(
        _queue.c.state == _QUEUED,
        _is_there,
        _queue.c.recipe.in_(bindparam("recipes", expanding=True)),
        or_(_queue.c.root_id.is_(None), _queue.c.root_id.not_in(bindparam("offline_roots", expanding=True))),
    )
    return query.where(_queue.c.request == bindparam("the_request")) if of_request else query


def _claim(*, of_request: bool) -> Any:
    picked = (
        _claimable(_queue.c.id, of_request=of_request)
        .where(_queue.c.priority >= bindparam("min_priority"), _queue.c.due_at <= bindparam("now"))
        .order_by(*_IN_ORDER)
        .limit(bindparam("free"))
    )
    return (
        update(_job)
        .where(_job.c.id.in_(picked))
        .values(
            state=JobState.RUNNING.value,
            run_id=bindparam("run"),
            started_at=bindparam("now"),
            finished_at=None,
            attempts=_job.c.attempts + 1,
        )
        .returning(_job.c.id)
    )


def _next_due(*, of_request: bool) -> Any:
    """The earliest due time of each priority is the first that fits in the index: no need to look at all jobs."""
    top = select(func.max(_job.c.priority).label("priority")).where(_job.c.state == _QUEUED)
    levels = top.cte("levels", recursive=True)
    levels = levels.union_all(
        select(top.where(_job.c.priority < levels.c.priority).correlate(levels).scalar_subquery()).where(
            levels.c.priority.is_not(None)
        )
    )
    first = (
        _claimable(_queue.c.due_at, of_request=of_request)
        .where(_queue.c.priority == levels.c.priority)
        .order_by(_queue.c.due_at, _queue.c.id)
        .limit(1)
        .correlate(levels)
        .scalar_subquery()
    )
    return select(func.min(first)).select_from(levels).where(levels.c.priority >= bindparam("min_priority"))


_CLAIM = {of_request: _claim(of_request=of_request) for of_request in (False, True)}
_NEXT_DUE = {of_request: _next_due(of_request=of_request) for of_request in (False, True)}
_CLAIMED = (
    select(_job, _PATH, t.root.c.path.label("root"), t.content.c.sha256)
    .join(t.file, t.file.c.id == _job.c.file_id)
    .outerjoin(t.root, t.root.c.id == _job.c.root_id)
    .outerjoin(t.content, t.content.c.id == t.file.c.content_id)
    .where(_job.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_job.c.priority.desc(), _job.c.due_at, _job.c.id)
)


def _which(
    recipes: Collection[str],
    offline_roots: Collection[int],
    request: str | None,
    min_priority: int | None,
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "recipes": list(recipes),
        "offline_roots": list(offline_roots),
        "min_priority": _ANY_PRIORITY if min_priority is None else int(min_priority),
    }
    if request is not None:
        found["the_request"] = request
    return found


def claim(
    conn: Connection,
    *,
    limit: int,
    recipes: Collection[str],
    offline_roots: Collection[int],
    run_id: str,
    now: float,
    request: str | None = None,
    min_priority: int | None = None,
) -> list[Job]:
    """queued -> running: the next jobs that are due, at most `limit`, the highest priority first; an attempt each.

    Args:
        limit: free slots; claiming no more than can be started is what keeps the queue in the database.
        recipes: only jobs of these.
        offline_roots: no job of these roots.
        run_id: this run of the program: only it may end the jobs.
        now: seconds since 1970.
        request: only the jobs of this request.
        min_priority: only jobs of this priority or higher.
    """
    if limit <= 0 or not recipes:
        return []
    which = _which(recipes, offline_roots, request, min_priority)
    ids = (
        conn.execute(
            _CLAIM[request is not None],
            {**which, "free": limit, "run": run_id, "now": now},
        )
        .scalars()
        .all()
    )
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
        )
        for row in conn.execute(_CLAIMED, {"ids": ids})
    ]


def next_due(
    conn: Connection,
    *,
    recipes: Collection[str],
    offline_roots: Collection[int],
    request: str | None = None,
    min_priority: int | None = None,
) -> float | None:
    """When `claim` would next find a job with the same arguments; None if none is queued."""
    if not recipes:
        return None
    which = _which(recipes, offline_roots, request, min_priority)
    due: float | None = conn.execute(_NEXT_DUE[request is not None], which).scalar_one()
    return due


# --- the endings of a claimed job -----------------------------------------------------------------------------------

_again = _job.c.again == 1
_mine = and_(
    _job.c.id == bindparam("the_job"),
    _job.c.file_id == bindparam("the_file"),
    _job.c.run_id == bindparam("the_run"),
    _job.c.state == _RUNNING,
)


def _ending(state: JobState) -> Any:
    """The end as `state`, or back in the queue with fresh attempts if it was asked for again."""
    return (
        update(_job)
        .where(_mine)
        .values(
            state=case((_again, JobState.QUEUED.value), else_=state.value),
            attempts=case((_again, 0), else_=_job.c.attempts),
            due_at=case((_again, bindparam("now")), else_=_job.c.due_at),
            run_id=case((_again, None), else_=_job.c.run_id),
            finished_at=bindparam("now"),
            again=0,
            reason=bindparam("why"),
            detail=bindparam("what"),
        )
    )


_FINISH = _ending(JobState.DONE)
_FAIL = _ending(JobState.FAILED)


def _waiting(attempts: Any) -> Any:
    return (
        update(_job)
        .where(_mine)
        .values(
            state=JobState.QUEUED.value,
            run_id=None,
            due_at=bindparam("later"),
            attempts=case((_again, 0), else_=attempts),
            again=0,
            reason=func.coalesce(bindparam("why"), _job.c.reason),
            detail=func.coalesce(bindparam("what"), _job.c.detail),
        )
    )


_RETRY = _waiting(_job.c.attempts)
_GIVE_BACK = _waiting(func.max(_job.c.attempts - 1, 0))
_DROP_LATER = _ending(JobState.DONE).where(_again)
_DROP = delete(_job).where(_mine)


def _end(conn: Connection, statement: Any, job: Job, **values: Any) -> bool:
    which = {"the_job": job.id, "the_file": job.file_id, "the_run": job.run_id}
    return bool(conn.execute(statement, {**which, **values}).rowcount == 1)


def finish(conn: Connection, job: Job, *, now: float) -> bool:
    """running -> done. False if the job is no longer this run's: then nothing is changed, here and below."""
    return _end(conn, _FINISH, job, now=now, why=None, what=None)


def fail(conn: Connection, job: Job, *, reason: str, detail: str, now: float) -> bool:
    """running -> failed, for good: only a changed file, a person or `requeue` starts it anew."""
    return _end(conn, _FAIL, job, now=now, why=reason, what=cleaned(detail))


def retry(conn: Connection, job: Job, *, due_at: float, reason: str, detail: str) -> bool:
    """running -> queued, tried again at `due_at`; the attempt counts."""
    return _end(conn, _RETRY, job, later=due_at, why=reason, what=cleaned(detail))


def give_back(
    conn: Connection,
    job: Job,
    *,
    due_at: float,
    reason: str | None = None,
    detail: str | None = None,
) -> bool:
    """running -> queued, and the attempt is given back: not the file was at fault, but the endpoint, the root or time."""
    return _end(conn, _GIVE_BACK, job, later=due_at, why=reason, what=cleaned(detail))


def drop(conn: Connection, job: Job, *, now: float | None = None) -> bool:
    """running -> (nothing): there is no work after all. Its calls stay, without a job."""
    later = job.due_at if now is None else now
    return _end(conn, _DROP_LATER, job, now=later, why=None, what=None) or _end(conn, _DROP, job)


# --- starting anew --------------------------------------------------------------------------------------------------

_exhausted = _job.c.attempts >= bindparam("max_attempts")
_RECOVER_FAILED = (
    update(_job)
    .where(_job.c.state == _RUNNING, _exhausted, _job.c.again == 0)
    .values(
        state=JobState.FAILED.value,
        finished_at=bindparam("now"),
        reason=Internal.code,
        detail=FAILURES[Internal.code]("the program ended in the middle of it, in every attempt").message,
    )
)
_RECOVER_QUEUED = (
    update(_job)
    .where(_job.c.state == _RUNNING)
    .values(
        state=JobState.QUEUED.value,
        run_id=None,
        attempts=case((_again, 0), else_=_job.c.attempts),
        due_at=func.min(_job.c.due_at, bindparam("now")),
        again=0,
    )
)
_RECOVER_DUE = (
    update(_job)
    .where(_job.c.state == _QUEUED, _job.c.due_at > bindparam("latest_due"))
    .values(due_at=bindparam("latest_due"))
)


def recover(conn: Connection, *, now: float, max_attempts: int, latest_due: float) -> tuple[int, int]:
    """running -> queued, or failed when its attempts are used up: what an earlier run left behind, with its sidecars.

    Call it at start only, while the instance lock is held: it takes every running job. A due time that lies later than
    `latest_due` comes from a clock that was wrong, and is brought forward.

    Returns:
        How many were queued again, and how many failed.
    """
    failed = conn.execute(_RECOVER_FAILED, {"now": now, "max_attempts": max_attempts}).rowcount
    queued = conn.execute(_RECOVER_QUEUED, {"now": now}).rowcount
    conn.execute(_RECOVER_DUE, {"latest_due": latest_due})
    sidecars.recover(conn, now)
    return queued, failed


_newer = _job.alias("newer")
_is_latest = ~select(_newer.c.id).where(_newer.c.file_id == _job.c.file_id, _newer.c.id > _job.c.id).exists()
_is_present = select(t.file.c.id).where(t.file.c.id == _job.c.file_id, t.file.c.present == 1).exists()
_REQUEUE = (
    update(_job)
    .where(_job.c.state == _FAILED, _is_latest, _is_present)
    .values(
        state=JobState.QUEUED.value,
        attempts=0,
        due_at=bindparam("now"),
        priority=func.max(_job.c.priority, bindparam("at_least")),
        run_id=None,
        started_at=None,
        finished_at=None,
        reason=None,
        detail=None,
    )
)
_REQUEUE_FILES = _REQUEUE.where(_job.c.file_id.in_(bindparam("file_ids", expanding=True)))


def requeue(conn: Connection, *, file_ids: Collection[int] | None, now: float, priority: int) -> int:
    """failed -> queued with fresh attempts, for these files or (None) all; files that are gone stay. Returns how many."""
    values = {"now": now, "at_least": int(priority)}
    if file_ids is None:
        return conn.execute(_REQUEUE, values).rowcount
    return sum(conn.execute(_REQUEUE_FILES, {**values, "file_ids": part}).rowcount for part in _chunks(file_ids))


def reroute(conn: Connection, *, recipes: Collection[str]) -> int:
    """queued -> queued under another recipe: the root has another one now, or the job's is not configured any more.

    Returns how many changed.
    """
    of_root = select(t.root.c.recipe).where(t.root.c.id == _job.c.root_id, t.root.c.watched == 1).scalar_subquery()
    recipe = func.coalesce(of_root, case((_job.c.recipe.in_(list(recipes)), _job.c.recipe), else_="default"))
    statement = update(_job).where(_job.c.state == _QUEUED, _job.c.recipe != recipe).values(recipe=recipe)
    return conn.execute(statement).rowcount


def abandon(conn: Connection, request: str) -> int:
    """queued -> queued behind all others, or (nothing) under no root: whoever asked waits no longer. Returns how many."""
    mine = (_job.c.request == request) & (_job.c.state == _QUEUED)
    dropped = conn.execute(delete(_job).where(mine, _job.c.root_id.is_(None))).rowcount
    behind = {"priority": int(Priority.BACKLOG), "request": None}
    return dropped + conn.execute(update(_job).where(mine).values(behind)).rowcount


# --- looking --------------------------------------------------------------------------------------------------------


def counts(conn: Connection, root_id: int | None = None) -> dict[str, int]:
    """How many jobs are in each state, of one root or all; every state is named.

    `failed` counts the files that are there and whose last job failed: what a person can still do something about.
    """
    of_root = [] if root_id is None else [_job.c.root_id == root_id]
    found = {}
    for state in JobState:
        # A literal each, so that each has its index.
        query = select(func.count()).where(_job.c.state == literal_column(f"'{state}'"), *of_root)
        if state is JobState.FAILED:
            query = query.where(_is_latest, _is_present)
        found[state.value] = int(conn.execute(query).scalar_one())
    return found


def failures(conn: Connection, limit: int) -> Sequence[Row[Any]]:
    """The newest failed jobs that `counts` counts: every column of the job, and `path` (text) and `root` (text)."""
    return conn.execute(
        select(_job, _PATH, t.root.c.path.label("root"))
        .join(t.file, t.file.c.id == _job.c.file_id)
        .outerjoin(t.root, t.root.c.id == _job.c.root_id)
        .where(_job.c.state == _FAILED, _is_latest, t.file.c.present == 1)
        .order_by(_job.c.finished_at.desc(), _job.c.id.desc())
        .limit(limit)
    ).all()


def latest(conn: Connection, file_id: int) -> Row[Any] | None:
    """The file's last job: every column; None if it never had one."""
    return conn.execute(select(_job).where(_job.c.file_id == file_id).order_by(_job.c.id.desc()).limit(1)).one_or_none()


def open_jobs(conn: Connection, request: str) -> int:
    """How many jobs of this request are queued or running."""
    query = select(func.count()).where(_job.c.request == request, _job.c.state.in_(_OPEN))
    return int(conn.execute(query).scalar_one())


def of_ids(conn: Connection, ids: Collection[int]) -> list[Row[Any]]:
    """These jobs, in the order of their ids: every column and `path` (text). A dropped one is missing."""
    query = (
        select(_job, _PATH)
        .join(t.file, t.file.c.id == _job.c.file_id)
        .where(_job.c.id.in_(bindparam("ids", expanding=True)))
        .order_by(_job.c.id)
    )
    return [row for part in _chunks(ids) for row in conn.execute(query, {"ids": part})]


def _chunks(ids: Collection[int]) -> Iterator[list[int]]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]
