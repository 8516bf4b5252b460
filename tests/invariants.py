"""What has to be true of an archive, its database and the endpoint's own log, whatever happened to the service.

Each function tells what is not, as sentences; none raises for what it finds.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from archive import SUFFIX, Archive
from fake_endpoint import FakeEndpoint
from program import Home
from waiting import until

_TEMPORARY = re.compile(r"\.captiond-.*\.tmp")


def on_the_disk(home: Home, archive: Archive) -> list[str]:
    """At any moment, also right after a kill: originals and foreign files as they were, sidecars whole and committed."""
    with _copied(home) as connection:
        return [*_untouched(archive), *_sidecars(connection, archive)]


def waiting(home: Home, archive: Archive) -> list[str]:
    """What the service has still to do; nothing once it has come to rest."""
    found = unseen(home, archive)
    found += [f"job {row['state']}: {row['reason']}" for row in home.rows(_OPEN_JOBS)]
    found += [f"a sidecar waits: {row['reason']}" for row in home.rows(_PENDING)]
    return found


def unseen(home: Home, archive: Archive, *, but_hindered: bool = False) -> list[str]:
    """The files that have no caption and no sidecar of their present bytes, and those that are gone and not known to be.

    `but_hindered`: not those whose sidecar can't be written now, and is tried again in a minute.
    """
    rows = home.rows(
        "SELECT folder || '/' || name AS path, sha256, caption_id, sidecar.reason IS NOT NULL AS hindered FROM file"
        " LEFT JOIN content ON content.id = content_id LEFT JOIN sidecar ON file_id = file.id WHERE present = 1"
    )
    known = {row["path"]: row for row in rows}
    found = []
    for name in archive.files:
        row = known.get(str(archive.path(name)))
        if row is None or row["sha256"] != archive.digest(name) or row["caption_id"] is None:
            found.append(f"{name} has no caption of its bytes")
        elif but_hindered and row["hindered"]:
            continue
        elif name + SUFFIX not in archive.foreign and _sidecar_digest(archive.path(name + SUFFIX)) != row["sha256"]:
            found.append(f"{name} has no sidecar of its bytes")
    there = {str(archive.path(name)) for name in archive.files}
    return found + [f"{path} is gone, and not marked so" for path in known.keys() - there]


_OPEN_JOBS = (
    "SELECT state, reason FROM job JOIN file ON file.id = file_id"
    " WHERE state = 'running' OR (state = 'queued' AND present = 1)"
)
_PENDING = (
    "SELECT reason FROM sidecar JOIN file ON file.id = file_id"
    " WHERE state = 'pending' AND present = 1 AND caption_id IS NOT NULL"
)


def at_rest(home: Home, archive: Archive, fake: FakeEndpoint, *, cut: int) -> list[str]:
    """After the service has come to rest and ended.

    Args:
        home: its database.
        archive: the files as they should be.
        fake: the endpoint with its log.
        cut: the most calls whose answers may have been lost: kills × concurrency.
    """
    with _copied(home) as connection:
        return [
            *_untouched(archive),
            *_sidecars(connection, archive),
            *_one_answer_each(connection),
            *_books(connection, archive, fake, cut),
            *_sound(connection),
            *_strangers(home, archive, cut),
        ]


def decoders_left(pid: int, seconds: float = 10.0) -> list[str]:
    """Decoder processes of a service that has ended; the kernel ends them a moment after it."""
    try:
        until(lambda: not _decoders(pid), timeout=seconds)
    except AssertionError:
        return [f"decoder {decoder} outlives its service" for decoder in _decoders(pid)]
    return []


def _decoders(pid: int) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            arguments = (process / "cmdline").read_bytes().split(b"\0")
            # -m captiond.media.worker FD PARENT MEGABYTES: any of the three may be the number of some service.
            if b"captiond.media.worker" in arguments and arguments[-3] == str(pid).encode():
                found.append(process.name)
    return found


@contextlib.contextmanager
def _copied(home: Home) -> Iterator[sqlite3.Connection]:
    """The database as it lies there, opened beside: looking must not change what the next start finds."""
    beside = home.folder / "looked-at"
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(home.database.parent, beside)
    with contextlib.closing(sqlite3.connect(beside / home.database.name)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection
    shutil.rmtree(beside)


def _untouched(archive: Archive) -> list[str]:
    found = []
    for name, data in {**archive.files, **archive.foreign}.items():
        try:
            if archive.path(name).read_bytes() != data:
                found.append(f"{name} was changed")
        except OSError as error:
            found.append(f"{name} was lost: {error.strerror}")
    return found


def _sidecars(connection: sqlite3.Connection, archive: Archive) -> list[str]:
    found = []
    for path in archive.root.rglob(f"*{SUFFIX}"):
        name = str(path.relative_to(archive.root))
        if name in archive.foreign:
            continue
        try:
            document = json.loads(path.read_bytes())
        except ValueError:
            found.append(f"{name} is no whole JSON: {path.read_bytes()[:80]!r}")
            continue
        if document["schema"] != "captiond/1" or document["sha256"] not in archive.ever:
            found.append(f"{name} is none of ours: {document}")
        if not connection.execute(
            "SELECT 1 FROM caption JOIN content ON content.id = content_id WHERE sha256 = ? AND recipe_digest = ?"
            " AND text = ?",
            (document["sha256"], document["recipe_digest"], document["caption"]),
        ).fetchone():
            found.append(f"{name} was written before its caption was committed")
    return found


def _sidecar_digest(path: Path) -> str | None:
    try:
        return str(json.loads(path.read_bytes())["sha256"])
    except (OSError, ValueError):
        return None


def _one_answer_each(connection: sqlite3.Connection) -> list[str]:
    twice = connection.execute(
        "SELECT content_id FROM caption WHERE superseded_by IS NULL GROUP BY content_id, recipe_digest HAVING count(*) > 1"
    )
    found = [f"content {row[0]} has two current captions" for row in twice]
    ended = connection.execute(
        "SELECT name, state FROM job JOIN file ON file.id = file_id WHERE job.id IN (SELECT max(id) FROM job GROUP BY file_id)"
        " AND present = 1"
    )
    return found + [f"{row['name']} ended {row['state']}" for row in ended if row["state"] != "done"]


def _books(connection: sqlite3.Connection, archive: Archive, fake: FakeEndpoint, cut: int) -> list[str]:
    def number(sql: str) -> int:
        return int(connection.execute(sql).fetchone()[0])

    asked, calls = len(fake.requests), number("SELECT count(*) FROM call")
    answered = number("SELECT count(*) FROM call WHERE outcome = 'answered'")
    captions = number("SELECT count(*) FROM caption")
    daily = number("SELECT coalesce(sum(calls), 0) FROM spending")
    found = []
    if asked > len(archive.ever) + (calls - answered) + cut:
        found.append(
            f"{asked} requests for {len(archive.ever)} contents, {calls - answered} failed calls, {cut} cut ones"
        )
    if asked - calls > cut:
        found.append(f"{asked} requests, {calls} calls in the books, {cut} may be missing")
    if answered != captions:
        found.append(f"{answered} answered calls, {captions} captions")
    if daily != calls:
        found.append(f"{daily} calls in the daily sums, {calls} in the books")
    return found + [f"the endpoint was asked wrongly: {violation}" for violation in fake.violations]


def _sound(connection: sqlite3.Connection) -> list[str]:
    told = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    broken = [tuple(row) for row in connection.execute("PRAGMA foreign_key_check")]
    return [f"the database: {line}" for line in told if line != "ok"] + [
        f"a row without its other: {row}" for row in broken
    ]


def _strangers(home: Home, archive: Archive, cut: int) -> list[str]:
    """What is in the folders and belongs to nobody. Each kill may leave one temporary file, which is swept later."""
    wanted = {*archive.files, *archive.foreign}
    there = {str(path.relative_to(archive.root)) for path in archive.root.rglob("*") if path.is_file()}
    left = {name for name in there - wanted if not name.endswith(SUFFIX)}
    temporary = {name for name in left if _TEMPORARY.fullmatch(Path(name).name)}
    state = {path.name for path in home.database.parent.iterdir()}
    odd = [name for name in state if not re.fullmatch(r"captions\.db(-wal|-shm|\.lock)?|backups", name)]
    found = [f"{name} is none of the archive's" for name in left - temporary]
    found += [f"state/{name} was left behind" for name in odd]
    if len(temporary) > cut:
        found.append(f"{len(temporary)} temporary files")
    beside = {name + SUFFIX for name in archive.files}
    orphans = {name for name in there if name.endswith(SUFFIX)} - wanted - beside - archive.left
    return found + [f"{name} is a sidecar of no file" for name in orphans]
