"""Into the queue, and back in it: enqueue, and what starts jobs anew."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, and_, bindparam, case, delete, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from captiond.errors import FAILURES, Internal
from captiond.jobs.terms import AGAIN, FAILED, IS_LATEST, IS_PRESENT, JOB, OPEN, QUEUED, RUNNING, UNSUPPORTED, chunks
from captiond.store import sidecars
from captiond.store import tables as t
from captiond.values import JobState, Priority

_IS_GONE = select(t.file.c.present == 0).where(t.file.c.id == bindparam("the_file")).scalar_subquery()
_new = insert(JOB).values(gone=_IS_GONE)
_is_queued = JOB.c.state == QUEUED
_asked = _new.excluded.request.is_not(None)
_ENQUEUE = _new.on_conflict_do_update(
    index_elements=[JOB.c.file_id],
    index_where=JOB.c.state.in_(OPEN),
    set_={
        "priority": func.max(JOB.c.priority, _new.excluded.priority),
        "request": func.coalesce(_new.excluded.request, JOB.c.request),
        # Also of a running one: whoever runs it has taken note of its own, and this is how it will be done again.
        "root_id": _new.excluded.root_id,
        "recipe": _new.excluded.recipe,
        # Only a person cuts a wait short; a scan that finds the file again must not undo the back-off.
        "due_at": case((and_(_is_queued, _asked), func.min(JOB.c.due_at, _new.excluded.due_at)), else_=JOB.c.due_at),
        "attempts": case((and_(_is_queued, _asked), 0), else_=JOB.c.attempts),
        "again": case((_is_queued, 0), else_=1),
        # The last one who asks says how; a scan says nothing.
        "inline": case((_asked, _new.excluded.inline), else_=JOB.c.inline),
        "download": case((_asked, _new.excluded.download), else_=JOB.c.download),
        "after_caption": func.max(JOB.c.after_caption, _new.excluded.after_caption),
        "reason": case((and_(_is_queued, _asked), None), else_=JOB.c.reason),
        "detail": case((and_(_is_queued, _asked), None), else_=JOB.c.detail),
    },
).returning(JOB.c.id)


def enqueue(
    conn: Connection,
    *,
    file_id: int,
    root_id: int | None,
    recipe: str,
    priority: int,
    now: float,
    request: str | None = None,
    inline: bool = False,
    download: str | None = None,
    due_at: float | None = None,
    after_caption: int = 0,
) -> int:
    """(nothing) -> queued, and the job's id.

    The file's open job, if there is one, is used instead: it takes over the recipe and root, the higher priority and the
    request. With a request the wait of a queued one is over; a running one will be done again. `inline`: what is named by
    a URL is fetched and sent as bytes. `download` names the file that it was fetched into already, until the job has ended.
    `due_at`: not before then; None: at once. `after_caption`: only a caption with a higher id is an answer.
    """
    row = {
        "the_file": file_id,
        "file_id": file_id,
        "root_id": root_id,
        "recipe": recipe,
        "state": JobState.QUEUED.value,
        "priority": int(priority),
        "request": request,
        "inline": int(inline),
        "download": download,
        "created_at": now,
        "due_at": now if due_at is None else due_at,
        "after_caption": after_caption,
    }
    return int(conn.execute(_ENQUEUE, row).scalar_one())


_is_open = JOB.c.state.in_(OPEN)
_is_running = JOB.c.state == RUNNING
_FOLLOW = (
    update(JOB)
    .where(JOB.c.file_id == bindparam("the_file"))
    .values(
        root_id=bindparam("new_root"),
        recipe=case((_is_open, bindparam("new_recipe")), else_=JOB.c.recipe),
        priority=case((_is_open, func.max(JOB.c.priority, bindparam("at_least"))), else_=JOB.c.priority),
        again=case((and_(_is_running, JOB.c.recipe != bindparam("new_recipe")), 1), else_=JOB.c.again),
    )
    .returning(JOB.c.state)
)


def follow(conn: Connection, file_id: int, *, root_id: int, recipe: str, priority: int) -> bool:
    """any state -> the same: the file is under another root now, and so are its jobs, that a retry finds it there.

    An open one asks what that root asks, with this priority at least; one that runs is done again if that is another
    recipe.

    Returns:
        Whether one is open.
    """
    which = {"the_file": file_id, "new_root": root_id, "new_recipe": recipe, "at_least": int(priority)}
    states = conn.execute(_FOLLOW, which).scalars().all()
    return any(state in (JobState.QUEUED, JobState.RUNNING) for state in states)


_exhausted = JOB.c.attempts >= bindparam("max_attempts")
_RECOVER_FAILED = (
    update(JOB)
    .where(JOB.c.state == RUNNING, _exhausted, JOB.c.again == 0)
    .values(
        state=JobState.FAILED.value,
        finished_at=bindparam("now"),
        download=None,
        reason=Internal.code,
        detail=FAILURES[Internal.code]("the program ended in the middle of it, in every attempt").message,
    )
)
_RECOVER_QUEUED = (
    update(JOB)
    .where(JOB.c.state == RUNNING)
    .values(
        state=JobState.QUEUED.value,
        run_id=None,
        attempts=case((AGAIN, 0), else_=JOB.c.attempts),
        due_at=func.min(JOB.c.due_at, bindparam("now")),
        again=0,
    )
)
_RECOVER_DUE = (
    update(JOB)
    .where(JOB.c.state == QUEUED, JOB.c.due_at > bindparam("latest_due"))
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


_OF_ROOT = select(t.root.c.recipe).where(t.root.c.id == JOB.c.root_id, t.root.c.watched == 1).scalar_subquery()
"""The recipe that the job's root has now."""
_ANEW = {
    "state": JobState.QUEUED.value,
    "recipe": func.coalesce(_OF_ROOT, JOB.c.recipe),
    "attempts": 0,
    "due_at": bindparam("now"),
    "priority": func.max(JOB.c.priority, bindparam("at_least")),
    "run_id": None,
    "started_at": None,
    "finished_at": None,
    "reason": None,
    "detail": None,
    "unsupported_by": None,
    "gone": 0,
}
_REQUEUE = update(JOB).where(JOB.c.state == FAILED, IS_LATEST, IS_PRESENT).values(_ANEW)
_REQUEUE_FILES = (
    update(JOB)
    .where(or_(JOB.c.state == FAILED, JOB.c.state == UNSUPPORTED), IS_LATEST, IS_PRESENT)
    .where(JOB.c.file_id.in_(bindparam("file_ids", expanding=True)))
    .values(_ANEW)
)


