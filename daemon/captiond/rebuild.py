"""A new database from the sidecars: what stands beside the files is enough to know every caption again without a call.

Of the old database the sums of what was spent are taken over, where it still tells them; nothing else depends on it, for
it may be the reason for all this.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from captiond import captions, sidecar
from captiond.adoption import Place, adopt
from captiond.errors import CaptiondError, Failure
from captiond.media import reader
from captiond.paths import to_text
from captiond.policy.sidecars import Asked
from captiond.store import files, looks
from captiond.store.engine import Database
from captiond.store.salvage import take_rights, take_spending
from captiond.store.schema import ensure_not_of_another
from captiond.targets import targets
from captiond.values import Stat, Told
from captiond.watch.filestat import stat_file

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from captiond.config.models import Settings, Watch

BATCH: Final = 500
"""Files in one commit."""


@dataclass(slots=True)
class Rebuilt:
    """What was found under one root: media files, and captions that their sidecars tell.

    `not_believed` are sidecars of other bytes than the file has now, and files of that name that are none of captiond's.
    """

    root: str
    files: int = 0
    captions: int = 0
    not_believed: int = 0


@dataclass(frozen=True, slots=True)
class _Known:
    """A file whose caption its sidecar tells."""

    path: str
    stat: Stat
    told: Told
    standing: sidecar.Standing


def rebuild(
    path: Path, settings: Settings, tell: Callable[[Rebuilt], None], *, skip_missing: bool = False
) -> tuple[list[Rebuilt], Path | None]:
    """Make the database at `path` anew. The caller holds its instance lock.

    Args:
        tell: called after each batch with what was found of its root so far.
        skip_missing: go on without roots that are not there; their captions will be missing.

    Returns:
        what was found under each root; where the old database is now, None if there was none.

    Raises:
        CaptiondError: it is another program's database, a root is not there, or no sidecar was found; nothing was changed.
        DatabaseError: the new one can't be written.
    """
    ensure_not_of_another(path)
    roots = _roots(settings, skip_missing=skip_missing)
    new = path.with_name(f"{path.name}.rebuilding")
    _forget(new)
    try:
        with Database.open(f"sqlite:///{new}", create=True) as db:
            found = [_root(db, settings, watch, tell) for watch in roots]
        if not any(one.captions for one in found):
            raise CaptiondError(
                f"no sidecar (*{settings.sidecar.suffix}) tells a caption under {', '.join(one.root for one in found)}: "
                "the database is as it was"
            )
        take_spending(new, path)
        take_rights(new, path)
        return found, _put_in_place(new, path)
    finally:
        _forget(new)


def _roots(settings: Settings, *, skip_missing: bool) -> list[Watch]:
    if not settings.watch:
        raise CaptiondError("no root is configured: name one under [[watch]]")
    there, missing = [], []
    for watch in settings.watch:
        try:
            os.listdir(watch.path)
            there.append(watch)
        except OSError as error:
            missing.append(f"{watch.path} ({error.strerror})")
    if missing and not skip_missing:
        raise CaptiondError(
            f"not there: {', '.join(missing)}; mount it, or give --skip-missing: its files would be asked about again"
        )
    return there


def _root(db: Database, settings: Settings, watch: Watch, tell: Callable[[Rebuilt], None]) -> Rebuilt:
    found = Rebuilt(str(watch.path))
    with db.write() as conn:
        root_id = files.upsert_root(conn, to_text(str(watch.path)), watch.recipe)
    known = _known(settings, watch, found)
    for batch in _in_batches(known):
        with db.write() as conn:
            for one in batch:
                _keep(conn, root_id, one, time.time())
        found.captions += len(batch)
        tell(found)
    tell(found)
    return found


def _in_batches(known: Iterator[_Known]) -> Iterator[list[_Known]]:
    batch: list[_Known] = []
    for one in known:
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _known(settings: Settings, watch: Watch, found: Rebuilt) -> Iterator[_Known]:
    real_root = os.path.realpath(watch.path)
    for target in targets(settings, [str(watch.path)]):
        if target.watch is not watch:
            continue  # of a root within this one
        found.files += 1
        beside = sidecar.path_for(target.path, settings.sidecar.suffix)
        standing = sidecar.read(beside, str(watch.path))
        if standing is None:
            continue
        told, stat = standing.told, stat_file(target.path, real_root)
        if told is None or stat is None or not _is_of(told, target.path, real_root, stat, standing.seen[1]):
            found.not_believed += 1
            continue
        yield _Known(target.path, stat, told, standing)


def _is_of(told: Told, path: str, root: str, stat: Stat, written: int) -> bool:
    """Whether the sidecar is of the bytes that the file has now.

    Of the same size, and not written to since: that is believed. Else it is read.
    """
    if told.bytes == stat.size and stat.mtime_ns <= written:
        return True
    try:
        return reader.read(path, root).sha256 == told.sha256
    except Failure:
        return False


def _keep(conn: Connection, root_id: int, known: _Known, now: float) -> None:
    """The file, its content, its caption, and that the sidecar is ours, unless there are keys of others in it.

    One that says something else than the caption that is current now, as of a copy that was not corrected, is due.
    """
    told, standing = known.told, known.standing
    file_id = files.ensure_file(conn, root_id, to_text(known.path), known.stat, True)
    asked = Asked(told.recipe, told.recipe_digest, frozenset(), by_model=False)
    adopted = adopt(conn, Place(file_id, told.sha256, captioned=False), standing, asked, now)
    if adopted.caption_id is None:  # a copy of it was there before, with these words or with others that go before them
        current = [one for one in captions.of_content(conn, told.sha256) if one.is_current]
        caption_id = next((one.id for one in current if one.recipe == told.recipe), current[-1].id)
        content_id = captions.content_told(conn, told)
        captions.attach(conn, file_id=file_id, content_id=content_id, caption_id=caption_id)
        if not told.strange:
            looks.taken_over(conn, file_id, standing.path, standing.digest, standing.seen, now)
    document = captions.document(conn, file_id)
    if document is not None and hashlib.sha256(sidecar.encode(document)).hexdigest() == standing.digest:
        looks.as_it_should_be(conn, file_id)


def _put_in_place(new: Path, path: Path) -> Path | None:
    """The new database takes the name at once; the old one has another by then, with what stands in its WAL."""
    kept = None
    if path.exists():
        kept = path.with_name(f"{path.name}.before-rebuild-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        try:
            os.link(path, kept)
        except OSError:
            shutil.copy2(path, kept)
        for ending in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.rename(f"{path}{ending}", f"{kept}{ending}")
    os.rename(new, path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return kept


def _forget(new: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.unlink(f"{new}{ending}")
