"""What is mounted where: /proc/self/mountinfo and /etc/fstab, see proc_pid_mountinfo(5) and fstab(5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MOUNTINFO: Final = Path("/proc/self/mountinfo")
FSTAB: Final = Path("/etc/fstab")

_ESCAPED = re.compile(r"\\([0-7]{3})")
_NETWORK = re.compile(
    "9p|acfs|afs|beegfs|ceph|cifs|coda|davfs|fuse|gfs2?|glusterfs|gpfs|lustre|ncpfs|nfs4?|ocfs2|orangefs|panfs|prl_fs|pvfs2"
    "|smb[23]|smbfs|vboxsf|virtiofs|vmhgfs"
)
_LOCAL_FUSE = re.compile(
    "fuse[.](?:apfs|bindfs|cryfs|encfs|exfat|ext2|fuse2fs|gocryptfs|lxcfs|mergerfs|ntfs(?:-3g)?|securefs|unionfs|zfs)"
)


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo. `id` is its own while it is mounted; the kernel uses it again after that."""

    id: int
    point: str
    fstype: str


def is_network(fstype: str) -> bool:
    """Whether files on this type of file system can change without inotify being told.

    A FUSE file system that is not known to be local counts as a network: what changes behind it is not told either.
    """
    if fstype.startswith("fuse."):
        return _LOCAL_FUSE.fullmatch(fstype) is None
    return _NETWORK.fullmatch(fstype) is not None


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


def is_under(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or something in it."""
    return path == folder or path.startswith(folder if folder.endswith("/") else folder + "/")


def unescape(text: str) -> str:
    r"""Blanks, tabs, line breaks and backslashes are written as \040 and the like in both files."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)