def requeue(conn: Connection, *, file_ids: Collection[int] | None, now: float, priority: int) -> int:
    """failed -> queued with fresh attempts and the recipe that the root has now; returns how many.

    For these files, also unsupported ones, or (None) all that failed; files that are gone stay.
    """
    values = {"now": now, "at_least": int(priority)}
    if file_ids is None:
        return conn.execute(_REQUEUE, values).rowcount
    return sum(conn.execute(_REQUEUE_FILES, {**values, "file_ids": part}).rowcount for part in chunks(file_ids))


_RECONSIDER = (
    update(JOB)
    .where(JOB.c.state == UNSUPPORTED, IS_LATEST, IS_PRESENT)
    .where(JOB.c.unsupported_by.is_distinct_from(bindparam("software")))
    .values(_ANEW)
)


def reconsider(conn: Connection, *, software: str, now: float) -> int:
    """unsupported -> queued, where other versions than `software` said so; returns how many."""
    which = {"software": software, "now": now, "at_least": int(Priority.BACKLOG)}
    return conn.execute(_RECONSIDER, which).rowcount


def reroute(conn: Connection, *, recipes: Collection[str]) -> int:
    """queued -> queued under another recipe: the root has another one now, or the job's is not configured any more.

    Returns how many changed.
    """
    recipe = func.coalesce(_OF_ROOT, case((JOB.c.recipe.in_(list(recipes)), JOB.c.recipe), else_="default"))
    statement = update(JOB).where(JOB.c.state == QUEUED, JOB.c.recipe != recipe).values(recipe=recipe)
    return conn.execute(statement).rowcount


