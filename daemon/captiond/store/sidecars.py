"""What is known of each file's sidecar: which of the bytes beside it are ours, and which are still to be written.

The digest of the bytes is recorded before they are written (`planned`) and again after (`recorded`), so that after a
crash in between both states of the disk are known as ours.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, literal_column, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from captiond.paths import from_text, to_text
from captiond.store import tables as t
from captiond.store.clean import cleaned, signed

_LEASE = 120.0
"""Seconds that whoever planned a sidecar has to write it, before it is due again."""
_FAR = 86400.0
"""A due time further ahead comes from a clock that was wrong."""
_PLANS = 8
"""Digests of unwritten plans that are remembered; each is bytes that may stand there after a crash."""

_PENDING: ColumnElement[str] = literal_column("'pending'")
_sidecar = t.sidecar
_COLUMNS = tuple(column.name for column in t.sidecar.columns if not column.primary_key)


class Written(Protocol):
    """What became of a sidecar; see sidecar.Outcome."""

    @property
    def state(self) -> str: ...
    @property
    def digest(self) -> str | None: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def seen(self) -> tuple[int, int] | None: ...


@dataclass(frozen=True, slots=True)
class Due:
    """A sidecar to be written. `path` is the file's, not the sidecar's, and `root` its root's, both as the OS names them."""

    file_id: int
    root_id: int | None
    root: str | None
    path: str


_DUE = (
    select(_sidecar.c.file_id, t.file.c.root_id, t.root.c.path, t.file.c.folder, t.file.c.name)
    .join(t.file, t.file.c.id == _sidecar.c.file_id)
    .outerjoin(t.root, t.root.c.id == t.file.c.root_id)
    .where(
        _sidecar.c.state == _PENDING,
        or_(_sidecar.c.due_at <= bindparam("now"), _sidecar.c.due_at > bindparam("far")),
        t.file.c.present == 1,
        t.file.c.caption_id.is_not(None),
        or_(t.file.c.root_id.is_(None), t.file.c.root_id.not_in(bindparam("away", expanding=True))),
    )
    .order_by(_sidecar.c.due_at)
    .limit(bindparam("most"))
)


def due(conn: Connection, now: float, limit: int, offline_roots: Collection[int] = ()) -> list[Due]:
    """Pending sidecars whose time has come, of files that are there and have a caption; the longest overdue first.

    Those of `offline_roots` are left out, and so take no one's place.
    """
    values = {"now": now, "far": now + _FAR, "most": limit, "away": list(offline_roots)}
    rows = conn.execute(_DUE, values)
    return [_due(row.file_id, row) for row in rows]


def _due(file_id: int, row: Any) -> Due:
    root = None if row.path is None else from_text(row.path)
    return Due(file_id, row.root_id, root, from_text(f"{row.folder}/{row.name}"))


_PLACE = (
    select(t.file.c.root_id, t.root.c.path, t.file.c.folder, t.file.c.name)
    .outerjoin_from(t.file, t.root, t.root.c.id == t.file.c.root_id)
    .where(t.file.c.id == bindparam("the_file"))
)


def of_file(conn: Connection, file_id: int) -> Due:
    """The sidecar of a file, beside where the file is now."""
    row = conn.execute(_PLACE, {"the_file": file_id}).one()
    return _due(file_id, row)


_GET = select(_sidecar).where(_sidecar.c.file_id == bindparam("the_file"))


def get(conn: Connection, file_id: int) -> Row[Any] | None:
    """The row, or None if the file never had a sidecar planned."""
    return conn.execute(_GET, {"the_file": file_id}).one_or_none()


_FIRST = insert(_sidecar).on_conflict_do_nothing(index_elements=[_sidecar.c.file_id])
_AGAIN = (
    update(_sidecar)
    .where(_sidecar.c.file_id == bindparam("the_file"))
    .values({name: bindparam(f"new_{name}") for name in ("state", "pending_digest", "due_at", "path")})
)


