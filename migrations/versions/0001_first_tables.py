"""The first tables, the public view `captions`, and the full-text index with its triggers.

Frozen: it must not import captiond, whose tables move on.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
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
    CONSTRAINT pk_root PRIMARY KEY (id),
    CONSTRAINT ck_root_state CHECK (state IN ('online', 'offline')),
    CONSTRAINT uq_root_path UNIQUE (path)
)
    """,
    """
CREATE TABLE content (
    id INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    kind TEXT NOT NULL,
    mime TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    width INTEGER,
    height INTEGER,
    duration_seconds FLOAT,
    facts JSON DEFAULT '{}' NOT NULL,
    CONSTRAINT pk_content PRIMARY KEY (id),
    CONSTRAINT uq_content_sha256 UNIQUE (sha256)
)
    """,
    """
CREATE TABLE endpoint (
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    paused_until FLOAT,
    in_flight INTEGER DEFAULT '0' NOT NULL,
    updated_at FLOAT NOT NULL,
    CONSTRAINT pk_endpoint PRIMARY KEY (name)
)
    """,
    """
CREATE TABLE caption (
    id INTEGER NOT NULL,
    content_id INTEGER NOT NULL,
    recipe TEXT NOT NULL,
    recipe_digest TEXT NOT NULL,
    text TEXT NOT NULL,
    category TEXT,
    tags JSON DEFAULT '[]' NOT NULL,
    fields JSON DEFAULT '{}' NOT NULL,
    language TEXT,
    source TEXT NOT NULL,
    model TEXT NOT NULL,
    created_at TEXT NOT NULL,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    cost_usd FLOAT,
    superseded_by INTEGER,
    CONSTRAINT pk_caption PRIMARY KEY (id),
    CONSTRAINT fk_caption_content_id FOREIGN KEY(content_id) REFERENCES content (id),
    CONSTRAINT fk_caption_superseded_by FOREIGN KEY(superseded_by) REFERENCES caption (id)
)
    """,
    """
CREATE UNIQUE INDEX uq_caption_answer ON caption (content_id, recipe_digest) WHERE superseded_by IS NULL
    """,
    """
CREATE INDEX ix_caption_content_id ON caption (content_id)
    """,
    """
CREATE INDEX ix_caption_created_at ON caption (created_at)
    """,
    """
CREATE TABLE file (
    id INTEGER NOT NULL,
    root_id INTEGER,
    folder TEXT NOT NULL,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    media INTEGER NOT NULL,
    content_id INTEGER,
    caption_id INTEGER,
    present INTEGER DEFAULT '1' NOT NULL,
    CONSTRAINT pk_file PRIMARY KEY (id),
    CONSTRAINT uq_file_folder_name UNIQUE (folder, name),
    CONSTRAINT fk_file_root_id FOREIGN KEY(root_id) REFERENCES root (id),
    CONSTRAINT fk_file_content_id FOREIGN KEY(content_id) REFERENCES content (id),
    CONSTRAINT fk_file_caption_id FOREIGN KEY(caption_id) REFERENCES caption (id)
)
    """,
    """
CREATE INDEX ix_file_content_id ON file (content_id)
    """,
    """
CREATE INDEX ix_file_moved ON file (inode, size, mtime_ns)
    """,
    """
CREATE INDEX ix_file_caption_id ON file (caption_id)
    """,
    """
CREATE INDEX ix_file_root_id_folder ON file (root_id, folder)
    """,
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
    CONSTRAINT pk_job PRIMARY KEY (id),
    CONSTRAINT ck_job_state CHECK (state IN ('queued', 'running', 'done', 'failed')),
    CONSTRAINT fk_job_file_id FOREIGN KEY(file_id) REFERENCES file (id),
    CONSTRAINT fk_job_root_id FOREIGN KEY(root_id) REFERENCES root (id)
)
    """,
    """
CREATE INDEX ix_job_next ON job (priority DESC, due_at, id, recipe, root_id, file_id, state) WHERE state = 'queued'
    """,
    """
CREATE INDEX ix_job_file_id ON job (file_id, id)
    """,
    """
CREATE INDEX ix_job_request ON job (request) WHERE request IS NOT NULL
    """,
    """
CREATE UNIQUE INDEX uq_job_open ON job (file_id) WHERE state IN ('queued', 'running')
    """,
    """
CREATE INDEX ix_job_state ON job (state) WHERE state = 'running' OR state = 'done' OR state = 'failed'
    """,
    """
CREATE TABLE sidecar (
    file_id INTEGER NOT NULL,
    path TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    written_digest TEXT,
    pending_digest TEXT,
    due_at FLOAT,
    CONSTRAINT pk_sidecar PRIMARY KEY (file_id),
    CONSTRAINT ck_sidecar_state CHECK (state IN ('pending', 'written', 'refused')),
    CONSTRAINT fk_sidecar_file_id FOREIGN KEY(file_id) REFERENCES file (id)
)
    """,
    """
CREATE INDEX ix_sidecar_pending ON sidecar (due_at) WHERE state = 'pending'
    """,
    """
CREATE TABLE call (
    id INTEGER NOT NULL,
    job_id INTEGER,
    content_id INTEGER,
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
    CONSTRAINT fk_call_content_id FOREIGN KEY(content_id) REFERENCES content (id)
)
    """,
    """
CREATE INDEX ix_call_job_id ON call (job_id)
    """,
    """
CREATE INDEX ix_call_started_at ON call (started_at)
    """,
    """
CREATE VIEW captions AS
SELECT
    file.folder || '/' || file.name AS path,
    root.path AS root,
    content.sha256 AS sha256,
    content.kind AS kind,
    content.mime AS mime,
    content.bytes AS bytes,
    content.width AS width,
    content.height AS height,
    content.duration_seconds AS duration_seconds,
    caption.text AS caption,
    caption.category AS category,
    caption.tags AS tags,
    caption.fields AS fields,
    caption.language AS language,
    caption.source AS source,
    caption.recipe AS recipe,
    caption.recipe_digest AS recipe_digest,
    caption.model AS model,
    caption.created_at AS created_at,
    caption.prompt_tokens AS prompt_tokens,
    caption.completion_tokens AS completion_tokens,
    caption.cost_usd AS cost_usd,
    file.present AS present
FROM file
JOIN caption ON caption.id = file.caption_id
JOIN content ON content.id = caption.content_id
LEFT JOIN root ON root.id = file.root_id
    """,
    """
CREATE VIRTUAL TABLE caption_search USING fts5(
    caption, tags, category, name,
    tokenize = "porter unicode61 remove_diacritics 2"
)
    """,
    """
CREATE TRIGGER file_search_update AFTER UPDATE OF caption_id, name ON file
WHEN OLD.caption_id IS NOT NEW.caption_id OR OLD.name IS NOT NEW.name BEGIN
    DELETE FROM caption_search WHERE rowid = OLD.id;
    INSERT INTO caption_search (rowid, caption, tags, category, name)
    SELECT NEW.id, caption.text, caption.tags, caption.category, NEW.name
    FROM caption WHERE caption.id = NEW.caption_id;
END
    """,
    """
CREATE TRIGGER file_search_delete AFTER DELETE ON file BEGIN
    DELETE FROM caption_search WHERE rowid = OLD.id;
END
    """,
)


def upgrade() -> None:
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement.strip())
