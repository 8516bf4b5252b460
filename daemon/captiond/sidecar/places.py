"""A sidecar's place: held by one thread at a time, its folder open, and what stands there looked at without following a link.

Everything is done relative to the open folder, which is reached from its root without leaving it (see `beneath`).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import threading
from collections.abc import Collection, Iterator

from captiond import beneath

_MOST_BYTES = 8 << 20
"""Of a sidecar; what is larger is no one of ours."""
HELD_SECONDS = 10.0
"""The wait for a place that another thread holds: longer than a write takes, unless its disk or share hangs."""


class _Place:
    """`wanted` is how many threads hold it or wait for it; nobody knows of it any more when that is 0."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wanted = 0


_places: dict[str, _Place] = {}
_of_places = threading.Lock()


class PlaceTaken(Exception):
    """Something else has the place. `seen` is the size and mtime, in nanoseconds, of a file that captiond did not write."""

    def __init__(self, reason: str, seen: tuple[int, int] | None = None) -> None:
        super().__init__(reason)
        self.seen = seen


_ANOTHERS = "a file that captiond did not write has the sidecar's name; rename or remove it"


@contextlib.contextmanager
def held(path: str) -> Iterator[None]:
    """Nothing else is done at this path meanwhile.

    Two plans for one file may be carried out at once, and the second must see what the first has
    done. Each path by itself: a thread may hang in a dead share for good, and keeps what it holds.

    Raises:
        TimeoutError: another thread holds it, and hangs.
    """
    with _of_places:
        place = _places.setdefault(path, _Place())
        place.wanted += 1
    try:
        if not place.lock.acquire(timeout=HELD_SECONDS):
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        try:
            yield
        finally:
            place.lock.release()
    finally:
        with _of_places:
            place.wanted -= 1
            if not place.wanted:
                del _places[path]


@contextlib.contextmanager
def opened(folder: str, root: str | None) -> Iterator[int]:
    """The folder, open for the `dir_fd` of all that is done in it.

    Raises:
        PlaceTaken: it is not under the root.
        OSError: it can't be opened.
    """
    try:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        fd = os.open(folder or ".", flags) if root is None else beneath.folder(root, folder)
    except beneath.LeavesRoot:
        raise PlaceTaken(
            "a folder of its path is a link that leads out of the root; put a folder in its place"
        ) from None
    try:
        yield fd
    finally:
        os.close(fd)


def is_there(parent: int, name: str) -> bool:
    """Whether anything has this name in the folder."""
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def size_and_mtime(status: os.stat_result) -> tuple[int, int]:
    """What tells a changed sidecar from the same one; the time in nanoseconds."""
    return status.st_size, status.st_mtime_ns


def checked(parent: int, name: str, owned: Collection[str]) -> tuple[bytes, tuple[int, int]] | None:
    """What stands there, if it is captiond's, as `body_of` has it; None if nothing does.

    Raises:
        PlaceTaken: something else stands there.
    """
    found = body_of(parent, name)
    if found is not None and hashlib.sha256(found[0]).hexdigest() not in owned:
        raise PlaceTaken(_ANOTHERS, found[1])
    return found


def body_of(parent: int, name: str) -> tuple[bytes, tuple[int, int]] | None:
    """All bytes of the regular file of this name, and its size and mtime before they were read; None if there is nothing.

    Raises:
        PlaceTaken: it is no regular file, or, with `seen`, too large for one of ours.
        OSError: it can't be read.
    """
    try:
        kind = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(kind.st_mode):
        raise PlaceTaken(f"{_what(kind.st_mode)} has the sidecar's name; rename or remove it")
    if kind.st_size > _MOST_BYTES:
        raise PlaceTaken(_ANOTHERS, size_and_mtime(kind))
    try:
        # Not blocking, for it may have become a pipe since.
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise PlaceTaken("a link or a device has the sidecar's name; rename or remove it") from None
        raise
    with open(fd, "rb") as reader:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise PlaceTaken("something that is no file has the sidecar's name; rename or remove it")
        return reader.read(_MOST_BYTES + 1), size_and_mtime(status)


def _what(mode: int) -> str:
    kinds = (
        (stat.S_ISLNK, "a link"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for test, name in kinds if test(mode)), "a device")
