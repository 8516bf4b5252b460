"""Which schema a database has, and how it gets the present one.

Alembic takes a quarter of a second to import, so only `upgrade` does: a database that is at `HEAD` never needs it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from captiond.errors import DatabaseError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

HEAD = "0011"
"""The newest revision in migrations/versions; a test holds the two together."""


def current(connection: sqlite3.Connection) -> str | None:
    """The revision of the open database; None for one without any table.

    Raises:
        DatabaseError: it has tables, but they are not captiond's.
        sqlite3.Error: it can't be read.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    row = (
        connection.execute("SELECT version_num FROM alembic_version").fetchone()
        if "alembic_version" in tables
        else None
    )
    if row is None or "caption" not in tables:
        raise DatabaseError("it is an SQLite database of another program; set `database.url` to another file")
    return str(row[0])


def is_newer(revision: str) -> bool:
    """True if a later captiond made this revision. Revisions are numbers of four digits."""
    return revision > HEAD


def scripts() -> Path:
    """The folder of the migrations: beside the package when installed, else at the checkout's top.

    Raises:
        DatabaseError: the installation lacks them.
    """
    here = Path(__file__).resolve()
    for folder in (here.parents[1] / "migrations", here.parents[3] / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise DatabaseError("captiond's migrations are missing from its installation: install it again")


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration; it works on the open `connection` where one is given."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def upgrade(connection: Connection) -> None:
    """Bring the schema to `HEAD` within the connection's open transaction; does nothing if it is there.

    Foreign keys must be off on this connection, because SQLite changes a table by building it anew; they are checked
    at the end instead.

    Raises:
        DatabaseError: the migrated rows break a foreign key; the caller rolls back.
    """
    from alembic import command

    command.upgrade(config(connection), "head")
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise DatabaseError(
            f"its rows do not fit together ({len(broken)} broken references, the first in {broken[0][0]})"
        )
