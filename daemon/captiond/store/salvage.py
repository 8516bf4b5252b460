"""What a new database takes over from the one in whose place it comes: the sums of what was spent, owner and rights."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

_TAKE_SPENDING = """
INSERT INTO spending
SELECT day, endpoint, recipe,
    coalesce((SELECT root.id FROM root JOIN old.root AS was ON was.path = root.path WHERE was.id = root_id), 0) AS its_root,
    sum(calls), sum(unpriced), sum(prompt_tokens), sum(completion_tokens), sum(cost_usd)
FROM old.spending GROUP BY day, endpoint, recipe, its_root
"""


def take_spending(new: Path, old: Path) -> None:
    """Take over the sums of each day, so that budgets go on; of roots that the new one has, the rest as of none.

    Nothing is where there is no old one, or where it can't be read so far.
    """
    if not old.exists():
        return
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(new, isolation_level=None, uri=True)) as connection,
    ):
        connection.execute("ATTACH ? AS old", (f"file:{quote(os.fsencode(old))}?mode=ro",))
        connection.execute(_TAKE_SPENDING)


def take_rights(new: Path, old: Path) -> None:
    """Give the new one the owner and the rights of the old one, else the owner of its folder: who asked may be root."""
    there = old.exists()
    status = (old if there else old.parent).stat()
    with contextlib.suppress(PermissionError):
        os.chown(new, status.st_uid, status.st_gid)
        if there:
            new.chmod(status.st_mode & 0o777)
