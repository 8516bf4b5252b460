"""Captions: kept for ever, one of them current for each content and recipe, shared by all files of that content.

A caption is never edited. A new answer for the same content under the same recipe name supersedes the old one, which
stays as history, and files that showed the old one show the new one. Going back to an older recipe costs nothing: its
caption is found by its digest and becomes current again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from captiond.store import sidecars
from captiond.store import tables as t
from captiond.store.clean import cleaned, cleaned_json
from captiond.values import Answer, JobState, MediaFacts, Opened, Reply, Source

SCHEMA = "captiond/1"
"""The version of the sidecar's format."""

_caption = t.caption

# --- contents -------------------------------------------------------------------------------------------------------

_FIND_CONTENT = select(t.content.c.id, t.content.c.width).where(t.content.c.sha256 == bindparam("the_sha256"))
_new_content = insert(t.content)
_FROM_FACTS = ("kind", "mime", "width", "height", "duration_seconds", "facts")
_PUT_CONTENT = _new_content.on_conflict_do_update(
    index_elements=[t.content.c.sha256], set_={name: _new_content.excluded[name] for name in _FROM_FACTS}
).returning(t.content.c.id)


def content_id(conn: Connection, opened: Opened, facts: MediaFacts | None) -> int:
    """The content of these bytes, made known if it is not; `facts`, when they are known, fill in its dimensions."""
    found = conn.execute(_FIND_CONTENT, {"the_sha256": opened.sha256}).one_or_none()
    if found is not None and (facts is None or found.width is not None):
        return int(found.id)
    row = {
        "sha256": opened.sha256,
        "kind": (facts or opened).kind.value,
        "mime": (facts or opened).mime,
        "bytes": opened.bytes,
        "width": (facts.width or None) if facts else None,
        "height": (facts.height or None) if facts else None,
        "duration_seconds": facts.duration_seconds if facts else None,
        "facts": _rest(facts),
    }
    return int(conn.execute(_PUT_CONTENT, row).scalar_one())


def _rest(facts: MediaFacts | None) -> dict[str, Any]:
    """What of the facts has no column of its own, as far as it is known."""
    if facts is None:
        return {}
    names = ("format", "taken_at", "camera", "latitude", "longitude", "video_codec", "pages", "readable_seconds")
    rest = {name: getattr(facts, name) for name in names if getattr(facts, name) is not None}
    rest |= {name: True for name in ("animated", "damaged") if getattr(facts, name)}
    return dict(cleaned_json(rest))


# --- looking up -----------------------------------------------------------------------------------------------------

_current = _caption.c.superseded_by.is_(None)
_same_digest = _caption.c.recipe_digest == bindparam("the_digest")
_of_bytes = (
    select(_caption.c.id)
    .join(t.content, t.content.c.id == _caption.c.content_id)
    .where(t.content.c.sha256 == bindparam("the_sha256"))
)
_KNOWN_EXACT = _of_bytes.where(_same_digest).order_by(_current.desc(), _caption.c.id.desc()).limit(1)
_of_recipe = and_(_current, _caption.c.recipe == bindparam("the_recipe"), _caption.c.source == Source.MODEL.value)
_KNOWN = (
    _of_bytes.where(or_(_same_digest, _of_recipe))
    .order_by(case((and_(_current, _same_digest), 0), (_of_recipe, 1), else_=2), _caption.c.id.desc())
    .limit(1)
)


def known(conn: Connection, *, sha256: str, recipe: str, digest: str, exact: bool) -> int | None:
    """The caption that these bytes may have without a call, or None.

    Args:
        sha256: of the bytes.
        recipe: the recipe's name.
        digest: the recipe's digest, as it is today.
        exact: only an answer to this very digest will do, superseded or not: `attach` makes it current again. Else a
            model's current caption under the same recipe name will do too, asked before the recipe was changed. A
            caption of the built-in describer counts only by its digest, so that a model can take it over.
    """
    which = {"the_sha256": sha256, "the_digest": digest}
    found = conn.execute(_KNOWN_EXACT, which) if exact else conn.execute(_KNOWN, {**which, "the_recipe": recipe})
    caption_id: int | None = found.scalar_one_or_none()
    return caption_id


