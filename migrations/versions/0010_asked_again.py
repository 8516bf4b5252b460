"""A person may ask again for what has an answer: the job knows which captions are no answer to it.

Frozen: it must not import captiond, whose tables move on.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE job ADD COLUMN after_caption INTEGER DEFAULT '0' NOT NULL")


def downgrade() -> None:
    op.execute("ALTER TABLE job DROP COLUMN after_caption")
