"""The schema of a database's file: which it is, and to the present one where that is allowed."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from sqlalchemy import NullPool, create_engine, event

from captiond.errors import DatabaseError
from captiond.store import migrate as migrations
from captiond.store.connections import READ_WAIT, WRITE_WAIT, connect, explaining
from captiond.store.copying import copy_to
from captiond.store.problems import damaged


def revision_of(path: Path) -> str | None:
    """The schema's revision of a database that is there; None for one without any table.

    Raises:
        DatabaseError: it can't be read, or is another program's.
    """
    with explaining(path, READ_WAIT):
        return _revision(path, create=False)


def _revision(path: Path, *, create: bool) -> str | None:
    with contextlib.closing(connect(path, wait=READ_WAIT, mode="rwc" if create else "rw")) as probe:
        try:
            return migrations.current(probe)
        except DatabaseError as error:
            raise DatabaseError(f"{path}: {error}") from None


def ensure_not_of_another(path: Path) -> None:
    """See that the file is no other program's database, as far as that can be told: one that is damaged passes.

    Raises:
        DatabaseError: it is.
    """
    if path.exists():
        with contextlib.suppress(sqlite3.Error):
            _revision(path, create=False)


def ensure(path: Path, *, migrate: bool, create: bool) -> None:
    """Refuse what can't be used, make what is missing, migrate what is older."""
    revision = _revision(path, create=create)
    if revision == migrations.HEAD:
        return
    if revision is not None and not revision.isdigit():
        raise damaged(path, f"its version is {revision[:20]!r}")
    if revision is not None and migrations.is_newer(revision):
        raise DatabaseError(
            f"database {path} was made by a newer captiond (schema {revision}, this one knows {migrations.HEAD}); "
            "install that version again"
        )
    if revision is None and not create:
        raise DatabaseError(f"nothing was captioned yet: the database {path} is empty; start with `captiond run`")
    if revision is not None and not migrate:
        raise DatabaseError(
            f"database {path} has an older schema ({revision}, now {migrations.HEAD}): run `captiond db upgrade`, "
            "which makes a backup first"
        )
    _migrate(path, backup=revision is not None)


def _migrate(path: Path, *, backup: bool) -> None:
    """Bring the schema to the present in one transaction, so that it comes whole or not at all."""
    engine = create_engine("sqlite://", creator=lambda: connect(path, wait=WRITE_WAIT), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            # WAL stays with the file. Foreign keys are off by default, and must be: see migrate.upgrade.
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            connection.exec_driver_sql("PRAGMA synchronous = FULL")
            connection.rollback()
            event.listen(connection, "begin", lambda conn: conn.exec_driver_sql("BEGIN IMMEDIATE"))
            with connection.begin():
                raw = connection.connection.driver_connection
                assert isinstance(raw, sqlite3.Connection)
                if migrations.current(raw) == migrations.HEAD:
                    return  # another process was first; its backup is of the old state
                # Nobody can write between this backup and the migration: the lock is held.
                if backup:
                    copy_to(path, path.with_name(f"{path.name}.before-{migrations.HEAD}"))
                migrations.upgrade(connection)
    except DatabaseError as error:
        raise DatabaseError(f"database {path} could not be migrated, and is as it was: {error}") from error
    finally:
        engine.dispose()
