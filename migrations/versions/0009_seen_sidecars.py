"""What a sidecar looked like when it was last looked at: a change of it is seen by its size and mtime.

Frozen: it must not import captiond, whose tables move on.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE sidecar ADD COLUMN size INTEGER")
    op.execute("ALTER TABLE sidecar ADD COLUMN mtime_ns INTEGER")


def downgrade() -> None:
    op.execute("ALTER TABLE sidecar DROP COLUMN mtime_ns")
    op.execute("ALTER TABLE sidecar DROP COLUMN size")
