"""What is mounted where, what each type of file system can do, and how one says that it is away.

Read from /proc/self/mountinfo and /etc/fstab, see proc_pid_mountinfo(5) and fstab(5).
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from captiond.paths import is_under

MOUNTINFO: Final = Path("/proc/self/mountinfo")
FSTAB: Final = Path("/etc/fstab")

_ESCAPED = re.compile(r"\\([0-7]{3})")
_NETWORK = re.compile(
    "9p|acfs|afs|beegfs|ceph|cifs|coda|davfs|gfs2?|glusterfs|gpfs|lustre|ncpfs|nfs4?|ocfs2|orangefs|panfs|pvfs2"
    "|smb[23]|smbfs|fuse[.](?:ceph|curlftpfs|davfs2|gcsfuse|glusterfs|rclone|s3fs|sshfs)"
)
_OF_A_HOST = re.compile("prl_fs|vboxsf|virtiofs|vmhgfs")
"""Folders that a virtual machine shares with its host."""
_LOCAL_FUSE = re.compile(
    "fuse[.](?:apfs|bindfs|cryfs|encfs|exfat|ext2|fuse2fs|gocryptfs|lxcfs|mergerfs|ntfs(?:-3g)?|securefs|unionfs|zfs)"
)


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo. `id` is its own while it is mounted; the kernel uses it again after that."""

    id: int
    point: str
    fstype: str


AWAY: Final = frozenset(
    {
        errno.ESTALE,
        errno.ENOTCONN,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.EIO,
        errno.ENODEV,
        errno.ENXIO,
        errno.ETIMEDOUT,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EREMOTEIO,
        errno.ESHUTDOWN,
    }
)
"""The errors by which a file system says that it is away; of a single file ESTALE and EIO may mean that file alone."""


def is_network(fstype: str) -> bool:
    """Whether this type of file system is on another machine: SQLite's WAL does not work there.

    WAL needs memory that all processes share (https://www.sqlite.org/wal.html).
    """
    return _NETWORK.fullmatch(fstype) is not None


def must_be_polled(fstype: str) -> bool:
    """Whether files on this type of file system can change without inotify being told.

    So they can on networks, on what a virtual machine's host shares, and on any FUSE file system that is not known to be
    local.
    """
    if is_network(fstype) or _OF_A_HOST.fullmatch(fstype):
        return True
    return fstype == "fuse" or (fstype.startswith("fuse.") and _LOCAL_FUSE.fullmatch(fstype) is None)


def read_mounts(source: Path = MOUNTINFO) -> tuple[Mount, ...]:
    """What is mounted, in the order of mounting.

    Raises:
        OSError: it can't be told.
    """
    mounts = []
    for line in source.read_bytes().decode(errors="surrogateescape").split("\n"):
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) >= 6 and after:
            mounts.append(Mount(int(fields[0]), unescape(fields[4]), after.split(" ", 1)[0]))
    return tuple(mounts)


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """The mount on which an absolute path without links in it lies. A later mount at the same place hides the earlier."""
    best: Mount | None = None
    for mount in mounts:
        if is_under(path, mount.point) and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def fstype_of(path: Path, source: Path = MOUNTINFO) -> str | None:
    """The type of the file system that `path` is on, links in it followed; None where it can't be told."""
    try:
        mount = mount_of(os.path.realpath(path), read_mounts(source))
    except OSError:
        return None
    return None if mount is None else mount.fstype


def fstab_points(source: Path = FSTAB) -> tuple[str, ...]:
    """Where /etc/fstab says that something is to be mounted; nothing if there is no such file."""
    try:
        text = source.read_bytes().decode(errors="surrogateescape")
    except OSError:
        return ()
    points = []
    for line in text.split("\n"):
        fields = line.split()
        if len(fields) < 3 or fields[0].startswith("#") or fields[2] == "swap":
            continue
        point = unescape(fields[1])
        if point.startswith("/") and point != "/":
            points.append(point.rstrip("/"))
    return tuple(points)


def unescape(text: str) -> str:
    r"""Blanks, tabs, line breaks and backslashes are written as \040 and the like in both files."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)
