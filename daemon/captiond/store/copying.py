"""Copies of the database while it is in use, and whether a file is sound."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import time
from pathlib import Path

from captiond.errors import DatabaseError, DatabaseUnavailable
from captiond.store.connections import READ_WAIT, connect
from captiond.store.parts import sweep
from captiond.store.problems import damaged

_STEPS = 10_000
"""Of SQLite's machine between two looks at the clock, in a check that ends in time."""
_HEADER = b"SQLite format 3\x00"


def copy_to(path: Path, target: Path) -> None:
    """SQLite's backup API into a temporary file beside the target, then a rename."""
    if target.is_symlink() or (target.exists() and not _is_database(target)):
        raise DatabaseError(f"{target} is there and is no backup of a database: name another file")
    if target.exists() and target.samefile(path):
        raise DatabaseError(f"{target} is the database itself: name another file")
    sweep(target.parent, target.name)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666))
        with (
            contextlib.closing(connect(path, wait=READ_WAIT)) as source,
            contextlib.closing(connect(part, wait=READ_WAIT)) as copy,
        ):
            copy.execute("PRAGMA synchronous = OFF")
            # All pages in one step: in WAL that holds no writer up, while steps would begin again at every write.
            source.backup(copy)
            # One file that can be copied and kept, without a WAL beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
            # A damaged copy is worth nothing, and must not take the place of a sound one.
            if found := damage(copy, 1):
                raise damaged(path, found[0])
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise DatabaseError(f"the backup {target} can't be written ({error.strerror})") from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0)
        if code & 0xFF == sqlite3.SQLITE_FULL:
            raise DatabaseUnavailable(f"the backup {target} can't be written: the disk is full") from error
        raise
    finally:
        for leftover in (part, part.with_name(part.name + "-journal"), part.with_name(part.name + "-wal")):
            leftover.unlink(missing_ok=True)


def damage(connection: sqlite3.Connection, most: int, seconds: float | None = None) -> list[str]:
    """What SQLite finds wrong with the file, at most so many findings; what was not read in time counts as sound."""
    until = None if seconds is None else time.monotonic() + seconds
    if until is not None:
        connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        found = [str(row[0]) for row in connection.execute(f"PRAGMA quick_check({most})")]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return []
    finally:
        connection.set_progress_handler(None, 0)
    return [] if found == ["ok"] else found


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as opened:
            return path.is_file() and opened.read(16) in (_HEADER, b"")
    except OSError:
        return False
