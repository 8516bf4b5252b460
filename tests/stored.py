"""Rows for tests of the storing rooms, made with plain SQL statements of our own tables."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert

from captiond import captions
from captiond.store import tables as t
from captiond.values import Answer, Kind, MediaFacts, Opened, Reply, Source, Stat, Usage


def add_root(conn: Connection, path: str = "/photos", recipe: str = "default") -> int:
    """A watched root that is online."""
    row = {"path": path, "recipe": recipe, "mode": "poll", "state": "online"}
    return int(conn.execute(insert(t.root).returning(t.root.c.id), row).scalar_one())


def add_file(conn: Connection, path: str, root_id: int | None = None, *, present: int = 1) -> int:
    """A media file, never captioned."""
    folder, _, name = path.rpartition("/")
    row = {"root_id": root_id, "folder": folder, "name": name, "media": 1, "present": present}
    stat = {"size": 1, "mtime_ns": 1, "ctime_ns": 1, "inode": 1}
    return int(conn.execute(insert(t.file).returning(t.file.c.id), {**row, **stat}).scalar_one())


def opened(data: bytes, kind: Kind = Kind.IMAGE) -> Opened:
    """A file with these bytes, read."""
    mime = "image/jpeg" if kind is Kind.IMAGE else "video/mp4"
    return Opened("/somewhere", Stat(len(data), 1, 1, 1), hashlib.sha256(data).hexdigest(), kind, mime, len(data))


def facts(kind: Kind = Kind.IMAGE, **more: Any) -> MediaFacts:
    """Facts of a picture of 40 x 30 pixels."""
    mime = "image/jpeg" if kind is Kind.IMAGE else "video/mp4"
    return MediaFacts(kind, mime, "JPEG", 40, 30, **more)


def save(
    conn: Connection,
    data: bytes,
    text: str,
    *,
    recipe: str = "default",
    digest: str = "d1",
    source: Source = Source.MODEL,
    kind: Kind = Kind.IMAGE,
    category: str | None = None,
    tags: tuple[str, ...] = (),
    fields: Mapping[str, Any] | None = None,
    model: str = "tiny-vision",
    usage: Usage = Usage(),
    now: float = 1_795_343_700.0,
    after: int = 0,
) -> int:
    """A caption for these bytes; returns its id."""
    return captions.save(
        conn,
        content_id=captions.content_id(conn, opened(data, kind), facts(kind)),
        recipe=recipe,
        digest=digest,
        reply=Reply(text, category, tags, fields or {}, "en"),
        answer=Answer(text, "stop", model, usage, source),
        now=now,
        after=after,
    )


def show(conn: Connection, file_id: int, data: bytes, caption_id: int | None) -> None:
    """Let the file have these bytes and show this caption."""
    captions.attach(
        conn, file_id=file_id, content_id=captions.content_id(conn, opened(data), None), caption_id=caption_id
    )
