"""What the disk says of a file: is it media, is it the one that was known, has that left."""

from __future__ import annotations

import errno
import os
import stat as stat_module
from enum import Enum
from typing import TYPE_CHECKING

from captiond.birth import born_ns
from captiond.media.identify import HEAD_BYTES, named_like_media, sniff
from captiond.spelling import is_as_listed

if TYPE_CHECKING:
    from captiond.store.files import FileRow
    from captiond.values import Quiet

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOR_GOOD = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENAMETOOLONG})


class Is(Enum):
    MEDIA = "media"
    OTHER = "other"
    GONE = "gone"
    UNKNOWN = "unknown"


def identify(quiet: Quiet, real_root: str) -> Is:
    """Whether it is media: by its name, else by its first bytes, which are read only in the root."""
    if named_like_media(quiet.path):
        return Is.MEDIA
    try:
        fd = os.open(quiet.path, _OPEN)
    except (FileNotFoundError, NotADirectoryError):
        return Is.GONE
    except OSError as error:
        return Is.OTHER if error.errno in _FOR_GOOD else Is.UNKNOWN
    try:
        if not stat_module.S_ISREG(os.fstat(fd).st_mode) or not _inside(fd, real_root):
            return Is.OTHER
        return Is.OTHER if sniff(os.pread(fd, HEAD_BYTES, 0)) is None else Is.MEDIA
    except OSError:
        return Is.UNKNOWN
    finally:
        os.close(fd)


def _inside(fd: int, real_root: str) -> bool:
    """Whether an open file lies in the root, by the kernel: a link on the way may lead out of it."""
    try:
        real = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return False
    return real.startswith(real_root.rstrip("/") + "/")


def is_same(quiet: Quiet, row: FileRow) -> bool | None:
    """Whether a file that has the inode, size and mtime of one that left is that one; None: it can't be told.

    File systems give an inode again at once, and frames of one size and one time, by a program that sets it, are many.
    """
    if quiet.stat.ctime_ns == row.stat.ctime_ns:  # as when a folder above it was renamed
        return True
    born = born_ns(quiet.path)
    if born is not None:
        return born <= row.stat.ctime_ns
    return None if quiet.stat.mtime_ns % 1_000_000_000 == 0 else True


def has_left(path: str) -> bool:
    """Whether a file certainly is not at its path any more: False where it can't be told."""
    try:
        return stat_module.S_ISDIR(os.lstat(path).st_mode) or not is_as_listed(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
