"""Plain connections to the database's file, and what SQLite says of it in captiond's own errors."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from captiond.errors import DatabaseUnavailable
from captiond.store.problems import explained

WRITE_WAIT = 30.0
"""Seconds that a writer waits for another process."""
READ_WAIT = 10.0
"""Seconds that a reader waits; in WAL it does so only while the last connection closes, or after a crash."""
TURN = 60.0
"""Seconds that a thread waits for its turn to write."""


@contextlib.contextmanager
def explaining(path: Path, waited: float) -> Iterator[None]:
    """Raise what SQLite says of the file as `DatabaseError`; every other exception passes."""
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable(
            f"database {path}: another part of captiond has written for over {TURN:g} s"
        ) from error
    except (sqlite3.Error, DBAPIError) as error:
        clear = explained(error.orig if isinstance(error, DBAPIError) else error, path, waited=waited)
        if clear is None:
            raise
        raise clear from error


def connect(path: Path, *, wait: float, mode: str = "rw") -> sqlite3.Connection:
    """A plain connection. SQLite itself opens a file that can't be written as read-only.

    `isolation_level=None`: BEGIN is said where it is meant, never by the sqlite3 module.
    """
    uri = f"file:{quote(os.fsencode(path))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=wait, isolation_level=None, check_same_thread=False)


def connect_reader(path: Path) -> sqlite3.Connection:
    connection = connect(path, wait=READ_WAIT)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -16000")
    return connection


def connect_writer(path: Path) -> sqlite3.Connection:
    connection = connect(path, wait=WRITE_WAIT)
    # A caption that was paid for is worth an fsync a commit; those who write much, write in batches.
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "temp_store = MEMORY", "cache_size = -16000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    return connection
