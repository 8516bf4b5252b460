"""The open database: one writer, many readers, safe across threads and processes.

Each process has one connection for writing, which its threads take in turn, and connections for reading that never
wait for a writer (WAL). Writing begins with BEGIN IMMEDIATE: a transaction that begins by reading and writes later is
refused as "database is locked" when another process wrote in between, however long it would wait.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Self
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from captiond.errors import DatabaseError, DatabaseUnavailable
from captiond.mounts import fstype_of, is_network
from captiond.store import migrate as schema
from captiond.store.problems import damaged, explained

WRITE_WAIT = 30.0
"""Seconds that a writer waits for another process."""
READ_WAIT = 10.0
"""Seconds that a reader waits; in WAL it does so only while the last connection closes, or after a crash."""
_TURN = 60.0
"""Seconds that a thread waits for its turn to write."""
_STEPS = 10_000
"""Of SQLite's machine between two looks at the clock, in a check that ends in time."""
_HEADER = b"SQLite format 3\x00"
_URL = "sqlite:///"

_to_json = partial(json.dumps, ensure_ascii=False, allow_nan=False)
# Not escaped: the full-text index reads the tags' JSON, and so do people.


class Database:
    """The database, open and at the present schema. Every method may be called from any thread."""

    def __init__(self, path: Path) -> None:
        """Use `open`: this one checks nothing."""
        self.path = path
        self._writer = _engine(path, _connect_writer, "BEGIN IMMEDIATE", one=True)
        self._reader = _engine(path, _connect_reader, "BEGIN", one=False)
        self._version: sqlite3.Connection | None = None
        self._version_lock = threading.Lock()

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
        if not path.exists() and not create:
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
        with _clear(path, READ_WAIT):
            _ensure_schema(path, migrate=migrate, create=create)
        return cls(path)

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that reads one state of the database, as of its first query; it can't write.

        Raises:
            DatabaseError: the file can't be read.
        """
        with _clear(self.path, READ_WAIT), self._reader.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """The connection for writing: committed to the disk (fsync) on normal exit, rolled back on an exception.

        One thread at a time has it; a thread must not ask for it twice. Keep the block short, and call nothing slow in it.

        Raises:
            DatabaseUnavailable: full disk, locked by another program, input/output error; nothing was written.
            DatabaseError: the file can't be written.
        """
        with _clear(self.path, WRITE_WAIT), self._writer.begin() as connection:
            yield connection

    def data_version(self) -> int:
        """A number that changes when any other connection committed, of this process or another: microseconds to ask.

        Raises:
            DatabaseError: the file can't be read.
        """
        with self._version_lock, _clear(self.path, READ_WAIT):
            if self._version is None:
                self._version = _connect_reader(self.path)
            return int(self._version.execute("PRAGMA data_version").fetchone()[0])

    def backup(self, target: Path) -> None:
        """Copy the database to `target` while it is in use; the copy appears whole or not at all.

        Raises:
            DatabaseError: `target` is something else than an older backup, or can't be written.
        """
        with _clear(self.path, READ_WAIT):
            _backup(self.path, target)

    def check(self, seconds: float | None = None) -> list[str]:
        """SQLite's own check of the whole file: what is wrong with it, nothing if it is sound.

        It reads all of it, 600 MB/s and more from memory; `seconds`: as much as can be in that time.

        Raises:
            DatabaseError: it can't be read.
        """
        with _clear(self.path, READ_WAIT), contextlib.closing(_connect_reader(self.path)) as connection:
            return _damage(connection, 20, seconds)

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


@contextlib.contextmanager
def _clear(path: Path, waited: float) -> Iterator[None]:
    """Raise what SQLite says of the file as `DatabaseError`; every other exception passes."""
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable(
            f"database {path}: another part of captiond has written for over {_TURN:g} s"
        ) from error
    except (sqlite3.Error, DBAPIError) as error:
        clear = explained(error.orig if isinstance(error, DBAPIError) else error, path, waited=waited)
        if clear is None:
            raise
        raise clear from error


def _connect(path: Path, *, wait: float, mode: str = "rw") -> sqlite3.Connection:
    """A plain connection. SQLite itself opens a file that can't be written as read-only.

    `isolation_level=None`: BEGIN is said where it is meant, never by the sqlite3 module.
    """
    uri = f"file:{quote(os.fsencode(path))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=wait, isolation_level=None, check_same_thread=False)


def _connect_reader(path: Path) -> sqlite3.Connection:
    connection = _connect(path, wait=READ_WAIT)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -16000")
    return connection


def _connect_writer(path: Path) -> sqlite3.Connection:
    connection = _connect(path, wait=WRITE_WAIT)
    # A caption that was paid for is worth an fsync a commit; those who write much, write in batches.
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "temp_store = MEMORY", "cache_size = -16000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    return connection


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
        pool_timeout=_TURN,
        json_serializer=_to_json,
    )
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def revision_of(path: Path) -> str | None:
    """The schema's revision of a database that is there; None for one without any table.

    Raises:
        DatabaseError: it can't be read, or is another program's.
    """
    with _clear(path, READ_WAIT):
        return _revision(path, create=False)


def _revision(path: Path, *, create: bool) -> str | None:
    with contextlib.closing(_connect(path, wait=READ_WAIT, mode="rwc" if create else "rw")) as probe:
        try:
            return schema.current(probe)
        except DatabaseError as error:
            raise DatabaseError(f"{path}: {error}") from None


def _ensure_schema(path: Path, *, migrate: bool, create: bool) -> None:
    """Refuse what can't be used, make what is missing, migrate what is older."""
    revision = _revision(path, create=create)
    if revision == schema.HEAD:
        return
    if revision is not None and not revision.isdigit():
        raise damaged(path, f"its version is {revision[:20]!r}")
    if revision is not None and schema.is_newer(revision):
        raise DatabaseError(
            f"database {path} was made by a newer captiond (schema {revision}, this one knows {schema.HEAD}); "
            "install that version again"
        )
    if revision is None and not create:
        raise DatabaseError(f"nothing was captioned yet: the database {path} is empty; start with `captiond run`")
    if revision is not None and not migrate:
        raise DatabaseError(
            f"database {path} has an older schema ({revision}, now {schema.HEAD}): run `captiond db upgrade`, "
            "which makes a backup first"
        )
    _migrate(path, backup=revision is not None)


