"""The server of a FUSE file system that shows a folder, and fails, hangs or is slow as it is told.

`python fuse_server.py STORE POINT [any]`. Each line of its input is a `Fault` as JSON, or `null` for none, and takes the place of
the one before; each is answered by a line. It runs until the file system is unmounted.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterable
from typing import Any

from mfusepy import FUSE, FuseOSError

from fuse_share import Fault

_STAT = ("st_mode", "st_ino", "st_nlink", "st_uid", "st_gid", "st_size", "st_blocks", "st_rdev")
_TIMES = ("st_atime", "st_mtime", "st_ctime")
_STATVFS = ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail", "f_namemax")


class Folder:
    """The folder, operation by operation."""

    use_ns = True

    def __init__(self, store: str) -> None:
        self._store = store
        self._fault: Fault | None = None
        self._over = threading.Event()

    def obey(self, lines: Iterable[str]) -> None:
        """Make the fault that each line tells of."""
        for line in lines:
            told = json.loads(line)
            self._fault = told and Fault(**told)
            self._over.set()
            self._over = threading.Event()
            print(line, end="", flush=True)

    def _real(self, operation: str, path: str) -> str:
        """Where it is in truth; the fault is met here."""
        fault, over = self._fault, self._over
        if fault is not None and operation in fault.operations and fault.name in (None, os.path.basename(path)):
            time.sleep(fault.seconds)
            if fault.hang:
                over.wait()
            if fault.errno:
                raise FuseOSError(fault.errno)
        return self._store + path

    # --- looking

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        real = self._real("getattr", path)
        status = os.lstat(real) if fh is None else os.fstat(fh)
        return {key: getattr(status, key) for key in _STAT} | {key: getattr(status, f"{key}_ns") for key in _TIMES}

    def readdir(self, path: str, fh: int) -> list[Any]:
        return [".", "..", *os.listdir(self._real("readdir", path))]

    def readlink(self, path: str) -> str:
        return os.readlink(self._real("readlink", path))

    def statfs(self, path: str) -> dict[str, int]:
        found = os.statvfs(self._real("statfs", path))
        return {key: getattr(found, key) for key in _STATVFS}

    def open(self, path: str, flags: int) -> int:
        return os.open(self._real("open", path), flags)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        self._real("read", path)
        return os.pread(fh, size, offset)

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0

    # --- writing

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        return os.open(self._real("create", path), fi, mode)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._real("write", path)
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        os.truncate(self._real("truncate", path), length)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._real("fsync", path)
        os.fsync(fh)
        return 0

    def chmod(self, path: str, mode: int) -> int:
        os.chmod(self._real("chmod", path), mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        os.lchown(self._real("chown", path), uid, gid)
        return 0

    def utimens(self, path: str, times: tuple[int, int]) -> int:
        os.utime(self._real("utimens", path), ns=times, follow_symlinks=False)
        return 0

    # --- names

    def link(self, target: str, source: str) -> int:
        os.link(self._store + source, self._real("link", target))
        return 0

    def symlink(self, target: str, source: str) -> int:
        os.symlink(source, self._real("symlink", target))
        return 0

    def rename(self, old: str, new: str) -> int:
        os.rename(self._real("rename", old), self._store + new)
        return 0

    def unlink(self, path: str) -> int:
        os.unlink(self._real("unlink", path))
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        os.mkdir(self._real("mkdir", path), mode)
        return 0

    def rmdir(self, path: str) -> int:
        os.rmdir(self._real("rmdir", path))
        return 0


class AnyCase(Folder):
    """It takes names that differ in case alone for one, and keeps their case, as SMB and NTFS do."""

    def init_with_config(self, _connection: Any, config: Any) -> None:
        config.use_ino = 1  # else each spelling of a name gets a number of its own

    def readdir(self, path: str, fh: int) -> list[Any]:
        below = path.rstrip("/")
        return [".", "..", *((name, self.getattr(f"{below}/{name}"), 0) for name in super().readdir(path, fh)[2:])]

    def _real(self, operation: str, path: str) -> str:
        super()._real(operation, path)
        return self._found(path)

    def _found(self, path: str) -> str:
        real = self._store
        for name in filter(None, path.split("/")):
            there = os.listdir(real) if os.path.isdir(real) else []
            real += "/" + next((one for one in there if one.casefold() == name.casefold()), name)
        return real

    def link(self, target: str, source: str) -> int:
        os.link(self._found(source), self._real("link", target))
        return 0

    def rename(self, old: str, new: str) -> int:
        real, there = self._real("rename", old), self._found(new)
        os.rename(real, os.path.join(os.path.dirname(there), os.path.basename(new)) if real == there else there)
        return 0


def main(store: str, point: str, case: str = "") -> None:
    """Serve until it is unmounted; `case` is "any" where names that differ in case alone are the same."""
    folder = AnyCase(store) if case == "any" else Folder(store)
    threading.Thread(target=folder.obey, args=(sys.stdin,), daemon=True).start()
    FUSE(folder, point, foreground=True, default_permissions=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
