"""The migrations build exactly what tables.py says, and an upgrade is whole or nothing, with a backup first."""

from __future__ import annotations

import os
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from captiond.days import day_of
from captiond.errors import DatabaseError
from captiond.store import migrate, spending, views
from captiond.store import tables as t
from captiond.store.engine import Database
from processes import descriptors
from waiting import until

HEAD = migrate.HEAD
LATER = f"{int(HEAD) + 1:04}"
NEXT = """
from alembic import op
revision = "{next}"
down_revision = "{head}"
def upgrade():
    op.execute("CREATE TABLE later (id INTEGER)")
    op.execute("INSERT INTO endpoint (name, state, updated_at) VALUES ('from the migration', 'healthy', 1)")
    {more}
"""


def schema(connection: sqlite3.Connection) -> dict[str, str]:
    """Every table, index, view and trigger by its name, without Alembic's own and without white space."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'alembic_version'")
    return {name: re.sub(r"\s*([(),])\s*", r"\1", re.sub(r"\s+", " ", sql)).strip() for name, sql in rows}


def scripts_with(tmp_path: Path, more: str) -> Path:
    """A copy of the migrations with a further one."""
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    versions = (f"versions/{path.name}" for path in (migrate.scripts() / "versions").glob("*.py"))
    for name in ("env.py", "script.py.mako", *versions):
        (folder / name).write_text((migrate.scripts() / name).read_text())
    (folder / "versions" / f"{LATER}_later.py").write_text(NEXT.format(next=LATER, head=HEAD, more=more))
    return folder


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database of the present schema with a row in it; older than the one that the tests add."""
    path = tmp_path / "x.db"
    with Database.open(f"sqlite:///{path}") as db, db.write() as conn:
        conn.exec_driver_sql("INSERT INTO endpoint (name, state, updated_at) VALUES ('kept', 'healthy', 1)")
    return path


def names(path: Path) -> set[str]:
    """The endpoints' names."""
    with sqlite3.connect(path) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM endpoint")}


def test_the_migrated_schema_is_the_schema_of_the_tables(tmp_path: Path) -> None:
    Database.open(f"sqlite:///{tmp_path / 'migrated.db'}").close()
    made = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    with made.begin() as conn:
        t.metadata.create_all(conn)
        of_captions = (views.VIEW_CAPTIONS, views.SEARCH_TABLE, *views.SEARCH_TRIGGERS)
        for statement in (*of_captions, views.SPENDING_TRIGGER, views.GONE_TRIGGER):
            conn.exec_driver_sql(statement.strip())
    made.dispose()
    with sqlite3.connect(tmp_path / "migrated.db") as one, sqlite3.connect(tmp_path / "made.db") as other:
        assert schema(one) == schema(other)


def test_alembic_sees_no_difference_to_the_tables(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata

    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as db, db.read() as conn:
        differences = compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), t.metadata)
    of_index = [d for d in differences if d[0] == "remove_table" and d[1].name.startswith("caption_search")]
    assert differences == of_index


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(migrate.config()).get_current_head() == migrate.HEAD


def test_migrations_do_not_import_captiond() -> None:
    for script in (migrate.scripts() / "versions").glob("*.py"):
        assert not re.search(r"^\s*(from|import) captiond", script.read_text(), re.MULTILINE), script


def test_the_view_has_the_public_columns_in_their_order(tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as db, db.read() as conn:
        columns = conn.exec_driver_sql("SELECT * FROM captions").keys()
    promised = (
        "path, root, sha256, kind, mime, bytes, width, height, duration_seconds, caption, category, tags, fields, language, "
        "source, recipe, recipe_digest, model, created_at, prompt_tokens, completion_tokens, cost_usd, present"
    )
    assert ", ".join(columns) == promised


def test_an_older_schema_is_refused_with_the_command_that_upgrades(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "HEAD", LATER)
    with pytest.raises(DatabaseError, match=rf"older schema \({HEAD}, now {LATER}\).*captiond db upgrade"):
        Database.open(f"sqlite:///{old}")


def test_an_upgrade_keeps_the_rows_and_leaves_a_backup_of_the_old_state(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = scripts_with(tmp_path, "pass")
    monkeypatch.setattr(migrate, "HEAD", LATER)
    monkeypatch.setattr(migrate, "scripts", lambda: folder)
    Database.open(f"sqlite:///{old}", migrate=True).close()
    assert names(old) == {"kept", "from the migration"}
    assert names(tmp_path / f"x.db.before-{LATER}") == {"kept"}
    with sqlite3.connect(old) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(LATER,)]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("raise RuntimeError('a bug in the migration')", "a bug in the migration"),
        (
            """op.execute("INSERT INTO caption (id, content_id, recipe, recipe_digest, text, source, model, created_at) "
               "VALUES (1, 99, '', '', '', '', '', '')")""",
            "do not fit together",
        ),
    ],
)
def test_a_failing_upgrade_changes_nothing(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, message: str
) -> None:
    folder = scripts_with(tmp_path, more)
    monkeypatch.setattr(migrate, "HEAD", LATER)
    monkeypatch.setattr(migrate, "scripts", lambda: folder)
    with sqlite3.connect(old) as connection:
        before = schema(connection)
    with pytest.raises((DatabaseError, RuntimeError), match=message):
        Database.open(f"sqlite:///{old}", migrate=True)
    with sqlite3.connect(old) as connection:
        assert schema(connection) == before
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    assert names(old) == {"kept"}


