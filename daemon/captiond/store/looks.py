"""What stands in sidecars' places, as it was last looked at: until it changes it is not read again.

A sidecar that is not as captiond left it is taken over, or left alone, by what `adoption` finds in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.sqlite import insert

from captiond.paths import split, to_text
from captiond.store import tables as t
from captiond.store.clean import cleaned
from captiond.store.sidecars import get, kept

_sidecar = t.sidecar


def _looks(seen: tuple[int, int]) -> dict[str, int]:
    size, mtime_ns = kept(seen)
    return {"size": size, "mtime_ns": mtime_ns}


def looked(conn: Connection, file_id: int, seen: tuple[int, int]) -> None:
    """What stands there has this size and mtime, and is in nobody's way: until they change it is not read again."""
    _set(conn, file_id, _looks(seen))


def taken_over(conn: Connection, file_id: int, path: str, digest: str, seen: tuple[int, int], now: float) -> None:
    """Any state -> pending: bytes that another wrote are captiond's now, and may be replaced at once."""
    row = {"path": to_text(path), "state": "pending", "reason": None, "written_digest": digest, "due_at": now}
    _set(conn, file_id, {**row, **_looks(seen)})


def as_it_should_be(conn: Connection, file_id: int) -> None:
    """pending -> written: the bytes that were taken over are those that would be written."""
    mine = (_sidecar.c.file_id == file_id) & (_sidecar.c.state == "pending")
    conn.execute(update(_sidecar).where(mine).values(state="written", due_at=None))


def left_alone(conn: Connection, file_id: int, path: str, seen: tuple[int, int], reason: str) -> bool:
    """Any state -> refused: what stands there is another's. Returns: whether the reason is another than before."""
    before = get(conn, file_id)
    state = {"state": "refused", "reason": cleaned(reason), "due_at": None, **_looks(seen)}
    _set(conn, file_id, state if before is not None else {**state, "path": to_text(path)})
    return before is None or before.reason != cleaned(reason)


def _set(conn: Connection, file_id: int, values: dict[str, Any]) -> None:
    """These columns of a file's row; a new one that does not say otherwise is pending, until the file has a caption."""
    statement = insert(_sidecar).values({"file_id": file_id, "state": "pending", **values})
    conn.execute(statement.on_conflict_do_update(index_elements=[_sidecar.c.file_id], set_=values))


@dataclass(frozen=True, slots=True)
class Known:
    """A file that is there and whose bytes are known, and what its sidecar looked like at the last look, as it is `kept`."""

    file_id: int
    sha256: str
    captioned: bool
    seen: tuple[int | None, int | None]


_BESIDE = (
    select(t.file.c.name, t.file.c.id, t.content.c.sha256, t.file.c.caption_id, _sidecar.c.size, _sidecar.c.mtime_ns)
    .join(t.content, t.content.c.id == t.file.c.content_id)
    .outerjoin(_sidecar, _sidecar.c.file_id == t.file.c.id)
    .where(
        t.file.c.folder == bindparam("the_folder"),
        t.file.c.name.in_(bindparam("the_names", expanding=True)),
        t.file.c.root_id == bindparam("the_root"),
        t.file.c.present == 1,
    )
)


def beside(conn: Connection, paths: Iterable[str], root_id: int) -> dict[str, Known]:
    """What is known of the files at these paths, as the OS names them, and of their sidecars.

    At most some thousand. Those of which that is not enough for a sidecar are left out.
    """
    folders: dict[str, dict[str, str]] = {}
    for path in paths:
        folder, name = split(to_text(path))
        folders.setdefault(folder, {})[name] = path
    found = {}
    for folder, names in folders.items():
        which = {"the_folder": folder, "the_names": list(names), "the_root": root_id}
        for row in conn.execute(_BESIDE, which):
            known = Known(row.id, row.sha256, row.caption_id is not None, (row.size, row.mtime_ns))
            found[names[row.name]] = known
    return found


_SEEN = select(_sidecar.c.file_id, _sidecar.c.size, _sidecar.c.mtime_ns).where(
    _sidecar.c.file_id.in_(bindparam("ids", expanding=True))
)


def seen(conn: Connection, file_ids: Collection[int]) -> dict[int, tuple[int | None, int | None]]:
    """What the sidecars of these files, at most some thousand, looked like at the last look, as it is `kept`."""
    return {row[0]: (row[1], row[2]) for row in conn.execute(_SEEN, {"ids": list(file_ids)})}
