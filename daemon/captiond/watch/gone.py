"""Files that are not there any more are marked absent; nothing of them is deleted.

Each is looked at for it: that an event or a listing says so is no proof. And the root is asked after that look: on a
share that went away meanwhile, nothing seems to be there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final

from captiond import live_photos
from captiond.paths import from_text, split, to_text
from captiond.store import files, folders
from captiond.watch.filestat import is_gone

if TYPE_CHECKING:
    from captiond.intake import Root
    from captiond.store.engine import Database

_BATCH: Final = 500
_UNHEARD: Final = nullcontext()
_LAST: Final = "\U0010ffff"
"""The last of all characters: no path goes on after it."""


def mark(
    db: Database,
    root: Root,
    known: Sequence[tuple[str, str]],
    online: Callable[[], bool],
    disk: AbstractContextManager[None] = _UNHEARD,
) -> int | None:
    """Mark absent which of these files, by folder and name, are gone.

    Args:
        db: the database.
        root: the root that they lie under.
        known: of any number.
        online: whether the root is there and the same.
        disk: entered while the file system is asked for a file, which may hang.

    Returns:
        How many there were; None: the root is away, and no more are marked.

    Raises:
        DatabaseError: the last batch was not recorded.
    """
    marked = 0
    for start in range(0, len(known), _BATCH):
        # Their rows first: one that comes back and is seen anew while it is looked for is not marked.
        with db.read() as conn:
            found = files.files_by_path(conn, ["/".join(one) for one in known[start : start + _BATCH]])
        present = [row for row in found.values() if row.present]
        missing = []
        for row in present:
            with disk:
                is_missing = is_gone(from_text(row.path), root.real)
            if is_missing:
                missing.append(row)
        with disk:
            away = bool(present) and not online()
        if away:
            return None
        if missing:
            left = live_photos.left_by(db, [(row.folder, row.name) for row in missing])
            with db.write() as conn:
                marked += folders.mark_gone(conn, missing)
                live_photos.release(conn, left)
    return marked


def mark_paths(
    db: Database,
    root: Root,
    paths: Sequence[str],
    online: Callable[[], bool],
    disk: AbstractContextManager[None] = _UNHEARD,
) -> int:
    """The same for what is known of these paths, as the OS names them; returns how many files that were."""
    return mark(db, root, [split(to_text(path)) for path in paths], online, disk) or 0


def mark_under(
    db: Database,
    root: Root,
    folder: str,
    online: Callable[[], bool],
    disk: AbstractContextManager[None] = _UNHEARD,
) -> int:
    """The same for all that is known below a folder that was moved away or deleted, as far as the root is there."""
    marked = 0
    top = to_text(folder)
    for first, last in ((top, top), (top + "/", top + "/" + _LAST)):
        after = (first, "")
        while True:
            with db.read() as conn:
                rows = folders.present_between(conn, after, last, _BATCH)
            if not rows:
                break
            found = mark(db, root, rows, online, disk)
            if found is None:
                return marked
            marked += found
            after = rows[-1]
    return marked
