"""Which answers a run would ask for: one for each content that has none, as the dispatcher would find out on its way.

Two files can only be the same if they have the same size, so few are read to their end: those whose size another has, in the
run or in the database. Of the rest the first bytes are read. What the database knows of an unchanged file is believed.
"""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from captiond import adoption, captions, jobs, sidecar
from captiond.errors import Corrupt, Failure, NoKeyFrame, NoPixels, NoVideoStream, Truncated
from captiond.fetch import split_login
from captiond.media import reader
from captiond.paths import is_url, to_text
from captiond.policy.sidecars import Take
from captiond.store import files, forecasts, looks
from captiond.store.sidecars import kept
from captiond.values import JobState, Kind, Source, Stat, Told

if TYPE_CHECKING:
    from captiond.config.models import Sidecar as Sidecars
    from captiond.dispatch.routes import Route
    from captiond.store.engine import Database
    from captiond.store.files import FileRow
    from captiond.targets import Target

BATCH: Final = 500
"""Files that are looked up at a time."""
THREADS: Final = 8
"""That read files: on a share most of the time is waiting."""

_FOR_GOOD: Final = frozenset(one.code for one in (Corrupt, NoKeyFrame, NoPixels, NoVideoStream, Truncated))
"""What a decoder said of the same bytes: it says so again, and no call is made."""


@dataclass(slots=True)
class Wanted:
    """An answer that would be asked for. `kind` is None of a URL, which is not looked at; `sha256` where it had to be known."""

    path: str
    root: str | None
    route: Route
    size: int
    kind: Kind | None = None
    sha256: str | None = None


@dataclass(slots=True)
class Inventory:
    """All files of a run: `wanted` cost a call each, `copies` of them and what is `known` cost none.

    Of the known, `sidecars` have their answer from a sidecar that was changed since it was written, and will be taken in.
    `left_out` are those that can't be captioned, or have failed before and are not tried again by themselves.
    """

    files: int = 0
    copies: int = 0
    known: int = 0
    sidecars: int = 0
    left_out: int = 0
    wanted: list[Wanted] = field(default_factory=list)


def of_request(
    db: Database | None,
    routes: Mapping[str, Route],
    targets: Iterable[Target],
    sidecars: Sidecars,
    *,
    again: bool = False,
) -> Inventory:
    """What a person's request would ask for: all that has no answer to the recipe of today, or (`again`) all."""
    return _inventory(db, routes, targets, sidecars, exact=True, again=again)


def of_roots(
    db: Database | None, routes: Mapping[str, Route], targets: Iterable[Target], sidecars: Sidecars
) -> Inventory:
    """What the service would ask for by itself: files that are new, have changed, or wait in the queue."""
    return _inventory(db, routes, targets, sidecars, exact=False)