def test_of_two_that_upgrade_at_once_the_first_does_and_its_backup_stays(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = scripts_with(tmp_path, "pass")
    monkeypatch.setattr(migrate, "HEAD", LATER)
    monkeypatch.setattr(migrate, "scripts", lambda: folder)
    other = sqlite3.connect(old, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor() as pool:
        opened = [pool.submit(Database.open, f"sqlite:///{old}", migrate=True) for _ in range(2)]
        # Each has seen the old schema, and waits for its turn to write.
        until(lambda: sum(path == str(old) for path in descriptors(os.getpid())) == 3)
        other.close()
        for one in opened:
            one.result().close()
    assert names(tmp_path / f"x.db.before-{LATER}") == {"kept"}
    assert names(old) == {"kept", "from the migration"}


def test_a_new_database_gets_no_backup(tmp_path: Path) -> None:
    Database.open(f"sqlite:///{tmp_path / 'x.db'}", migrate=True).close()
    assert [path.name for path in tmp_path.iterdir()] == ["x.db"]


def test_a_newer_schema_is_refused(old: Path) -> None:
    with sqlite3.connect(old) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseError, match="made by a newer captiond"):
        Database.open(f"sqlite:///{old}", migrate=True)


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")
    before = path.read_bytes()
    with pytest.raises(DatabaseError, match="another program"):
        Database.open(f"sqlite:///{path}", migrate=True)
    assert path.read_bytes() == before


def test_opening_a_present_database_does_not_import_alembic(old: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from captiond.store.engine import Database;"
        f"Database.open('sqlite:///{old}').close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def first_schema(path: Path) -> None:
    """A database as the first version made it, with jobs of every state in it."""
    from alembic import command

    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as conn:
        command.upgrade(migrate.config(conn), "0001")
        for number, (state, reason) in enumerate([("done", None), ("failed", "corrupt"), ("failed", "unsupported")], 1):
            conn.exec_driver_sql(
                "INSERT INTO file (id, folder, name, size, mtime_ns, ctime_ns, inode, media) VALUES (?, '/a', ?, 1, 1, 1, 1, 1)",
                (number, str(number)),
            )
            conn.exec_driver_sql(
                "INSERT INTO job (id, file_id, recipe, state, priority, created_at, due_at, reason) "
                "VALUES (?, ?, 'default', ?, 0, 1, 2, ?)",
                (number * 10, number, state, reason),
            )
        for cost in (None, 0.25):
            conn.exec_driver_sql(
                "INSERT INTO call (job_id, endpoint, model, started_at, seconds, outcome, prompt_tokens, cost_usd) "
                "VALUES (20, 'e', 'm', 1795343700, 1, 'x', 7, ?)",
                (cost,),
            )
    engine.dispose()


def test_jobs_of_the_first_schema_are_kept_and_the_unsupported_ones_have_their_state(tmp_path: Path) -> None:
    path = tmp_path / "first.db"
    first_schema(path)
    with Database.open(f"sqlite:///{path}", migrate=True) as db, db.read() as conn:
        rows = conn.exec_driver_sql("SELECT id, file_id, state, reason, due_at, inline, unsupported_by FROM job").all()
        calls = conn.exec_driver_sql("SELECT job_id FROM call").scalars().all()
    assert [tuple(row) for row in rows] == [
        (10, 1, "done", None, 2.0, 0, None),
        (20, 2, "failed", "corrupt", 2.0, 0, None),
        (30, 3, "unsupported", "unsupported", 2.0, 0, None),
    ]
    assert calls == [20, 20]
    with sqlite3.connect(path) as connection, pytest.raises(sqlite3.IntegrityError, match="ck_job_state"):
        connection.execute("UPDATE job SET state = 'nonsense'")


def test_queued_jobs_of_files_that_were_gone_before_are_told_from_the_others(tmp_path: Path) -> None:
    from alembic import command

    path = tmp_path / "tenth.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as conn:
        command.upgrade(migrate.config(conn), "0010")
        for number, (present, state) in enumerate([(1, "queued"), (0, "queued"), (0, "running"), (0, "done")], 1):
            conn.exec_driver_sql(
                "INSERT INTO file (id, folder, name, size, mtime_ns, ctime_ns, inode, media, present) "
                "VALUES (?, '/a', ?, 1, 1, 1, 1, 1, ?)",
                (number, str(number), present),
            )
            conn.exec_driver_sql(
                "INSERT INTO job (file_id, recipe, state, priority, created_at, due_at) VALUES (?, 'default', ?, 0, 1, 2)",
                (number, state),
            )
    engine.dispose()
    with Database.open(f"sqlite:///{path}", migrate=True) as db:
        with db.read() as conn:
            gone = conn.exec_driver_sql("SELECT file_id FROM job WHERE gone = 1 ORDER BY 1").scalars().all()
        with db.write() as conn:
            conn.exec_driver_sql("UPDATE file SET present = 1 WHERE id = 2")
            assert conn.exec_driver_sql("SELECT gone FROM job WHERE file_id = 2").scalar_one() == 0
    assert gone == [2, 3]


def test_calls_that_were_made_before_are_added_up_and_get_their_jobs_recipe(tmp_path: Path) -> None:
    path = tmp_path / "first.db"
    first_schema(path)
    with Database.open(f"sqlite:///{path}", migrate=True) as db, db.read() as conn:
        recipes = conn.exec_driver_sql("SELECT recipe, root_id FROM call").all()
        spent = spending.since(conn, "1970-01-01")
    assert [tuple(row) for row in recipes] == [("default", None)] * 2
    assert spent == [spending.Spent(day_of(1795343700), "e", "default", None, 2, 1, 14, 0, 0.25)]
