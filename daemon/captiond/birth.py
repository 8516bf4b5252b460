"""When a file was made, which `os.stat` does not tell."""

from __future__ import annotations

import ctypes
import os
import struct

_AT_FDCWD, _AT_SYMLINK_NOFOLLOW = -100, 0x100
_STATX_BTIME = 0x800
_SIZE, _MASK_AT, _BTIME_AT = 256, 0, 80


def born_ns(path: str) -> int | None:
    """Nanoseconds since 1970 at which the file, or the link itself, was made.

    None: it can't be told, as on NFS and FUSE, or there is no such file. See statx(2) for the numbers, and for ext4, XFS,
    Btrfs, tmpfs and SMB, which know it. A rename leaves it as it is.
    """
    statx = getattr(ctypes.CDLL(None), "statx", None)  # in glibc since 2.28
    told = ctypes.create_string_buffer(_SIZE)
    if statx is None or statx(_AT_FDCWD, os.fsencode(path), _AT_SYMLINK_NOFOLLOW, _STATX_BTIME, told):
        return None
    (mask,) = struct.unpack_from("=I", told, _MASK_AT)
    seconds, nanoseconds = struct.unpack_from("=qI", told, _BTIME_AT)
    return seconds * 1_000_000_000 + nanoseconds if mask & _STATX_BTIME else None
