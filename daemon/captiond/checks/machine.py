"""Checks of the machine: disk and clock, and whether the service runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from captiond.checks.finding import Finding, Situation, fail, ok, warn
from captiond.store.instance import InstanceLock

LITTLE_SPACE = 1_000_000_000
"""Bytes: the database of a million captions and its backup need about so much."""
NO_SPACE = 100_000_000
FIRST_YEAR = 2026
"""There was no captiond before: an earlier clock was never set."""
LAST_YEAR = 2100
CLOCK_SLACK = 300
"""Seconds that a clock may be behind the newest caption, which a machine with another clock may have written."""


def disk(situation: Situation) -> Iterator[Finding]:
    """Room and rights where the database is."""
    folder = _existing(situation.database.parent)
    if not os.access(folder, os.W_OK | os.X_OK):
        yield fail(
            f"{folder} can't be written, where the database is to be",
            "give this user the right to write it, or run this as the user of the service",
        )
        return
    space = os.statvfs(folder)
    free = space.f_bavail * space.f_frsize
    text = f"{free / 1e9:,.1f} GB free at {folder}"
    if free < NO_SPACE:
        yield fail(text, "free some space: captions can't be stored")
    elif free < LITTLE_SPACE:
        yield warn(text, "free some space before the database fills it")
    else:
        yield ok(text)
    if space.f_files and space.f_favail < 1000:
        yield fail(f"only {space.f_favail:,} inodes free at {folder}", "delete files there")


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def clock(situation: Situation) -> Iterator[Finding]:
    """A wrong clock makes wrong dates, broken TLS and long waits."""
    remedy = "set the clock: `timedatectl set-ntp true`"
    now = datetime.fromtimestamp(situation.now, UTC)
    text = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if not FIRST_YEAR <= now.year <= LAST_YEAR:
        yield fail(f"the clock says {text}, which can't be", remedy)
        return
    newest = _newest_caption(situation)
    if newest is not None and newest.timestamp() > situation.now + CLOCK_SLACK:
        yield fail(f"the clock says {text}, before the newest caption ({newest:%Y-%m-%d %H:%M:%S} UTC)", remedy)
        return
    yield ok(text)


def _newest_caption(situation: Situation) -> datetime | None:
    from captiond.errors import DatabaseError
    from captiond.store.engine import Database
    from captiond.store.totals import newest_caption

    if not situation.database.exists():
        return None
    try:
        with Database.open(f"sqlite:///{situation.database}", create=False) as db, db.read() as conn:
            text = newest_caption(conn)
    except DatabaseError:
        return None  # the check of the database says what is wrong with it
    return datetime.fromisoformat(text) if text else None


def instance(situation: Situation) -> Iterator[Finding]:
    """Whether another captiond works on this database; neither answer is a fault."""
    holder = InstanceLock(situation.database).holder()
    if holder is None:
        yield ok("no captiond runs on this database")
    else:
        yield ok(
            f"`captiond {holder.get('command', '')}` is at work, process {holder.get('pid')}, since {holder.get('since')}"
        )
