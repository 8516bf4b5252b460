"""A job may end as unsupported, with the versions that said so; a job of a URL knows how that is fetched and sent.

Frozen: it must not import captiond, whose tables move on. SQLite changes a CHECK only by building the table anew.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = (
    "id, file_id, root_id, recipe, state, priority, request, created_at, due_at, attempts, run_id, started_at, "
    "finished_at, reason, detail, again"
)

STATEMENTS = (
    "CREATE TABLE job_before AS SELECT * FROM job",
    "DROP TABLE job",
    """
CREATE TABLE job (
    id INTEGER NOT NULL,
    file_id INTEGER NOT NULL,
    root_id INTEGER,
    recipe TEXT NOT NULL,
    state TEXT NOT NULL,
    priority INTEGER NOT NULL,
    request TEXT,
    created_at FLOAT NOT NULL,
    due_at FLOAT NOT NULL,
    attempts INTEGER DEFAULT '0' NOT NULL,
    run_id TEXT,
    started_at FLOAT,
    finished_at FLOAT,
    reason TEXT,
    detail TEXT,
    again INTEGER DEFAULT '0' NOT NULL,
    inline INTEGER DEFAULT '0' NOT NULL,
    login TEXT,
    unsupported_by TEXT,
    CONSTRAINT pk_job PRIMARY KEY (id),
    CONSTRAINT ck_job_state CHECK (state IN ('queued', 'running', 'done', 'failed', 'unsupported')),
    CONSTRAINT fk_job_file_id FOREIGN KEY(file_id) REFERENCES file (id),
    CONSTRAINT fk_job_root_id FOREIGN KEY(root_id) REFERENCES root (id)
)
    """,
    f"INSERT INTO job ({COLUMNS}) SELECT {COLUMNS} FROM job_before",
    "DROP TABLE job_before",
    # Nobody wrote down who said so: it is looked at once more by the version that comes with this table.
    "UPDATE job SET state = 'unsupported' WHERE state = 'failed' AND reason = 'unsupported'",
    """
CREATE INDEX ix_job_next ON job (priority DESC, due_at, id, recipe, root_id, file_id, state) WHERE state = 'queued'
    """,
    "CREATE INDEX ix_job_file_id ON job (file_id, id)",
    "CREATE INDEX ix_job_request ON job (request) WHERE request IS NOT NULL",
    "CREATE UNIQUE INDEX uq_job_open ON job (file_id) WHERE state IN ('queued', 'running')",
    """
CREATE INDEX ix_job_state ON job (state)
WHERE state = 'running' OR state = 'done' OR state = 'failed' OR state = 'unsupported'
    """,
)


def upgrade() -> None:
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement.strip())
