"""A database of every schema that there ever was, with a row in each of its tables, comes up to the present whole."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from captiond import captions
from captiond.store import migrate
from captiond.store import tables as t
from captiond.store.engine import Database

REVISIONS = sorted(script.revision for script in ScriptDirectory.from_config(migrate.config()).walk_revisions())
VALUES: dict[str, Any] = {
    "root.state": "online",
    "job.state": "done",
    "sidecar.state": "written",
    "caption.superseded_by": None,
    "caption.tags": '["harbour"]',
    "caption.created_at": "2026-11-22T10:35:00Z",
    "content.kind": "image",
    "call.started_at": 1795343700.0,
}
"""What a column must have to be a row that captiond could have written; others get a value of their type."""


def of_type(name: str, kind: str) -> Any:
    """A value for a column, as its table declares it. Every key is 1, and so is every reference."""
    if name in VALUES:
        return VALUES[name]
    return {"INTEGER": 1, "FLOAT": 1.5, "JSON": "{}"}.get(kind, name)


def made_at(path: Path, revision: str) -> dict[str, dict[str, Any]]:
    """A database of this schema with one row in each table; the rows by table."""
    from alembic import command

    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as conn:
        command.upgrade(migrate.config(conn), revision)
    engine.dispose()
    rows: dict[str, dict[str, Any]] = {}
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table in (table.name for table in t.metadata.sorted_tables if table.name in there):
            columns = [(row[1], row[2].split("(")[0]) for row in connection.execute(f"PRAGMA table_info({table})")]
            rows[table] = {column: of_type(f"{table}.{column}", kind) for column, kind in columns}
            names, marks = ", ".join(rows[table]), ", ".join("?" * len(columns))
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", [*rows[table].values()])
        # The index of the search follows a file when it gets its caption.
        for caption_id in (None, 1):
            connection.execute("UPDATE file SET caption_id = ?", (caption_id,))
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    return rows


def kept(path: Path, table: str, row: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a table that have what `row` has, in the columns that there still are."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        found = [dict(one) for one in connection.execute(f"SELECT * FROM {table}")]
    return [one for one in found if all(one[name] == value for name, value in row.items() if name in one)]


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_row_of_each_schema_is_there_after_the_upgrade(tmp_path: Path, revision: str) -> None:
    path = tmp_path / "x.db"
    before = made_at(path, revision)
    with Database.open(f"sqlite:///{path}", migrate=True) as db:
        assert db.check() == []
    assert {table for table, row in before.items() if len(kept(path, table, row)) != 1} == set()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert (tmp_path / f"x.db.before-{migrate.HEAD}").exists() == (revision != migrate.HEAD)


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_caption_of_each_schema_is_found_shown_and_attached_after_the_upgrade(tmp_path: Path, revision: str) -> None:
    path = tmp_path / "x.db"
    row = made_at(path, revision)
    with Database.open(f"sqlite:///{path}", migrate=True) as db:
        with db.read() as conn:
            found = conn.exec_driver_sql("SELECT path, caption FROM captions").all()
            hits = (
                conn.exec_driver_sql("SELECT rowid FROM caption_search WHERE caption_search MATCH 'harbour'")
                .scalars()
                .all()
            )
            document = captions.document(conn, 1)
        with db.write() as conn:
            captions.attach(conn, file_id=1, content_id=1, caption_id=1)
    assert [tuple(one) for one in found] == [("file.folder/file.name", row["caption"]["text"])]
    assert hits == [1]
    assert document is not None
    assert (document["sha256"], document["tags"]) == (row["content"]["sha256"], ["harbour"])