def planned(conn: Connection, file_id: int, digest: str, path: str | None = None) -> tuple[frozenset[str], str | None]:
    """Any state -> pending: bytes of this SHA-256 are about to be written, by the caller, now.

    Args:
        path: where a first one is about to be written, as the OS names it: should its file move before that is recorded,
            it is found there.

    Returns:
        The digests of the bytes that are ours beside this file, these among them; and where its sidecar was last written,
        or was first to be.
    """
    at = None if path is None else to_text(path)
    lease = {"state": "pending", "due_at": time.time() + _LEASE}
    if conn.execute(_FIRST, {"file_id": file_id, **lease, "pending_digest": digest, "path": at}).rowcount:
        return frozenset([digest]), path
    row = get(conn, file_id)
    assert row is not None
    plans = [*(plan for plan in _plans(row.pending_digest) if plan != digest), digest][-_PLANS:]
    at = row.path or at
    values = {**lease, "pending_digest": " ".join(plans), "path": at}
    conn.execute(_AGAIN, {"the_file": file_id, **{f"new_{name}": value for name, value in values.items()}})
    return _owned(plans, row.written_digest), None if at is None else from_text(at)


def owned(conn: Connection, file_id: int) -> frozenset[str]:
    """The digests of the bytes that are ours beside this file."""
    row = get(conn, file_id)
    return frozenset() if row is None else _owned(_plans(row.pending_digest), row.written_digest)


def _owned(plans: list[str], written: str | None) -> frozenset[str]:
    return frozenset([*plans, written] if written else plans)


_AS_PLANNED = (
    update(_sidecar)
    .where(
        _sidecar.c.file_id == bindparam("the_file"),
        _sidecar.c.state == _PENDING,
        _sidecar.c.pending_digest == bindparam("new_written_digest"),
        _sidecar.c.due_at > bindparam("now"),
        _sidecar.c.reason.is_(None),
    )
    .values(state="written", due_at=None, pending_digest=None)
    .values({name: bindparam(f"new_{name}") for name in ("path", "written_digest", "size", "mtime_ns")})
)
"""What most sidecars come to, in one statement: written as planned, and nothing was wanted anew meanwhile."""
_RECORD = (
    update(_sidecar)
    .where(_sidecar.c.file_id == bindparam("the_file"))
    .values({name: bindparam(f"new_{name}") for name in _COLUMNS})
)


_its_root = select(t.file.c.root_id).where(t.file.c.id == bindparam("the_file")).scalar_subquery()
_ALIKE = (
    update(_sidecar)
    .where(
        _sidecar.c.state == _PENDING,
        _sidecar.c.due_at > bindparam("leased"),
        _sidecar.c.reason == bindparam("why"),
        select(t.file.c.id)
        .where(t.file.c.id == _sidecar.c.file_id, t.file.c.root_id.is_not_distinct_from(_its_root))
        .exists(),
    )
    .values(due_at=bindparam("now"))
)


