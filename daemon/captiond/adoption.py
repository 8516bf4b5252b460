"""A sidecar that captiond did not write as it stands there: its words are taken in, or it is left alone.

    what stands there -> [ours? then nothing] -> judged by policy.sidecars -> caption, and whose the bytes are

What is taken in costs no call. Its bytes are captiond's to replace from then on, unless there are keys of others in it.
Both ways lead here: a file that is read by a job, and a sidecar that is seen to have changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from captiond import captions
from captiond.policy.sidecars import Asked, Leave, Take, Verdict, judge
from captiond.store import looks, sidecars

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from captiond.sidecar import Standing


@dataclass(frozen=True, slots=True)
class Place:
    """A file whose bytes are known. `captioned`: a sidecar is wanted beside it, so what is there instead is in the way."""

    file_id: int
    sha256: str
    captioned: bool


@dataclass(frozen=True, slots=True)
class Adopted:
    """What became of it: the caption that the file shows now, if it was taken in; why it is left alone, if that is news."""

    caption_id: int | None = None
    reason: str | None = None


NOTHING = Adopted()


def is_ours(conn: Connection, file_id: int, standing: Standing) -> bool:
    """Whether these are bytes that captiond wrote, or has taken over."""
    return standing.digest in sidecars.owned(conn, file_id)


def adopt(conn: Connection, place: Place, standing: Standing, asked: Asked, now: float) -> Adopted:
    """Take a sidecar's words in, or leave it alone; in the caller's transaction, which must be sure of the file's bytes."""
    if is_ours(conn, place.file_id, standing):
        looks.looked(conn, place.file_id, standing.seen)
        return NOTHING
    verdict = judged(conn, place.sha256, standing, asked, now)
    if isinstance(verdict, Leave):
        return _left(conn, place, standing, verdict)
    told, caption_id = standing.told, None
    assert told is not None
    if isinstance(verdict, Take):
        content_id = captions.content_told(conn, told)
        caption_id = captions.take_in(conn, content_id=content_id, recipe=verdict.recipe, told=verdict.told, now=now)
        captions.attach(conn, file_id=place.file_id, content_id=content_id, caption_id=caption_id)
    if told.strange:
        keys = ", ".join(sorted(told.strange)[:5])
        leave = Leave(
            f"there are keys in it that are not captiond's ({keys}): it is read, and not replaced; take them out"
        )
        return replace(_left(conn, replace(place, captioned=True), standing, leave), caption_id=caption_id)
    looks.taken_over(conn, place.file_id, standing.path, standing.digest, standing.seen, now)
    return Adopted(caption_id)


def judged(conn: Connection, sha256: str, standing: Standing, asked: Asked, now: float) -> Verdict:
    """What is to become of a sidecar that is not ours, beside a file of these bytes. Nothing is written."""
    if standing.told is None:
        return _what_is_wrong(standing)
    return judge(
        standing.told,
        sha256=sha256,
        ours=captions.of_content(conn, sha256),
        asked=asked,
        written_at=_moment(standing.seen[1] / 1e9, now),
    )


def _moment(written: float, now: float) -> str:
    """When it was written; a clock that was wrong, or none, may have dated it before 1970 or after today."""
    return datetime.fromtimestamp(written if 0 <= written <= now else now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _what_is_wrong(standing: Standing) -> Leave:
    if standing.reason is None:
        return Leave("a file that captiond did not write has the sidecar's name; rename or remove it")
    return Leave(f"the sidecar was changed, and is no valid one any more ({standing.reason}); mend it, or remove it")


def _left(conn: Connection, place: Place, standing: Standing, leave: Leave) -> Adopted:
    if not place.captioned:  # there is nothing that it stands in the way of
        looks.looked(conn, place.file_id, standing.seen)
        return NOTHING
    is_news = looks.left_alone(conn, place.file_id, standing.path, standing.seen, leave.reason)
    return Adopted(reason=leave.reason if is_news else None)
