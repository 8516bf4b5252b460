"""How many calls an endpoint gets at once, for now: it adapts to what the endpoint bears.

Frozen: it must not import captiond, whose tables move on.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE endpoint ADD COLUMN concurrency INTEGER")


def downgrade() -> None:
    op.execute("ALTER TABLE endpoint DROP COLUMN concurrency")
