"""SQLite's errors as messages that name the file, the cause and the remedy."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from captiond.errors import DatabaseError, DatabaseUnavailable
from captiond.store.backups import existing

_PRIMARY = 0xFF
"""The low byte of an extended result code is the primary one: https://www.sqlite.org/rescode.html."""


def explained(error: BaseException | None, path: Path, *, waited: float) -> DatabaseError | None:
    """The clear error for one that sqlite3 raised; None for one that is no trouble of the file, such as a broken rule.

    Args:
        error: what sqlite3 raised.
        path: the database.
        waited: seconds that the connection waits for a lock.
    """
    if not isinstance(error, sqlite3.Error):
        return None
    extended = getattr(error, "sqlite_errorcode", None)
    if extended is None:
        # The sqlite3 module's own errors have no code. Text that is not UTF-8 was never written by captiond.
        return damaged(path, "text that is no text") if "Could not decode" in str(error) else None
    code = extended & _PRIMARY
    # PROTOCOL: readers are kept out so long that SQLite gives up its tries by itself, whatever the connection would wait.
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return DatabaseUnavailable(
            f"database {path} is locked: another program has been writing to it for over {waited:g} s; "
            "end that program's transaction"
        )
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path.parent)):
        return DatabaseUnavailable(f"database {path} can't grow: its disk is full; free some space and it goes on")
    if code == sqlite3.SQLITE_IOERR:
        return DatabaseUnavailable(
            f"database {path}: its disk failed to read or write ({error}); see `dmesg`, and check that disk"
        )
    # A file that was emptied while it is open is a sound database to SQLite, without a table in it.
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or str(error).startswith("no such table"):
        return damaged(path, str(error))
    if extended == sqlite3.SQLITE_READONLY_DBMOVED:
        return moved(path)
    return _of_rights(code, path)


def _of_rights(code: int, path: Path) -> DatabaseError | None:
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN) and _is_read_only(path.parent):
        return DatabaseError(
            f"database {path} is on a file system that is mounted read-only: mount it for writing, "
            "or set `database.url` to a file on another one"
        )
    if code == sqlite3.SQLITE_READONLY:
        return DatabaseError(
            f"database {path} can't be written: give this user the right to write the file and its folder, "
            "or run this as the user of the service"
        )
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return DatabaseError(
            f"database {path} can't be opened: check that this user may read the file and write its folder "
            "(a reader needs that too while no service has it open), or run this as the user of the service"
        )
    return None


def _is_read_only(folder: Path) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _is_full(folder: Path) -> bool:
    """Whether the disk has no room: where SQLite can't map its memory for that, it tells of an error of the disk."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail == 0


def moved(path: Path) -> DatabaseError:
    """The error of a file that has lost its name to another, or to none."""
    return DatabaseError(f"database {path} was moved, replaced or deleted while it was open; start captiond again")


def damaged(path: Path, what: str) -> DatabaseError:
    """The error of a file that makes no sense, and what to do about it."""
    return DatabaseError(f"database {path} is damaged ({what}); {damaged_remedy(path)}")


def damaged_remedy(path: Path) -> str:
    """What to do about a damaged database: a new one from the sidecars, or the newest backup that stands beside it."""
    # One that was kept by a rebuild was damaged itself.
    upgraded = [found for found in path.parent.glob(f"{path.name}.before-*") if ".before-rebuild-" not in found.name]
    rebuild = "stop captiond, and run `captiond db rebuild`, which makes a new one from the sidecars without a call"
    if not (found := [*upgraded, *existing(path)]):
        return rebuild
    newest = max(found, key=lambda backup: backup.stat().st_mtime)
    return f"{rebuild}; or move it and its -wal and -shm files away, and copy the backup {newest} in its place"