def _migrate(path: Path, *, backup: bool) -> None:
    """Bring the schema to the present in one transaction, so that it comes whole or not at all."""
    engine = create_engine("sqlite://", creator=lambda: _connect(path, wait=WRITE_WAIT), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            # WAL stays with the file. Foreign keys are off by default, and must be: see migrate.upgrade.
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            connection.exec_driver_sql("PRAGMA synchronous = FULL")
            connection.rollback()
            event.listen(connection, "begin", lambda conn: conn.exec_driver_sql("BEGIN IMMEDIATE"))
            with connection.begin():
                # Nobody can write between this backup and the migration: the lock is held.
                if backup:
                    _backup(path, path.with_name(f"{path.name}.before-{schema.HEAD}"))
                schema.upgrade(connection)
    except DatabaseError as error:
        raise DatabaseError(f"database {path} could not be migrated, and is as it was: {error}") from error
    finally:
        engine.dispose()


def _backup(path: Path, target: Path) -> None:
    """SQLite's backup API into a temporary file beside the target, then a rename."""
    if target.is_symlink() or (target.exists() and not _is_database(target)):
        raise DatabaseError(f"{target} is there and is no backup of a database: name another file")
    if target.exists() and target.samefile(path):
        raise DatabaseError(f"{target} is the database itself: name another file")
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666))
        with (
            contextlib.closing(_connect(path, wait=READ_WAIT)) as source,
            contextlib.closing(_connect(part, wait=READ_WAIT)) as copy,
        ):
            copy.execute("PRAGMA synchronous = OFF")
            # All pages in one step: in WAL that holds no writer up, while steps would begin again at every write.
            source.backup(copy)
            # One file that can be copied and kept, without a WAL beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
            # A damaged copy is worth nothing, and must not take the place of a sound one.
            if found := _damage(copy, 1):
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


def _damage(connection: sqlite3.Connection, most: int, seconds: float | None = None) -> list[str]:
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


def ended_in_order(path: Path) -> bool:
    """Whether the last process that had the database open closed it: it merges the WAL then. Ask before it is opened."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size == 0
    except OSError:
        return True


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as opened:
            return path.is_file() and opened.read(16) in (_HEADER, b"")
    except OSError:
        return False
