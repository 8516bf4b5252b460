"""Jobs whose file is gone stand apart in the queue's index: a claim need not pass over them one by one.

Frozen: it must not import captiond, whose tables move on.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE job ADD COLUMN gone INTEGER DEFAULT '0' NOT NULL",
    """
UPDATE job SET gone = 1 WHERE state IN ('queued', 'running')
    AND EXISTS (SELECT 1 FROM file WHERE file.id = job.file_id AND file.present = 0)
    """,
    "DROP INDEX ix_job_next",
    "CREATE INDEX ix_job_next ON job (gone, priority DESC, due_at, id, recipe, root_id, state) WHERE state = 'queued'",
    """
CREATE TRIGGER file_gone AFTER UPDATE OF present ON file WHEN OLD.present IS NOT NEW.present BEGIN
    UPDATE job SET gone = NOT NEW.present WHERE file_id = NEW.id AND state IN ('queued', 'running');
END
    """,
)


def upgrade() -> None:
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement.strip())
