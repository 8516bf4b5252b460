"""What was found out of endpoints by using them: abilities, and the sizes they take.

Frozen: it must not import captiond, whose tables move on.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
CREATE TABLE ability (
    base_url TEXT NOT NULL,
    model TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    source TEXT NOT NULL,
    checked_at FLOAT NOT NULL,
    CONSTRAINT pk_ability PRIMARY KEY (base_url, model, name)
)
    """,
    """
CREATE TABLE size_limit (
    base_url TEXT NOT NULL,
    model TEXT NOT NULL,
    settings TEXT NOT NULL,
    picture_bytes INTEGER,
    request_bytes INTEGER,
    edge INTEGER,
    video_bytes INTEGER,
    until FLOAT NOT NULL,
    CONSTRAINT pk_size_limit PRIMARY KEY (base_url, model)
)
    """,
)


def upgrade() -> None:
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement.strip())
