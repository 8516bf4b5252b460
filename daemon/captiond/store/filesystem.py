"""Where the database may live: WAL needs memory shared between processes, which network file systems don't give."""

from __future__ import annotations

import os
import re
from pathlib import Path

NETWORK = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs"),
        *("nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs", "fuse.ceph", "fuse.curlftpfs", "fuse.davfs2"),
        *("fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    }
)
"""Types of file systems, as /proc/self/mountinfo names them, on which SQLite's WAL does not work."""

_OCTAL = re.compile(r"\\([0-7]{3})")


def network_type(path: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> str | None:
    """The type of the network file system that `path` is on, or None on a local one or where it can't be told.

    See proc_pid_mountinfo(5): the mount point is the fifth field, its blanks are written as octal; the type follows " - ".
    """
    try:
        lines = mountinfo.read_bytes().decode(errors="surrogateescape").splitlines()
    except OSError:
        return None
    real = os.path.realpath(path)
    best, found = "", None
    for line in lines:
        mount, _, rest = line.partition(" - ")
        fields, kind = mount.split(" "), rest.split(" ")[0]
        if len(fields) < 5:
            continue
        point = _OCTAL.sub(lambda m: chr(int(m[1], 8)), fields[4])
        inside = point in ("/", real) or real.startswith(point + "/")
        # A later mount on the same point hides the earlier one.
        if inside and len(point) >= len(best):
            best, found = point, kind
    return found if found in NETWORK else None
