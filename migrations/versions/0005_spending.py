"""A call knows its recipe and root, and the calls of each day are added up as they come.

Frozen: it must not import captiond, whose tables move on. SQLite adds a reference only by building the table anew.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = (
    "id, job_id, content_id, endpoint, model, started_at, seconds, outcome, http_status, prompt_tokens, "
    "completion_tokens, cost_usd, bytes_sent, finish_reason, rejected"
)

STATEMENTS = (
    "CREATE TABLE call_before AS SELECT * FROM call",
    "DROP TABLE call",
    """
CREATE TABLE call (
    id INTEGER NOT NULL,
    job_id INTEGER,
    content_id INTEGER,
    recipe TEXT,
    root_id INTEGER,
    endpoint TEXT NOT NULL,
    model TEXT NOT NULL,
    started_at FLOAT NOT NULL,
    seconds FLOAT NOT NULL,
    outcome TEXT NOT NULL,
    http_status INTEGER,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    cost_usd FLOAT,
    bytes_sent INTEGER DEFAULT '0' NOT NULL,
    finish_reason TEXT,
    rejected TEXT,
    CONSTRAINT pk_call PRIMARY KEY (id),
    CONSTRAINT fk_call_job_id FOREIGN KEY(job_id) REFERENCES job (id) ON DELETE SET NULL,
    CONSTRAINT fk_call_content_id FOREIGN KEY(content_id) REFERENCES content (id),
    CONSTRAINT fk_call_root_id FOREIGN KEY(root_id) REFERENCES root (id)
)
    """,
    f"INSERT INTO call ({COLUMNS}) SELECT {COLUMNS} FROM call_before",
    "DROP TABLE call_before",
    """
UPDATE call SET recipe = job.recipe, root_id = job.root_id FROM job WHERE job.id = call.job_id
    """,
    "CREATE INDEX ix_call_job_id ON call (job_id)",
    "CREATE INDEX ix_call_started_at ON call (started_at)",
    """
CREATE TABLE spending (
    day TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    recipe TEXT NOT NULL,
    root_id INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost_usd FLOAT NOT NULL,
    CONSTRAINT pk_spending PRIMARY KEY (day, endpoint, recipe, root_id)
)
    """,
    """
INSERT INTO spending
SELECT
    strftime('%Y-%m-%d', started_at, 'unixepoch', 'localtime'), endpoint, coalesce(recipe, ''), coalesce(root_id, 0),
    count(*), sum(cost_usd IS NULL), coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0),
    coalesce(sum(cost_usd), 0)
FROM call GROUP BY 1, 2, 3, 4
    """,
    """
CREATE TRIGGER call_spending AFTER INSERT ON call BEGIN
    INSERT INTO spending
        (day, endpoint, recipe, root_id, calls, unpriced, prompt_tokens, completion_tokens, cost_usd)
    VALUES (
        strftime('%Y-%m-%d', NEW.started_at, 'unixepoch', 'localtime'), NEW.endpoint, coalesce(NEW.recipe, ''),
        coalesce(NEW.root_id, 0), 1, NEW.cost_usd IS NULL, coalesce(NEW.prompt_tokens, 0),
        coalesce(NEW.completion_tokens, 0), coalesce(NEW.cost_usd, 0)
    )
    ON CONFLICT (day, endpoint, recipe, root_id) DO UPDATE SET
        calls = calls + 1,
        unpriced = unpriced + excluded.unpriced,
        prompt_tokens = prompt_tokens + excluded.prompt_tokens,
        completion_tokens = completion_tokens + excluded.completion_tokens,
        cost_usd = cost_usd + excluded.cost_usd;
END
    """,
)


def upgrade() -> None:
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement.strip())
