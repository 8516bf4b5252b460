"""A URL with a password is fetched by the command that asks for it: no password is kept here any more.

Frozen: it must not import captiond, whose tables move on.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS = (
    "PRAGMA secure_delete = ON",  # what is taken out is overwritten, not only marked as free
    "UPDATE job SET login = NULL WHERE login IS NOT NULL",
    "ALTER TABLE job RENAME COLUMN login TO download",
)


def upgrade() -> None:
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement)