def recorded(conn: Connection, file_id: int, path: str, outcome: Written, *, retry_at: float) -> bool:
    """pending -> written, refused, or pending again at `retry_at`. `path` is the sidecar's, as the OS names it.

    One that is written at last makes those of its root due that were hindered by the same.

    Returns:
        True if what stands in its way is another than before (or gone): what is worth a line in the log.
    """
    written = outcome.state == "written"
    size, mtime_ns = kept(outcome.seen) if outcome.seen is not None else (None, None)
    place = {
        "new_path": to_text(path),
        "new_written_digest": outcome.digest,
        "new_size": size,
        "new_mtime_ns": mtime_ns,
    }
    if written and conn.execute(_AS_PLANNED, {"the_file": file_id, "now": time.time(), **place}).rowcount:
        return False
    row = get(conn, file_id)
    if row is None:
        return False
    new = {f"new_{name}": getattr(row, name) for name in _COLUMNS}
    plans = _plans(row.pending_digest)
    # Due although its lease runs: the file has moved, or got another caption, while this one was written.
    is_wanted_anew = row.state == "pending" and row.due_at is not None and row.due_at <= time.time()
    is_last = not is_wanted_anew and (not plans or outcome.digest is None or plans[-1] == outcome.digest)
    if written:
        # A newer plan, made while this one was written, stays pending.
        left = [] if is_last else [plan for plan in plans if plan != outcome.digest]
        new |= {**place, "new_pending_digest": " ".join(left) or None}
        if is_last:
            new |= {"new_state": "written", "new_reason": None, "new_due_at": None}
    elif is_last:
        is_pending, reason = outcome.state == "pending", cleaned(outcome.reason)
        if not is_pending and row.reason is not None and (size, mtime_ns) == (row.size, row.mtime_ns):
            reason = row.reason  # it was read, and judged with what is known of its file: the writer can't tell so much
        elif not is_pending or row.reason not in (None, reason):
            # Why it was left alone is not known: the next scan reads it.
            new |= {"new_size": None, "new_mtime_ns": None}
        new |= {"new_state": outcome.state, "new_reason": reason, "new_due_at": retry_at if is_pending else None}
    conn.execute(_RECORD, {"the_file": file_id, **new})
    if written and row.reason is not None:
        now = time.time()
        conn.execute(_ALIKE, {"the_file": file_id, "why": row.reason, "now": now, "leased": now + _LEASE})
    return bool(new["new_reason"] != row.reason)


_MAKE_DUE = update(_sidecar).values(state="pending", reason=None, due_at=bindparam("now"))


def make_due(conn: Connection, file_ids: Collection[int], now: float) -> None:
    """Written or refused -> pending and due now: the file has moved, or another caption is its own now."""
    conn.execute(_MAKE_DUE.where(_sidecar.c.file_id.in_(list(file_ids))), {"now": now})


def make_due_showing(conn: Connection, caption_ids: Collection[int], now: float) -> None:
    """The same for all files that show one of these captions, however many they are."""
    showing = select(t.file.c.id).where(t.file.c.caption_id.in_(list(caption_ids)))
    conn.execute(_MAKE_DUE.where(_sidecar.c.file_id.in_(showing)), {"now": now})


def kept(seen: tuple[int, int]) -> tuple[int, int]:
    """Size and mtime as they are kept here: only so they can be compared with what is."""
    return signed(seen[0]), signed(seen[1])


_RECOVER = (
    update(_sidecar)
    .where(_sidecar.c.state.in_((_PENDING, literal_column("'refused'"))))
    .values(state=_PENDING, due_at=func.min(func.coalesce(_sidecar.c.due_at, bindparam("now")), bindparam("now")))
)


def recover(conn: Connection, now: float) -> None:
    """Pending ones that an earlier run left behind are due now, and so are refused ones: their place may be free."""
    conn.execute(_RECOVER, {"now": now})


_WITHOUT = (
    select(t.file.c.id)
    .where(t.file.c.root_id == bindparam("the_root"), t.file.c.present == 1, t.file.c.caption_id.is_not(None))
    .where(~select(_sidecar.c.file_id).where(_sidecar.c.file_id == t.file.c.id).exists())
)
_WANT = insert(_sidecar).from_select(
    ["file_id", "state", "due_at"], _WITHOUT.add_columns(_PENDING, bindparam("now", type_=_sidecar.c.due_at.type))
)


def are_missing(conn: Connection, root_id: int) -> bool:
    """Whether files of this root have captions, and never had a sidecar planned: none were written when they came."""
    return conn.execute(_WITHOUT.limit(1), {"the_root": root_id}).first() is not None


def want_missing(conn: Connection, root_id: int, now: float) -> None:
    """No row -> pending and due now, for all of these."""
    conn.execute(_WANT, {"the_root": root_id, "now": now})


def _plans(pending: str | None) -> list[str]:
    return pending.split() if pending else []