_SET_BACK = (
    update(JOB)
    .where(JOB.c.state == QUEUED, JOB.c.due_at > bindparam("now"))
    .values(due_at=JOB.c.due_at - bindparam("seconds"))
)


def clock_set_back(conn: Connection, *, now: float, seconds: float) -> int:
    """queued -> queued, due as long from `now` as before the clock was set back by so many seconds. Returns how many.

    Sidecars that wait are due now.
    """
    sidecars.recover(conn, now)
    return conn.execute(_SET_BACK, {"now": now, "seconds": seconds}).rowcount


def withdraw(conn: Connection, file_id: int) -> bool:
    """queued -> (nothing): the file needs no answer of its own after all.

    Returns:
        False, and nothing is done, if it was asked already: a job of it runs or has ended, or a person waits for it.
    """
    waits = and_(JOB.c.state == QUEUED, JOB.c.request.is_(None))
    if conn.execute(select(JOB.c.id).where(JOB.c.file_id == file_id, ~waits).limit(1)).first() is not None:
        return False
    conn.execute(delete(JOB).where(JOB.c.file_id == file_id, waits))
    return True


_UNDONE = (JobState.QUEUED.value, JobState.FAILED.value, JobState.UNSUPPORTED.value)
_ANSWERED = (
    update(JOB)
    .where(JOB.c.file_id == bindparam("the_file"), JOB.c.state.in_(_UNDONE), IS_LATEST)
    .values(
        state=JobState.DONE.value,
        finished_at=bindparam("now"),
        reason=None,
        detail=None,
        unsupported_by=None,
        download=None,
    )
)


def answered(conn: Connection, file_id: int, now: float) -> None:
    """queued, failed or unsupported -> done: the file got its caption by another way. One that runs ends by itself."""
    conn.execute(_ANSWERED, {"the_file": file_id, "now": now})


_FORGET = delete(JOB).where(JOB.c.id.in_(bindparam("ids", expanding=True)))


def forget(conn: Connection, ids: Collection[int]) -> None:
    """(ended) -> (nothing): jobs that nobody asks about any more."""
    conn.execute(_FORGET, {"ids": list(ids)})


# Also of files that are gone, which may come back; both are named so that the index of the queue is searched.
_of_backlog = and_(
    _is_queued, JOB.c.gone.in_([0, 1]), JOB.c.priority == int(Priority.HELD), JOB.c.root_id == bindparam("root")
)
_SOME_HELD = select(JOB.c.id).where(_of_backlog).limit(bindparam("most"))
_RELEASE = update(JOB).where(JOB.c.id.in_(_SOME_HELD)).values(priority=int(Priority.BACKLOG))
_HELD = select(func.count()).select_from(JOB).where(_of_backlog)


def held(conn: Connection, root_id: int) -> int:
    """How many jobs of a root wait for a person's word."""
    return int(conn.execute(_HELD, {"root": root_id}).scalar_one())


def release(conn: Connection, root_id: int, limit: int) -> int:
    """queued and held -> queued as a backlog, at most `limit` of a root. Returns how many."""
    return conn.execute(_RELEASE, {"root": root_id, "most": limit}).rowcount


_MAY_GO = select(t.root.c.id).where(t.root.c.id == JOB.c.root_id, t.root.c.go_at.is_not(None)).exists()


def abandon(conn: Connection, request: str, *, unasked: Collection[str] = ()) -> int:
    """queued -> queued behind all others, or (nothing) under no root: whoever asked waits no longer. Returns how many.

    What was asked for again is content with the answer that it has.
    Those of a root whose backlog is held are held, too, but for recipes for which nobody is asked (`unasked`).
    """
    mine = (JOB.c.request == request) & (JOB.c.state == QUEUED)
    dropped = conn.execute(delete(JOB).where(mine, JOB.c.root_id.is_(None))).rowcount
    behind = {
        "priority": case(
            (or_(_MAY_GO, JOB.c.recipe.in_(list(unasked))), int(Priority.BACKLOG)), else_=int(Priority.HELD)
        ),
        "request": None,
        "after_caption": 0,
    }
    return dropped + conn.execute(update(JOB).where(mine).values(behind)).rowcount
