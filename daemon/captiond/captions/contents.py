"""Contents: the bytes that captions are of, known by their SHA-256."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects.sqlite import insert

from captiond.store import tables as t
from captiond.store.clean import cleaned, cleaned_json
from captiond.values import MediaFacts, Opened, Told

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
    row: dict[str, Any] = {
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


_KEEP = insert(t.content)
_PUT_TOLD = _KEEP.on_conflict_do_update(
    index_elements=[t.content.c.sha256],
    # What was measured here is believed before what a sidecar says.
    set_={
        name: func.coalesce(t.content.c[name], _KEEP.excluded[name]) for name in ("width", "height", "duration_seconds")
    },
).returning(t.content.c.id)


def content_told(conn: Connection, told: Told) -> int:
    """The content that a sidecar tells of, made known if it is not, with the dimensions that it tells."""
    row: dict[str, Any] = {
        "sha256": told.sha256,
        "kind": told.kind.value,
        "mime": cleaned(told.mime),
        "bytes": told.bytes,
        "width": told.width,
        "height": told.height,
        "duration_seconds": told.duration_seconds,
        "facts": {},
    }
    return int(conn.execute(_PUT_TOLD, row).scalar_one())
