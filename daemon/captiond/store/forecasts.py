"""What the database knows that tells of a cost to come: contents by their size, and what past answers took."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from captiond.store import tables as t
from captiond.values import Kind, Source

LATEST = 200
"""The answers that a mean is taken of."""
_WITHIN = 20_000
"""The latest captions among which they are looked for: a recipe that was not used for so long has others now."""


@dataclass(frozen=True, slots=True)
class Past:
    """What answers took: how many they are, their mean tokens, and their mean cost where it is known."""

    answers: int
    prompt_tokens: float
    completion_tokens: float
    cost_usd: float | None


_CONTENTS = select(t.content.c.id, t.content.c.sha256, t.content.c.kind).where(
    t.content.c.id.in_(bindparam("ids", expanding=True))
)


def contents(conn: Connection, ids: Collection[int]) -> dict[int, tuple[str, Kind]]:
    """SHA-256 and kind of these contents, at most some thousand."""
    return {row[0]: (row[1], Kind(row[2])) for row in conn.execute(_CONTENTS, {"ids": list(ids)})}


def sizes(conn: Connection, among: Collection[int]) -> set[int]:
    """Which of these sizes, in bytes, a known content has: a file of another size is none of them."""
    rows = conn.execution_options(yield_per=10_000).execute(select(t.content.c.bytes).distinct())
    return {size for size in rows.scalars() if size in among}


_LATEST = (
    select(t.caption.c.prompt_tokens, t.caption.c.completion_tokens, t.caption.c.cost_usd)
    .join(t.content, t.content.c.id == t.caption.c.content_id)
    .where(
        t.caption.c.id > select(func.max(t.caption.c.id) - _WITHIN).scalar_subquery(),
        t.caption.c.recipe_digest == bindparam("digest"),
        t.caption.c.source == Source.MODEL.value,
        t.caption.c.prompt_tokens.is_not(None),
        t.caption.c.completion_tokens.is_not(None),
        t.content.c.kind == bindparam("kind"),
    )
    .order_by(t.caption.c.id.desc())
    .limit(LATEST)
    .subquery()
)
_MEANS = select(
    func.count(), func.avg(_LATEST.c.prompt_tokens), func.avg(_LATEST.c.completion_tokens), func.avg(_LATEST.c.cost_usd)
)


def past(conn: Connection, digest: str, kind: Kind) -> Past:
    """What the latest answers to this very question took, for files of this kind."""
    row = conn.execute(_MEANS, {"digest": digest, "kind": kind.value}).one()
    return Past(row[0], row[1] or 0.0, row[2] or 0.0, row[3])
