"""Checks of the database: that it opens, is sound and of this version's schema."""

from __future__ import annotations

from collections.abc import Iterator

from captiond.checks.finding import Finding, Situation, fail, ok
from captiond.errors import DatabaseError
from captiond.mounts import fstype_of, is_network
from captiond.store.engine import Database
from captiond.store.migrate import HEAD
from captiond.store.problems import damaged_remedy


def database(situation: Situation) -> Iterator[Finding]:
    """It is on a local disk, opens, and every page of it is sound."""
    path = situation.database
    fstype = fstype_of(path.parent)
    if fstype is not None and is_network(fstype):
        yield fail(
            f"{path} is on a network file system ({fstype}), where SQLite can't keep it safe",
            "set `database.url` to a file on a local disk",
        )
        return
    if not path.exists() or path.stat().st_size == 0:
        yield ok(f"{path} is not there yet: the first `captiond run` makes it")
        return
    try:
        with Database.open(f"sqlite:///{path}", create=False) as db:
            broken = db.check()
            size = path.stat().st_size
    except DatabaseError as error:
        message, _, remedy = str(error).partition("; ")
        yield fail(message, remedy or "the message says what is wrong")
        return
    if broken:
        yield fail(f"{path} is damaged: {broken[0]}", damaged_remedy(path))
    else:
        yield ok(f"{path} is sound, schema {HEAD}, {size / 1e6:,.1f} MB")
