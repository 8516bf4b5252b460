"""Writing a sidecar: replaced whole or not at all, never through a link, never over what captiond did not write.

Everything is done relative to the open folder, which is reached from its root without leaving it (see `beneath`).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

from captiond.sidecar.places import PlaceTaken, checked, held, is_there, opened, size_and_mtime
from captiond.sidecar.rights import Rights, What, give, have

State = Literal["written", "refused", "pending"]

_TEMPORARY = re.compile(r"\.captiond-[0-9a-f]{16}\.tmp\Z")
_THIS_MACHINE = os.uname().nodename.encode()
_STALE_SECONDS = 3600.0
"""A temporary file of ours that is older was left by a crash or a power cut."""
_AS_THE_SYSTEM_MAKES_IT = Rights()
_NAME_MAX = 255
"""Bytes of a file name on every file system that Linux mounts in practice."""

_swept: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a sidecar.

    `digest` is the SHA-256 of the bytes that were to be written; `reason` says, with the remedy, why they were not:
    `refused` stays so until a person acts, `pending` may pass by itself. It is None for a sidecar whose file is not there.
    `seen` is the size and mtime, in nanoseconds, of one that was written, stood there as it was to be, or is another's;
    `withheld` what it could not be given of its owner and group.
    """

    state: State
    digest: str | None
    reason: str | None
    seen: tuple[int, int] | None = None
    withheld: tuple[What, ...] = ()


def path_for(path: str, suffix: str) -> str:
    """Where the sidecar of the file at `path` is."""
    return path + suffix


def is_temporary(name: str) -> bool:
    """Whether a file of this name is a sidecar that is being written."""
    return _TEMPORARY.match(name) is not None


def write(
    target: str,
    body: bytes,
    *,
    owned: Collection[str],
    beside: str | None = None,
    root: str | None = None,
    rights: Rights = _AS_THE_SYSTEM_MAKES_IT,
) -> Outcome:
    """Write `body` to `target`, or say why not; it never raises for what the file system does, and leaves nothing behind.

    Args:
        target: the sidecar's path, as the OS names it.
        body: all of its bytes.
        owned: SHA-256 of every content that may be replaced, because captiond wrote it.
        beside: the name, in the same folder, of the file that it belongs to: without that, nothing is written. A share
            may have been unmounted a moment ago, and then the folder is the bare mount point, or one that is gone.
        root: the watched folder, which is not left; None: the file is under none.
        rights: what it is given, where the file system and captiond's user can.
    """
    digest = hashlib.sha256(body).hexdigest()
    folder, name = os.path.split(target)
    if len(os.fsencode(name)) > _NAME_MAX:
        return Outcome("refused", digest, f"the name would be longer than {_NAME_MAX} bytes; shorten the file's name")
    try:
        with held(target), opened(folder, root) as parent:
            if beside is not None and not is_there(parent, beside):
                return Outcome("pending", digest, None)
            _sweep(folder, parent)
            seen, withheld = _replace(parent, name, body, {*owned, digest}, rights)
    except PlaceTaken as refusal:
        return Outcome("refused", digest, str(refusal), refusal.seen)
    except (FileNotFoundError, NotADirectoryError) as error:
        return Outcome("pending", digest, None if beside is not None else _explained(error))
    except OSError as error:
        return Outcome("pending", digest, _explained(error))
    return Outcome("written", digest, None, seen, withheld)


def remove(path: str, *, beside: str, owned: Collection[str], root: str | None = None) -> bool:
    """Delete a sidecar that stands at an old place, if its bytes are captiond's; True if it is gone from there now.

    Args:
        path: the sidecar's, as the OS names it.
        beside: the name, in the same folder, that its file had. While a file has it, that one's sidecar stays: it may be
            the same file, back by now, or under another case where the file system does not tell cases apart.
        owned: SHA-256 of every content that captiond wrote.
        root: the watched folder that the old place is in, which is not left; None: it is in none.
    """
    folder, name = os.path.split(path)
    try:
        with held(path), opened(folder, root) as parent:
            found = checked(parent, name, owned)
            if found is not None and is_there(parent, beside):
                return False
            if found is not None:
                os.unlink(name, dir_fd=parent)
            return True
    except FileNotFoundError:
        return True
    except (PlaceTaken, OSError):
        return False