# --- saving ---------------------------------------------------------------------------------------------------------

_RIVALS = select(_caption.c.id).where(
    _caption.c.content_id == bindparam("the_content"),
    _current,
    or_(_caption.c.recipe == bindparam("the_recipe"), _same_digest),
)
_NEW_CAPTION = insert(_caption).returning(_caption.c.id)
_SUPERSEDE = (
    update(_caption)
    .where(_caption.c.id.in_(bindparam("old", expanding=True)))
    .values(superseded_by=bindparam("the_newer"))
)
_REVIVE = update(_caption).where(_caption.c.id == bindparam("the_caption")).values(superseded_by=None)
_SHOWING = select(t.file.c.id).where(t.file.c.caption_id.in_(bindparam("old", expanding=True)))
_SHOW = (
    update(t.file).where(t.file.c.id.in_(bindparam("ids", expanding=True))).values(caption_id=bindparam("the_newer"))
)


def save(
    conn: Connection, *, content_id: int, recipe: str, digest: str, reply: Reply, answer: Answer, now: float
) -> int:
    """Keep an answer as the current caption of this content under this recipe; returns its id.

    It supersedes the earlier ones. Files that show one of these show the new one, and their sidecars become due.
    """
    rivals = _rivals(conn, content_id, recipe, digest)
    if rivals:
        # Out of the way of the index on current answers; the pointer to the new one follows, when it has an id.
        conn.execute(_SUPERSEDE, {"old": rivals, "the_newer": rivals[0]})
    row = {
        "content_id": content_id,
        "recipe": recipe,
        "recipe_digest": digest,
        "text": cleaned(reply.caption),
        "category": cleaned(reply.category),
        "tags": cleaned_json(list(reply.tags)),
        "fields": cleaned_json(dict(reply.fields)),
        "language": cleaned(reply.language),
        "source": answer.source.value,
        "model": cleaned(answer.model),
        "created_at": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "prompt_tokens": answer.usage.prompt_tokens,
        "completion_tokens": answer.usage.completion_tokens,
        "cost_usd": answer.usage.cost_usd,
    }
    caption_id = int(conn.execute(_NEW_CAPTION, row).scalar_one())
    _replace(conn, rivals, caption_id, now)
    return caption_id


def _rivals(conn: Connection, content_id: int, recipe: str, digest: str) -> list[int]:
    which = {"the_content": content_id, "the_recipe": recipe, "the_digest": digest}
    return list(conn.execute(_RIVALS, which).scalars())


def _replace(conn: Connection, old: Sequence[int], caption_id: int, now: float) -> None:
    """Let the old captions point to the one that took their place, and the files that show them show it."""
    if not old:
        return
    conn.execute(_SUPERSEDE, {"old": old, "the_newer": caption_id})
    files = conn.execute(_SHOWING, {"old": old}).scalars().all()
    if files:
        conn.execute(_SHOW, {"ids": files, "the_newer": caption_id})
        sidecars.make_due(conn, files, now)


_GET = select(_caption).where(_caption.c.id == bindparam("the_caption"))
_ATTACH = (
    update(t.file)
    .where(t.file.c.id == bindparam("the_file"))
    .values(content_id=bindparam("the_content"), caption_id=bindparam("the_newer"))
)


def attach(conn: Connection, *, file_id: int, content_id: int, caption_id: int | None) -> None:
    """The file has this content and shows this caption, or none. A superseded caption becomes the current one again.

    The full-text index follows by its trigger.
    """
    if caption_id is not None:
        caption = conn.execute(_GET, {"the_caption": caption_id}).one()
        if caption.superseded_by is not None:
            rivals = _rivals(conn, caption.content_id, caption.recipe, caption.recipe_digest)
            if rivals:
                conn.execute(_SUPERSEDE, {"old": rivals, "the_newer": caption_id})
            conn.execute(_REVIVE, {"the_caption": caption_id})
            _replace(conn, rivals, caption_id, datetime.now(UTC).timestamp())
    conn.execute(_ATTACH, {"the_file": file_id, "the_content": content_id, "the_newer": caption_id})


# --- reading --------------------------------------------------------------------------------------------------------


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
        "schema": SCHEMA,
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
