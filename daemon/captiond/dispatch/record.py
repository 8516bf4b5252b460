"""Outcomes into the database: each function is one ending of a task, inside the caller's transaction.

Called on the dispatcher's thread alone. Commit, then publish: `done` returns the sidecar that is to be written after the
commit, its digest already recorded, so that a crash in between costs a rewrite and never a call.
"""

from __future__ import annotations

import functools
import hashlib
import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from captiond import captions, jobs, sidecar
from captiond.adoption import Adopted, Place, adopt
from captiond.errors import EmptyFile, Failure, NotMedia, Unsupported
from captiond.media.versions import software
from captiond.paths import from_text, is_url, to_text
from captiond.store import files, sidecars
from captiond.values import Answer, Job, JobState, Opened, Priority, Reply

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from captiond.config.models import Sidecar as SidecarSettings
    from captiond.dispatch.routes import Route

_NEVER_CAPTIONED = (EmptyFile, NotMedia, Unsupported)
"""What `media.reader` says of bytes that never had a caption: another's, if there is one, is of bytes that were there
before."""

_software = functools.cache(software)
"""It stays the same for a process: what is installed beside it takes effect with the next start."""


@dataclass(frozen=True, slots=True)
class Former:
    """A sidecar to be taken away from `target`, where its file was, beside the name `beside`, under another root maybe."""

    file_id: int
    root_id: int | None
    root: str | None
    target: str
    beside: str
    owned: frozenset[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """A sidecar to be written after the commit, at `target` beside the file at `path`, which lies under `root`.

    `former` is to be taken away once it is written.
    """

    file_id: int
    root_id: int | None
    root: str | None
    path: str
    target: str
    body: bytes
    owned: frozenset[str]
    former: Former | None
    rights: sidecar.Rights


def known(conn: Connection, job: Job, route: Route, opened: Opened) -> int | None:
    """The caption that this file may have without a call, if there is one.

    A person who asks gets the answer to today's recipe, and who asks again a new one; the service on its own keeps what it
    has.
    """
    exact = job.priority >= Priority.PERSON
    return captions.known(
        conn,
        sha256=opened.sha256,
        recipe=route.name,
        digest=route.digest,
        exact=exact,
        after=job.after_caption,
    )


def beside(conn: Connection, job: Job, route: Route, opened: Opened, standing: sidecar.Standing) -> Adopted:
    """What stands in the sidecar's place of a file that was just read: another captiond's words, or a person's, are taken in."""
    place = Place(job.file_id, opened.sha256, captioned=False)
    return adopt(conn, place, standing, route.asked, time.time())


def answered(
    conn: Connection, route: Route, content_id: int, reply: Reply, answer: Answer, now: float, *, after: int
) -> int:
    """A new caption; also in place of one that a person wrote, up to the id `after`."""
    return captions.save(
        conn,
        content_id=content_id,
        recipe=route.name,
        digest=route.digest,
        reply=reply,
        answer=answer,
        now=now,
        after=after,
    )


def done(
    conn: Connection, job: Job, content_id: int, caption_id: int, settings: SidecarSettings, now: float
) -> Plan | None:
    """The job's end: the file has its caption."""
    captions.attach(conn, file_id=job.file_id, content_id=content_id, caption_id=caption_id)
    jobs.finish(conn, job, now=now)
    return plan(conn, job.file_id, settings)


def failed(conn: Connection, job: Job, opened: Opened | None, failure: Failure, now: float) -> JobState:
    """The job's end: no caption. One that belonged to earlier bytes no longer shows. Returns: the state it ended in."""
    if opened is not None and opened.sha256 != job.known_sha256:
        content_id = captions.content_id(conn, opened, None)
        captions.attach(conn, file_id=job.file_id, content_id=content_id, caption_id=None)
    elif isinstance(failure, _NEVER_CAPTIONED) and job.known_sha256 is not None:
        files.no_media(conn, job.file_id)
    if isinstance(failure, Unsupported):
        jobs.unsupported(conn, job, reason=failure.code, detail=failure.message, software=_software(), now=now)
        return JobState.UNSUPPORTED
    jobs.fail(conn, job, reason=failure.code, detail=failure.message, now=now)
    return JobState.FAILED


def plan(conn: Connection, file_id: int, settings: SidecarSettings) -> Plan | None:
    """What is to be written beside the file, where it is by now, or None; the digest is recorded before the bytes exist."""
    wanted = sidecars.of_file(conn, file_id)
    if not settings.enabled or is_url(wanted.path):
        return None
    document = captions.document(conn, file_id)
    if document is None:
        return None
    body = sidecar.encode(document)
    target = sidecar.path_for(wanted.path, settings.suffix)
    owned, old = sidecars.planned(conn, file_id, hashlib.sha256(body).hexdigest(), target)
    former = None if old is None or old == target else _former(conn, file_id, old, settings.suffix, owned)
    return Plan(file_id, wanted.root_id, wanted.root, wanted.path, target, body, owned, former, _rights(settings))


def _former(conn: Connection, file_id: int, old: str, suffix: str, owned: frozenset[str]) -> Former:
    root = files.root_over(conn, to_text(old))
    root_id, path = (None, None) if root is None else (root.id, from_text(root.path))
    return Former(file_id, root_id, path, old, os.path.basename(old).removesuffix(suffix), owned)


def _rights(settings: SidecarSettings) -> sidecar.Rights:
    mode = None if settings.mode is None else int(settings.mode, 8)
    return sidecar.Rights(mode, settings.owner_id, settings.group_id)


def pending(
    conn: Connection, settings: SidecarSettings, offline_roots: Collection[int], now: float, *, limit: int
) -> list[Plan]:
    """The sidecars that are due: after a move, a crash or a full disk. Those of roots that are away wait."""
    rows = sidecars.due(conn, now, limit=limit, offline_roots=offline_roots)
    plans = (plan(conn, row.file_id, settings) for row in rows)
    return [made for made in plans if made is not None]
