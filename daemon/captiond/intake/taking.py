"""One batch of quiet files, decided and recorded."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from captiond.intake.deciding import decide
from captiond.intake.recording import record
from captiond.intake.values import IntakeReport, Root
from captiond.store import files

if TYPE_CHECKING:
    from captiond.store.engine import Database
    from captiond.values import Quiet

BATCH = 500
"""The most files of one transaction."""
_UNHEARD = nullcontext()


def take(
    db: Database,
    root: Root,
    batch: Sequence[Quiet],
    *,
    now: float,
    disk: AbstractContextManager[None] = _UNHEARD,
) -> IntakeReport:
    """Take quiet files in, at most `BATCH`, in one transaction.

    Args:
        db: the database.
        root: the root that all of them lie under.
        batch: the files.
        now: seconds since 1970.
        disk: entered while the file system is asked for a file, which may hang.

    Raises:
        DatabaseError: nothing was recorded; with DatabaseUnavailable the same call can be repeated.
    """
    report = IntakeReport()
    decisions = decide(db, root, batch, report, disk)
    if decisions:
        with db.write() as conn:
            if root.confirm and files.may_go(conn, root.id):
                root = replace(root, confirm=None)
            for decision in decisions:
                record(conn, root, decision, report, now)
    return report
