"""A root knows since when its first backlog may be asked; those that were compared before may.

Frozen: it must not import captiond, whose tables move on. A column that stands before the constraints needs a new table.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

COLUMNS = "id, path, recipe, mode, watched, state, reason, mount_point, fstype, scanned_at, scan_seconds"

STATEMENTS = (
    "CREATE TABLE root_before AS SELECT * FROM root",
    "DROP TABLE root",
    """
CREATE TABLE root (
    id INTEGER NOT NULL,
    path TEXT NOT NULL,
    recipe TEXT NOT NULL,
    mode TEXT NOT NULL,
    watched INTEGER DEFAULT '1' NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    mount_point TEXT,
    fstype TEXT,
    scanned_at FLOAT,
    scan_seconds FLOAT,
    go_at FLOAT,
    CONSTRAINT pk_root PRIMARY KEY (id),
    CONSTRAINT ck_root_state CHECK (state IN ('online', 'offline')),
    CONSTRAINT uq_root_path UNIQUE (path)
)
    """,
    f"INSERT INTO root ({COLUMNS}, go_at) SELECT {COLUMNS}, scanned_at FROM root_before",
    "DROP TABLE root_before",
)


def upgrade() -> None:
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement.strip())