def _replace(
    parent: int, name: str, body: bytes, owned: Collection[str], rights: Rights
) -> tuple[tuple[int, int], tuple[What, ...]]:
    """Temporary file, fsync, then the name: with a link when nothing has it, so that nothing can be overwritten.

    The same bytes with the same rights stay as they are: who copies or backs up what has changed need not know of them.

    Returns: the size and mtime of what was written, and which rights could not be given.
    """
    temporary = _temporary(name, body)
    before = checked(parent, name, owned)
    if before is not None and before[0] == body and have(os.stat(name, dir_fd=parent, follow_symlinks=False), rights):
        with contextlib.suppress(FileNotFoundError):  # a crash may have come between its two names
            os.unlink(temporary, dir_fd=parent)
        _sync_folder(parent)
        return before[1], ()
    fd = _created(parent, temporary)
    try:
        try:
            withheld = give(fd, rights)
            _write_all(fd, body)
            os.fsync(fd)
            seen = size_and_mtime(os.fstat(fd))
        finally:
            # Network file systems tell of a full disk only here.
            os.close(fd)
        if before is None and _linked(parent, temporary, name):
            os.unlink(temporary, dir_fd=parent)
        else:
            checked(parent, name, owned)
            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=parent)
        raise
    _sync_folder(parent)
    return seen, withheld


def _sync_folder(parent: int) -> None:
    # Some file systems can't; the name is there all the same.
    with contextlib.suppress(OSError):
        os.fsync(parent)


def _temporary(name: str, body: bytes) -> str:
    """The same again for the same bytes: after a crash they are written anew, and what it left is in the way and so found.

    Another on another machine, which may write into the same share.
    """
    of = b"\0".join((_THIS_MACHINE, os.fsencode(name), body))
    return f".captiond-{hashlib.sha256(of).hexdigest()[:16]}.tmp"


def _created(parent: int, temporary: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(temporary, flags, 0o644, dir_fd=parent)
    except FileExistsError:
        os.unlink(temporary, dir_fd=parent)
        return os.open(temporary, flags, 0o644, dir_fd=parent)


def _write_all(fd: int, body: bytes) -> None:
    left = memoryview(body)
    while left:
        left = left[os.write(fd, left) :]


def _linked(parent: int, temporary: str, name: str) -> bool:
    """Give the temporary file its name too, which fails if anything has it by now; False if links don't work there."""
    try:
        os.link(temporary, name, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EINVAL):
            return False
        if error.errno == errno.EEXIST:
            return False
        raise
    return True


def _sweep(folder: str, parent: int) -> None:
    """Delete temporary files that a crash left in this folder; looked for once a folder and hour."""
    now = time.monotonic()
    if now - _swept.get(folder, -_STALE_SECONDS) < _STALE_SECONDS:
        return
    if len(_swept) > 10_000:
        _swept.clear()
    _swept[folder] = now
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if not is_temporary(entry.name):
                continue
            with contextlib.suppress(OSError):
                known = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(known.st_mode) and time.time() - known.st_mtime > _STALE_SECONDS:
                    os.unlink(entry.name, dir_fd=parent)


EXPLAINED: Final = {
    errno.ENOSPC: "the disk is full; free some space and it is written",
    errno.EDQUOT: "the quota is used up; free some space and it is written",
    errno.EROFS: "the file system is read-only; mount it for writing, open it to the service (`captiond install --now`), or set "
    "`enabled = false` under [sidecar]",
    errno.EACCES: "captiond's user may not write in the folder; give it the right, or set `enabled = false` under [sidecar]",
    errno.EPERM: "captiond's user may not write in the folder; give it the right, or set `enabled = false` under [sidecar]",
    errno.ENOENT: "the folder is gone; it is written when the folder is back",
    errno.ENOTDIR: "the folder is gone; it is written when the folder is back",
    errno.EIO: "the disk or share failed; it is tried again",
    errno.ETIMEDOUT: "the disk or share does not answer; it is tried again",
}
"""What the file system's errors mean for a sidecar, and what to do."""


def _explained(error: OSError) -> str:
    return EXPLAINED.get(error.errno or 0, f"{error.strerror or type(error).__name__}; it is tried again")
