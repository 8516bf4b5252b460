"""Live photos: which clip belongs to which still.

Frozen: it must not import captiond, whose tables move on.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
CREATE TABLE live_photo (
    clip_id INTEGER NOT NULL,
    still_id INTEGER NOT NULL,
    CONSTRAINT pk_live_photo PRIMARY KEY (clip_id),
    CONSTRAINT fk_live_photo_clip_id FOREIGN KEY(clip_id) REFERENCES file (id),
    CONSTRAINT fk_live_photo_still_id FOREIGN KEY(still_id) REFERENCES file (id)
)
    """,
    """
CREATE INDEX ix_live_photo_still_id ON live_photo (still_id)
    """,
)


def upgrade() -> None:
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement.strip())
