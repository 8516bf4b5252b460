"""The first backlog of a root: what lies in a folder when it is watched for the first time, and may be a lifetime of pictures.

    intake -> held -- counted, and few ----------> in the queue
                `---- counted, and many -- `captiond scan --go` -^

Until its first comparison is taken in nobody knows how much it is, so its jobs are held from the start. More of them than
`confirm_above` wait for a person's word; new files go on meanwhile. Once the word is given, or was not needed, nothing of the
root is held again.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from captiond import captions, jobs
from captiond.budget import FREE
from captiond.store import files
from captiond.values import Priority

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from captiond.config.models import Settings
    from captiond.store.engine import Database

BATCH = 5_000
"""Jobs queued or released in one transaction: a million in one would keep everybody else from writing for a minute."""


def confirm_above(settings: Settings, endpoints: Collection[str]) -> int | None:
    """How many calls to one of these go without a word; 0: all. None: they cost nothing, and nothing is asked of anybody."""
    return None if set(endpoints) <= set(FREE) else settings.queue.confirm_above


def priority(conn: Connection, root_id: int, confirm: int | None) -> Priority:
    """The priority of a backlog's new jobs: held, as long as nobody has agreed to it."""
    return Priority.HELD if confirm and not files.may_go(conn, root_id) else Priority.BACKLOG


def waiting(conn: Connection, root_id: int, confirm: int | None) -> int:
    """How many jobs of a root wait for a person's word: none, as long as they are few."""
    held = jobs.held(conn, root_id) if confirm and not files.may_go(conn, root_id) else 0
    return held if confirm and held > confirm else 0


def counted(db: Database, root_id: int, confirm: int | None, *, more: int = 0) -> int | None:
    """Let a root's first backlog go, if it is small enough.

    Args:
        confirm: as `confirm_above` has it.
        more: files that may become jobs yet.

    Returns: how many jobs wait for a person's word; 0: none, and none will; None: it is too early to tell.
    """
    with db.read() as conn:
        may_go, held = files.may_go(conn, root_id), jobs.held(conn, root_id)
    if not may_go and confirm and held + more > confirm:
        return None if more else held
    if confirm is not None and not may_go:
        with db.write() as conn:
            # Anew: what was queued since that look is held too, and nobody would come back for it.
            held = jobs.held(conn, root_id)
            if confirm and held + more > confirm:
                return None
            files.let_go(conn, root_id, time.time())
    if held:
        _release(db, root_id)
    return 0


def go(db: Database, root_id: int) -> int:
    """The root's backlog may be asked, now and from now on; returns how many jobs were held."""
    with db.write() as conn:
        files.let_go(conn, root_id, time.time())
    return _release(db, root_id)


def _release(db: Database, root_id: int) -> int:
    released = 0
    while True:
        with db.write() as conn:
            part = jobs.release(conn, root_id, BATCH)
        released += part
        if part < BATCH:
            return released


def take_over(db: Database, root_id: int, recipe: str, confirm: int | None) -> int:
    """Queue a root's files that only the built-in describer has described; returns how many."""
    with db.read() as conn:
        described, behind = captions.builtin_files(conn, root_id), priority(conn, root_id, confirm)
    for start in range(0, len(described), BATCH):
        with db.write() as conn:
            for file_id in described[start : start + BATCH]:
                jobs.enqueue(conn, file_id=file_id, root_id=root_id, recipe=recipe, priority=behind, now=time.time())
    return len(described)
