"""The open database: one writer, many readers, safe across threads and processes.

Each process has one connection for writing, which its threads take in turn, and connections for reading that never
wait for a writer (WAL). Writing begins with BEGIN IMMEDIATE: a transaction that begins by reading and writes later is
refused as "database is locked" when another process wrote in between, however long it would wait.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event

from captiond.errors import DatabaseError
from captiond.mounts import fstype_of, is_network
from captiond.store import schema
from captiond.store.connections import READ_WAIT, TURN, WRITE_WAIT, connect_reader, connect_writer, explaining
from captiond.store.copying import copy_to, damage
from captiond.store.problems import damaged, moved

_URL = "sqlite:///"

_to_json = partial(json.dumps, ensure_ascii=False, allow_nan=False)
# Not escaped: the full-text index reads the tags' JSON, and so do people.


class Database:
    """The database, open and at the present schema. Every method may be called from any thread."""

    def __init__(self, path: Path) -> None:
        """Use `open`: this one checks nothing."""
        self.path = path
        self._writer = _engine(path, connect_writer, "BEGIN IMMEDIATE", one=True)
        self._reader = _engine(path, connect_reader, "BEGIN", one=False)
        self._version: sqlite3.Connection | None = None
        self._version_lock = threading.Lock()
        self._held: int | None = None

    @classmethod
    def open(cls, url: str, *, migrate: bool = False, create: bool = True) -> Self:
        """Open the database of this URL, `sqlite:///relative` or `sqlite:////absolute`.

        Args:
            url: where it is.
            migrate: bring an older schema to the present one, after a backup to `<database>.before-<revision>`.
            create: make it, and its folder, if it isn't there; both with the rights of the process's umask, because
                the database is made to be read by other programs too.

        Raises:
            DatabaseError: it can't be used; the message says why and what to do.
        """
        path = path_of(url)
        if not create and not is_there(path):
            raise DatabaseError(f"nothing was captioned yet: there is no database at {path}; start with `captiond run`")
        fstype = fstype_of(path.parent)
        if fstype is not None and is_network(fstype):
            raise DatabaseError(
                f"database {path} is on a network file system ({fstype}), where SQLite can't keep it safe; "
                "set `database.url` to a file on a local disk"
            )
        if create:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DatabaseError(
                    f"{path.parent} can't be made ({error.strerror}), where the database would be"
                ) from error
        with explaining(path, READ_WAIT):
            schema.ensure(path, migrate=migrate, create=create)
        database = cls(path)
        database._hold()
        return database

    def _hold(self) -> None:
        """Hold on to the file itself, whatever becomes of its name. Closing O_PATH gives up no lock of SQLite's."""
        with contextlib.suppress(OSError):
            self._held = os.open(self.path, os.O_PATH | os.O_CLOEXEC)

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that reads one state of the database, as of its first query; it can't write.

        Raises:
            DatabaseError: the file can't be read.
        """
        with explaining(self.path, READ_WAIT), self._reader.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """The connection for writing: committed to the disk (fsync) on normal exit, rolled back on an exception.

        One thread at a time has it; a thread must not ask for it twice. Keep the block short, and call nothing slow in it.

        Raises:
            DatabaseUnavailable: full disk, locked by another program, input/output error; nothing was written.
            DatabaseError: the file can't be written.
        """
        with explaining(self.path, WRITE_WAIT), self._writer.begin() as connection:
            yield connection

    def data_version(self) -> int:
        """A number that changes when any other connection committed, of this process or another: microseconds to ask.

        Raises:
            DatabaseError: the file can't be read.
        """
        with self._version_lock, explaining(self.path, READ_WAIT):
            if self._version is None:
                self._version = connect_reader(self.path)
            return int(self._version.execute("PRAGMA data_version").fetchone()[0])

    def ensure_in_place(self) -> None:
        """See that the file still has its name: what is written is found by nobody else.

        Raises:
            DatabaseError: it was moved, replaced or deleted.
        """
        if self._held is None:
            return
        try:
            there: os.stat_result | None = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            there = None
        except OSError:
            return  # the disk's trouble, which reading and writing tell of
        if there is None or not os.path.samestat(there, os.fstat(self._held)):
            raise moved(self.path)

    def backup(self, target: Path) -> None:
        """Copy the database to `target` while it is in use; the copy appears whole or not at all.

        Raises:
            DatabaseError: `target` is something else than an older backup, or can't be written.
        """
        with explaining(self.path, READ_WAIT):
            copy_to(self.path, target)

    def check(self, seconds: float | None = None) -> list[str]:
        """SQLite's own check of the whole file: what is wrong with it, nothing if it is sound.

        It reads all of it, 600 MB/s and more from memory; `seconds`: as much as can be in that time.

        Raises:
            DatabaseError: it can't be read.
        """
        with explaining(self.path, READ_WAIT), contextlib.closing(connect_reader(self.path)) as connection:
            return damage(connection, 20, seconds)

    def ensure_sound(self, seconds: float) -> None:
        """See that the file is sound, as far as it can be read in so many seconds.

        Raises:
            DatabaseError: it is damaged, or can't be read.
        """
        found = self.check(seconds)
        if found:
            raise damaged(self.path, found[0])

    def close(self) -> None:
        """Close every connection that is not in use; the last one of all processes merges the WAL."""
        with self._version_lock:
            if self._version is not None:
                self._version.close()
                self._version = None
        self._reader.dispose()
        self._writer.dispose()
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def path_of(url: str) -> Path:
    """The absolute path of the file that an `sqlite:///` URL names.

    Raises:
        DatabaseError: it names none.
    """
    name = url.removeprefix(_URL)
    if not url.startswith(_URL) or not name or name == ":memory:" or name.startswith("file:") or "?" in name:
        raise DatabaseError(
            f"database.url is {url!r}: it must be {_URL} and the path of a file, such as {_URL}/var/lib/x.db"
        )
    return Path(os.path.abspath(os.path.expanduser(name)))


def _engine(path: Path, connect: Callable[[Path], sqlite3.Connection], begin: str, *, one: bool) -> Engine:
    """An engine whose connections come from `connect` and whose transactions begin with `begin`.

    `one`: a single connection, for which threads wait in turn; that is fairer and quicker than SQLite's own polling.
    """
    engine = create_engine(
        "sqlite://",
        creator=partial(connect, path),
        poolclass=QueuePool,
        pool_size=1 if one else 4,
        max_overflow=0 if one else -1,
        pool_timeout=TURN,
        json_serializer=_to_json,
    )
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def is_there(path: Path) -> bool:
    """Whether there is a file with anything in it.

    Raises:
        DatabaseError: this user can't tell.
    """
    try:
        return path.stat().st_size > 0
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise DatabaseError(
            f"database {path} can't be opened ({error.strerror}): run this as the user of the service, or as root"
        ) from error


def ended_in_order(path: Path) -> bool:
    """Whether the last process that had the database open closed it: it merges the WAL then. Ask before it is opened."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size == 0
    except OSError:
        return True
