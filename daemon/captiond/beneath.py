"""A folder under a root, opened so that the root is never left, whatever is renamed or linked meanwhile.

Each step from the root into the next folder follows no link: that is what openat2(2) does with RESOLVE_BENEATH and
RESOLVE_NO_SYMLINKS, on every kernel and with the calls that Python has. Where a link is met, those that stay inside the
root are resolved, and the steps are made again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from captiond.paths import is_under

_TRIES = 10
_STEP = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class LeavesRoot(Exception):
    """A link leads out of the root, or a folder became a link on the way."""


def resolved(path: str) -> str:
    """The path without links in it, as far as it is there. Raises OSError."""
    for _ in range(_TRIES):
        with contextlib.suppress(OSError):  # EINVAL: what was a link a moment ago is none any more
            return os.path.realpath(path)
    return os.path.realpath(path)


def folder(root: str, path: str, *, listed: bool = True) -> int:
    """A descriptor of the folder at `path`, for the `dir_fd` of what is done in it; the caller closes it.

    Args:
        root: the watched folder; links in its own path are its owner's.
        path: a folder in it, or itself.
        listed: the folder is to be listed or synced; else it need not be readable.

    Raises:
        LeavesRoot: it is not under the root, or not any more.
        OSError: it can't be opened.
    """
    if is_under(path, root):
        # A link may well stay inside.
        with contextlib.suppress(LeavesRoot):
            return _walked(root, path[len(root) :], listed=listed)
    real_root, real = resolved(root), resolved(path)
    if not is_under(real, real_root):
        raise LeavesRoot
    return _walked(real_root, real[len(real_root) :], listed=listed)


def _walked(root: str, relative: str, *, listed: bool) -> int:
    steps = [name for name in relative.split("/") if name]
    if ".." in steps:
        raise LeavesRoot
    last = os.O_RDONLY if listed else os.O_PATH
    fd = os.open(root, (os.O_PATH if steps else last) | os.O_DIRECTORY | os.O_CLOEXEC)
    for number, name in enumerate(steps, start=1):
        try:
            below = os.open(name, (last if number == len(steps) else os.O_PATH) | _STEP, dir_fd=fd)
        except OSError as error:  # ENOTDIR or ELOOP, by the flags
            if error.errno in (errno.ENOTDIR, errno.ELOOP) and _is_link(fd, name):
                raise LeavesRoot from None
            raise
        finally:
            os.close(fd)
        fd = below
    return fd


def _is_link(parent: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except OSError:
        return False
