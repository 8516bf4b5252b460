"""The stat of one path, if it is a file that can be taken up, and whether there is none."""

from __future__ import annotations

import os
import stat as stat_module

from captiond.media.identify import named_like_media
from captiond.paths import is_under
from captiond.spelling import is_as_listed
from captiond.values import Stat

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC


def stat_file(path: str, real_root: str, *, fresh: bool = False) -> Stat | None:
    """The stat of a file that can be taken up; None if there is none.

    Only regular files are. A link to one inside the root counts as one, with the stat of its target. A link that leaves
    the root is not followed: one that is named like media has the link's own stat, so that its job can say why it fails.

    Args:
        path: absolute, as the OS names it.
        real_root: the root without links in its path.
        fresh: open the file for it. NFS and SMB answer a bare stat from what they remember, for up to a minute; on opening
            they ask the server ("close to open", see nfs(5)).

    Raises:
        OSError: it can't be told; the file system may be away.
    """
    try:
        status = os.lstat(path)
        if stat_module.S_ISLNK(status.st_mode):
            return _through(path, real_root, status)
        if not stat_module.S_ISREG(status.st_mode):
            return None
        return Stat.of(_asked_anew(path, status) if fresh else status)
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_gone(path: str, real_root: str) -> bool:
    """Whether there certainly is no file at this path: False where it can't be told, as on a share that is away.

    A link is judged as `stat_file` does, by what it leads to: one whose target went is gone itself.
    """
    try:
        status = os.lstat(path)
        if stat_module.S_ISLNK(status.st_mode) and _through(path, real_root, status) is None:
            return True
        return stat_module.S_ISDIR(status.st_mode) or not is_as_listed(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def _asked_anew(path: str, status: os.stat_result) -> os.stat_result:
    try:
        fd = os.open(path, _OPEN)
    except PermissionError:
        return status  # a job will say so
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)


def _through(path: str, real_root: str, link: os.stat_result) -> Stat | None:
    # Told by the text of the link first: to follow one that leads to another, dead share would hang.
    target = os.path.normpath(os.path.join(os.path.realpath(os.path.dirname(path)), os.readlink(path)))
    if is_under(target, real_root):
        target = os.path.realpath(target)
    if not is_under(target, real_root):
        return Stat.of(link) if named_like_media(path) else None
    status = os.lstat(target)
    return Stat.of(status) if stat_module.S_ISREG(status.st_mode) else None
