"""What is told of a file's caption."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, select

from captiond.store import tables as t
from captiond.values import SIDECAR_SCHEMA, JobState, Source

_caption = t.caption

_DOCUMENT = (
    select(
        t.file.c.name,
        t.content.c.sha256,
        t.content.c.kind,
        t.content.c.mime,
        t.content.c.bytes,
        t.content.c.width,
        t.content.c.height,
        t.content.c.duration_seconds,
        _caption,
    )
    .select_from(t.file)
    .join(_caption, _caption.c.id == t.file.c.caption_id)
    .join(t.content, t.content.c.id == _caption.c.content_id)
    .where(t.file.c.id == bindparam("the_file"))
)


def document(conn: Connection, file_id: int) -> dict[str, Any] | None:
    """What the file's sidecar says, its keys in the order of the format; None if the file has no caption."""
    row = conn.execute(_DOCUMENT, {"the_file": file_id}).one_or_none()
    if row is None:
        return None
    duration = row.duration_seconds
    return {
        "schema": SIDECAR_SCHEMA,
        "file": row.name,
        "sha256": row.sha256,
        "kind": row.kind,
        "caption": row.text,
        "category": row.category,
        "tags": row.tags,
        "fields": row.fields,
        "language": row.language,
        "source": row.source,
        "recipe": row.recipe,
        "recipe_digest": row.recipe_digest,
        "model": row.model,
        "created_at": row.created_at,
        "media": {
            "mime": row.mime,
            "bytes": row.bytes,
            "width": row.width,
            "height": row.height,
            "duration_seconds": None if duration is None else round(duration, 3),
        },
        "usage": {
            "prompt_tokens": row.prompt_tokens,
            "completion_tokens": row.completion_tokens,
            "cost_usd": row.cost_usd,
        },
    }


_newer = t.job.alias("newer")
_idle = ~(
    select(t.job.c.id)
    .where(
        t.job.c.file_id == t.file.c.id,
        t.job.c.state != JobState.DONE.value,
        ~select(_newer.c.id).where(_newer.c.file_id == t.job.c.file_id, _newer.c.id > t.job.c.id).exists(),
    )
    .correlate(t.file)
    .exists()
)
_BUILTIN = (
    select(t.file.c.id)
    .join(_caption, _caption.c.id == t.file.c.caption_id)
    .where(
        t.file.c.root_id == bindparam("the_root"),
        t.file.c.present == 1,
        _caption.c.source == Source.BUILTIN.value,
        _idle,
    )
    .order_by(t.file.c.id)
)


def builtin_files(conn: Connection, root_id: int) -> list[int]:
    """The files of a root that are there and whose caption is the built-in describer's.

    A model may take them over. Left out are those that are being worked on, or whose last job failed: asking again at
    every start would not end.
    """
    return list(conn.execute(_BUILTIN, {"the_root": root_id}).scalars())
