"""Checks of the machine: disks and clock, and whether the service runs."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from captiond.checks.finding import CLOCK_REMEDY, Finding, Situation, fail, ok, warn
from captiond.store.instance import InstanceLock

LITTLE_SPACE = 1_000_000_000
"""Bytes: the database of a million captions and its backup need about so much."""
NO_SPACE = 100_000_000
FEW_INODES = 1000
FIRST_YEAR = 2026
"""There was no captiond before: an earlier clock was never set."""
LAST_YEAR = 2100
_TIMEX_BYTES = 512
"""More than `struct timex` has, on any machine. All zero, it asks and sets nothing."""
_TIME_ERROR = 5
CLOCK_SLACK = 300
"""Seconds that a clock may be behind the newest caption, which a machine with another clock may have written."""


def disk(situation: Situation) -> Iterator[Finding]:
    """Room and rights where the database is, and room for sidecars."""
    folder = _existing(situation.database.parent)
    if not os.access(folder, os.W_OK | os.X_OK):
        yield fail(
            f"{folder} can't be written, where the database is to be",
            "give this user the right to write it, or run this as the user of the service",
        )
        return
    space = os.statvfs(folder)
    free = space.f_bavail * space.f_frsize
    text = _free(free, folder)
    if free < NO_SPACE:
        yield fail(text, "free some space: captions can't be stored")
    elif free < LITTLE_SPACE:
        yield warn(text, "free some space before the database fills it")
    else:
        yield ok(text)
    if space.f_files and space.f_favail < FEW_INODES:
        yield fail(f"only {space.f_favail:,} inodes free at {folder}", "delete files there")
    if situation.settings.sidecar.enabled:
        yield from _room_for_sidecars(situation, folder)


def _room_for_sidecars(situation: Situation, state: Path) -> Iterator[Finding]:
    """The roots that are nearly full, each file system once; nothing of those that have room, or do not say."""
    seen = {state.stat().st_dev}
    for path in (watch.path for watch in situation.there):
        device = path.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        space = os.statvfs(path)
        free = space.f_bavail * space.f_frsize
        if space.f_blocks and free < NO_SPACE:
            yield warn(_free(free, path), "free some space: sidecars wait until there is room for them")
        elif space.f_files and space.f_favail < FEW_INODES:
            yield warn(f"only {space.f_favail:,} inodes free at {path}", "delete files there: each sidecar is a file")


def _free(free: int, folder: Path) -> str:
    return f"{free / 1e9:,.1f} GB free at {folder}" if free >= NO_SPACE else f"{free / 1e6:,.1f} MB free at {folder}"


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def clock(situation: Situation) -> Iterator[Finding]:
    """A wrong clock makes wrong dates, broken TLS and long waits."""
    remedy = CLOCK_REMEDY
    now = datetime.fromtimestamp(situation.now, UTC)
    text = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if not FIRST_YEAR <= now.year <= LAST_YEAR:
        yield fail(f"the clock says {text}, which can't be", remedy)
        return
    newest = _newest_caption(situation)
    if newest is not None and newest.timestamp() > situation.now + CLOCK_SLACK:
        yield fail(f"the clock says {text}, before the newest caption ({newest:%Y-%m-%d %H:%M:%S} UTC)", remedy)
        return
    if _synchronised() is False:
        yield warn(f"the clock says {text}, and nothing keeps it right: no time server is in force", remedy)
        return
    yield ok(text)


def _synchronised() -> bool | None:
    """Whether the kernel is told the time by NTP or the like (adjtimex(2)); None where that can't be asked.

    A container sees its host's state. What sets the clock from time to time only, or a virtual machine's host, does not
    show here.
    """
    with contextlib.suppress(OSError, AttributeError):
        answer = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
        return None if answer < 0 else answer != _TIME_ERROR
    return None


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
