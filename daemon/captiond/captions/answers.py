"""Answers: looked up, saved as the current caption of a content, and shown by files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from captiond.store import sidecars
from captiond.store import tables as t
from captiond.store.clean import cleaned, cleaned_json
from captiond.values import Answer, Ours, Reply, Source, Told, Usage

_caption = t.caption

# --- looking up -----------------------------------------------------------------------------------------------------

_current = _caption.c.superseded_by.is_(None)
_same_digest = _caption.c.recipe_digest == bindparam("the_digest")
_of_bytes = (
    select(_caption.c.id)
    .join(t.content, t.content.c.id == _caption.c.content_id)
    .where(t.content.c.sha256 == bindparam("the_sha256"), _caption.c.id > bindparam("the_mark"))
)
_of_recipe = and_(_current, _caption.c.recipe == bindparam("the_recipe"))
_by_person = and_(_of_recipe, _caption.c.source == Source.HUMAN.value)
_by_model = and_(_of_recipe, _caption.c.source == Source.MODEL.value)
_KNOWN_EXACT = (
    _of_bytes.where(or_(_same_digest, _by_person))
    .order_by(_by_person.desc(), _current.desc(), _caption.c.id.desc())
    .limit(1)
)
_KNOWN = (
    _of_bytes.where(or_(_same_digest, _by_person, _by_model))
    .order_by(case((_by_person, 0), (and_(_current, _same_digest), 1), (_by_model, 2), else_=3), _caption.c.id.desc())
    .limit(1)
)


def known(conn: Connection, *, sha256: str, recipe: str, digest: str, exact: bool, after: int = 0) -> int | None:
    """The caption that these bytes may have without a call, or None.

    What a person wrote under this recipe name goes before all others.

    Args:
        sha256: of the bytes.
        recipe: the recipe's name.
        digest: the recipe's digest, as it is today.
        exact: only an answer to this very digest will do, superseded or not: `attach` makes it current again. Else a
            model's current caption under the same recipe name will do too, asked before the recipe was changed. A
            caption of the built-in describer counts only by its digest, so that a model can take it over.
        after: only one with a higher id.
    """
    which = {"the_sha256": sha256, "the_digest": digest, "the_recipe": recipe, "the_mark": after}
    caption_id: int | None = conn.execute(_KNOWN_EXACT if exact else _KNOWN, which).scalar_one_or_none()
    return caption_id


def newest(conn: Connection) -> int:
    """The highest id of a caption: all that are saved from now on have a higher one. 0 if there is none."""
    return int(conn.execute(select(func.coalesce(func.max(_caption.c.id), 0))).scalar_one())


# --- saving ---------------------------------------------------------------------------------------------------------

_RIVALS = select(_caption.c.id, _caption.c.source).where(
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
_SHOW = (
    update(t.file)
    .where(t.file.c.caption_id.in_(bindparam("old", expanding=True)))
    .values(caption_id=bindparam("the_newer"))
)


def save(
    conn: Connection,
    *,
    content_id: int,
    recipe: str,
    digest: str,
    reply: Reply,
    answer: Answer,
    now: float,
    after: int = 0,
) -> int:
    """Keep an answer as the current caption of this content under this recipe; returns the id of the current one.

    It supersedes the earlier ones. Files that show one of these show the new one, and their sidecars become due. Where a
    person has written a caption meanwhile, that stays the current one, and the answer is kept as history: one with a higher
    id than `after`, for with those up to it the answer was asked for again.
    """
    row = {
        **_words(reply),
        "content_id": content_id,
        "recipe": recipe,
        "recipe_digest": digest,
        "source": answer.source.value,
        "model": cleaned(answer.model),
        "created_at": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **_spent(answer.usage),
    }
    return _put(conn, row, now, after)


def take_in(conn: Connection, *, content_id: int, recipe: str, told: Told, now: float) -> int:
    """The same with what a sidecar says, under the recipe name of the files beside which it is found."""
    row = {
        **_words(told.reply),
        "content_id": content_id,
        "recipe": recipe,
        "recipe_digest": cleaned(told.recipe_digest),
        "source": told.source.value,
        "model": cleaned(told.model),
        "created_at": told.created_at,
        **_spent(told.usage),
    }
    return _put(conn, row, now)


def _words(reply: Reply) -> dict[str, Any]:
    return {
        "text": cleaned(reply.caption),
        "category": cleaned(reply.category),
        "tags": cleaned_json(list(reply.tags)),
        "fields": cleaned_json(dict(reply.fields)),
        "language": cleaned(reply.language),
    }


def _spent(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost_usd": usage.cost_usd,
    }


def _put(conn: Connection, row: dict[str, Any], now: float, after: int = 0) -> int:
    rivals = conn.execute(_RIVALS, _which(row["content_id"], row["recipe"], row["recipe_digest"])).all()
    by_person = [rival.id for rival in rivals if rival.source == Source.HUMAN.value and rival.id > after]
    if by_person and row["source"] != Source.HUMAN.value:
        conn.execute(_NEW_CAPTION, {**row, "superseded_by": by_person[0]})
        return int(by_person[0])
    old = [rival.id for rival in rivals]
    if old:
        # Out of the way of the index on current answers; the pointer to the new one follows, when it has an id.
        conn.execute(_SUPERSEDE, {"old": old, "the_newer": old[0]})
    caption_id = int(conn.execute(_NEW_CAPTION, row).scalar_one())
    _replace(conn, old, caption_id, now)
    return caption_id


def _which(content_id: int, recipe: str, digest: str) -> dict[str, Any]:
    return {"the_content": content_id, "the_recipe": recipe, "the_digest": digest}


def _replace(conn: Connection, old: Sequence[int], caption_id: int, now: float) -> None:
    """Let the old captions point to the one that took their place, and the files that show them show it."""
    if not old:
        return
    conn.execute(_SUPERSEDE, {"old": old, "the_newer": caption_id})
    sidecars.make_due_showing(conn, old, now)
    conn.execute(_SHOW, {"old": old, "the_newer": caption_id})


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
            which = _which(caption.content_id, caption.recipe, caption.recipe_digest)
            rivals = list(conn.execute(_RIVALS, which).scalars())
            if rivals:
                conn.execute(_SUPERSEDE, {"old": rivals, "the_newer": caption_id})
            conn.execute(_REVIVE, {"the_caption": caption_id})
            _replace(conn, rivals, caption_id, datetime.now(UTC).timestamp())
    conn.execute(_ATTACH, {"the_file": file_id, "the_content": content_id, "the_newer": caption_id})


_OF_RECIPE = (
    select(_caption.c.id)
    .join(t.file, t.file.c.content_id == _caption.c.content_id)
    .where(t.file.c.id == bindparam("the_file"), _of_recipe)
    .order_by(_caption.c.id.desc())
    .limit(1)
)


def show_recipe(conn: Connection, file_id: int, recipe: str, now: float) -> bool:
    """Let the file show the current caption of its content under this recipe name.

    Returns:
        Whether there is one; its sidecar is due if it showed another one before.
    """
    caption_id = conn.execute(_OF_RECIPE, {"the_file": file_id, "the_recipe": recipe}).scalar_one_or_none()
    if caption_id is None:
        return False
    shows_another = (t.file.c.id == file_id) & t.file.c.caption_id.is_distinct_from(caption_id)
    if conn.execute(update(t.file).where(shows_another).values(caption_id=caption_id)).rowcount:
        sidecars.make_due(conn, [file_id], now)
    return True


# --- what is ours ---------------------------------------------------------------------------------------------------


_OF_CONTENT = (
    select(_caption)
    .join(t.content, t.content.c.id == _caption.c.content_id)
    .where(t.content.c.sha256 == bindparam("the_sha256"))
    .order_by(_caption.c.id)
)


def of_content(conn: Connection, sha256: str) -> list[Ours]:
    """Every caption of these bytes, with its history, the oldest first."""
    return [
        Ours(
            id=row.id,
            reply=Reply(row.text, row.category, tuple(row.tags), row.fields, row.language),
            source=Source(row.source),
            recipe=row.recipe,
            recipe_digest=row.recipe_digest,
            model=row.model,
            created_at=row.created_at,
            is_current=row.superseded_by is None,
        )
        for row in conn.execute(_OF_CONTENT, {"the_sha256": sha256})
    ]