def _inventory(
    db: Database | None,
    routes: Mapping[str, Route],
    targets: Iterable[Target],
    sidecars: Sidecars,
    *,
    exact: bool,
    again: bool = False,
) -> Inventory:
    found = Inventory()
    suffix = sidecars.suffix if sidecars.enabled and not again else None
    candidates: list[Wanted] = []
    remaining = iter(targets)
    while batch := list(itertools.islice(remaining, BATCH)):
        found.files += len(batch)
        known = _Known.of(db, batch)
        for target in batch:
            route = routes[target.watch.recipe if target.watch else "default"]
            candidate = _candidate(target, route, known, found, suffix, exact=exact)
            if candidate is None:
                continue
            if suffix is not None and candidate.sha256 is None and _is_told(candidate, suffix, exact=exact):
                found.known += 1
            else:
                candidates.append(candidate)
    _settle(None if again else db, _identified(db, candidates, found), found, exact=exact)
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database knows of some files, by their path as text."""

    db: Database | None
    rows: Mapping[str, FileRow]
    contents: Mapping[int, tuple[str, Kind]]
    sidecars: Mapping[int, tuple[int | None, int | None]]
    jobs: Mapping[int, tuple[JobState, str | None]]

    @classmethod
    def of(cls, db: Database | None, batch: Iterable[Target]) -> _Known:
        if db is None:
            return cls(None, {}, {}, {}, {})
        with db.read() as conn:
            rows = files.files_by_path(conn, [_text(target.path) for target in batch])
            ids = {row.content_id for row in rows.values() if row.content_id is not None}
            file_ids = [row.id for row in rows.values()]
            contents, seen = forecasts.contents(conn, ids), looks.seen(conn, file_ids)
            return cls(db, rows, contents, seen, jobs.latest(conn, file_ids))

    def told(self, one: Wanted, row: FileRow, suffix: str) -> Told | None:
        """What the sidecar of an unchanged file says, if it has changed and would be taken in."""
        content = self.contents.get(row.content_id) if row.content_id is not None else None
        if self.db is None or content is None:
            return None
        path = sidecar.path_for(one.path, suffix)
        try:
            status = os.lstat(path)
        except OSError:
            return None
        if kept((status.st_size, status.st_mtime_ns)) == self.sidecars.get(row.id):
            return None
        standing = sidecar.read(path, one.root)
        if standing is None:
            return None
        with self.db.read() as conn:
            if adoption.is_ours(conn, row.id, standing):
                return None
            verdict = adoption.judged(conn, content[0], standing, one.route.asked, time.time())
        return verdict.told if isinstance(verdict, Take) else None


def _text(path: str) -> str:
    return to_text(split_login(path)[0] if is_url(path) else path)


def _candidate(
    target: Target, route: Route, known: _Known, found: Inventory, suffix: str | None, *, exact: bool
) -> Wanted | None:
    """The file, if it may need an answer; else it is counted. `suffix` is of sidecars, None if none is looked at."""
    row = known.rows.get(_text(target.path))
    root = os.path.abspath(target.watch.path) if target.watch else None
    wanted = Wanted(target.path, root, route, 0)
    if not is_url(target.path):
        try:
            stat = Stat.of(os.stat(target.path))
        except OSError:
            found.left_out += 1
            return None
        wanted.size = stat.size
        row = row if row is not None and row.looks_like(stat) else None
    if row is None:
        return wanted
    told = known.told(wanted, row, suffix) if suffix is not None and not is_url(target.path) else None
    if told is not None and _answers(told, route, exact=exact):
        found.known += 1
        found.sidecars += 1
        return None
    state, reason = known.jobs.get(row.id, (None, None))
    if not exact and state not in (JobState.QUEUED, JobState.RUNNING):
        if row.caption_id is not None:
            found.known += 1
        else:
            found.left_out += 1
        return None
    if state is JobState.FAILED and reason in _FOR_GOOD:
        found.left_out += 1
        return None
    if row.content_id is not None and row.content_id in known.contents:
        wanted.sha256, wanted.kind = known.contents[row.content_id]
    return wanted


def _is_told(one: Wanted, suffix: str, *, exact: bool) -> bool:
    """Whether a sidecar beside the file likely has its answer: it is taken in when the file is read."""
    told = None if is_url(one.path) else sidecar.answer_for(one.path, one.root, suffix, one.size)
    return told is not None and _answers(told, one.route, exact=exact)


def _answers(told: Told, route: Route, *, exact: bool) -> bool:
    """Whether what a sidecar says is the answer, once it is taken in."""
    return not exact or told.source is Source.HUMAN or told.recipe_digest == route.digest


def _identified(db: Database | None, candidates: list[Wanted], found: Inventory) -> Iterator[Wanted]:
    """The same with their kinds, and with their digests where another file may be the same; without those that are no media."""
    counts = Counter(one.size for one in candidates)
    unknown = {one.size for one in candidates if one.sha256 is None}
    if db is not None and unknown:
        with db.read() as conn:
            shared = forecasts.sizes(conn, unknown)
    else:
        shared = set()

    def looked_at(one: Wanted) -> bool:
        if one.sha256 is not None or is_url(one.path):
            return True
        try:
            if counts[one.size] > 1 or one.size in shared:
                opened = reader.read(one.path, one.root)
                one.sha256, one.kind = opened.sha256, opened.kind
            else:
                one.kind, _ = reader.look(one.path, one.root)
        except Failure:
            return False
        return True

    with ThreadPoolExecutor(THREADS, "look") as pool:
        for one, fine in zip(candidates, pool.map(looked_at, candidates), strict=True):
            if fine and not (one.kind is Kind.VIDEO and one.route.spec.video == "off"):
                yield one
            else:
                found.left_out += 1


def _settle(db: Database | None, candidates: Iterable[Wanted], found: Inventory, *, exact: bool) -> None:
    """Each content that has no answer is wanted once under each digest."""
    seen: dict[tuple[str, str], bool] = {}
    for one in candidates:
        key = (one.sha256 or one.path, one.route.digest)
        if key not in seen:
            seen[key] = _is_known(db, one, exact=exact)
            if not seen[key]:
                found.wanted.append(one)
                continue
        if seen[key]:
            found.known += 1
        else:
            found.copies += 1


def _is_known(db: Database | None, one: Wanted, *, exact: bool) -> bool:
    if db is None or one.sha256 is None:
        return False
    with db.read() as conn:
        known = captions.known(conn, sha256=one.sha256, recipe=one.route.name, digest=one.route.digest, exact=exact)
    return known is not None
