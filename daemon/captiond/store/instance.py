"""One service per database: a lock that the kernel gives up with its process, and that says who holds it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from captiond.errors import DatabaseError, InstanceError

_PATIENCE = 0.5
"""Seconds that `acquire` tries: `holder` of another process takes the lock for a moment to look."""


class InstanceLock:
    """The lock file `<database>.lock`, held by flock(2). The file stays; only the lock on it counts."""

    def __init__(self, db_path: Path) -> None:
        self.path = db_path.with_name(db_path.name + ".lock")
        self._fd: int | None = None

    def acquire(self, command: str) -> None:
        """Hold the lock until `release` or the end of the process; `command` tells others what holds it.

        Raises:
            InstanceError: another process holds it.
            DatabaseError: the lock file can't be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            read_only = error.errno == errno.EROFS
            remedy = (
                "mount its file system for writing" if read_only else "give this user the right to write its folder"
            )
            raise DatabaseError(f"{self.path} can't be written ({error.strerror}): {remedy}") from error
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(0.02)
                    continue
                held = _read(fd)
                os.close(fd)
                raise InstanceError(
                    f"another captiond works on this database: process {held.get('pid', 'unknown')}"
                    f" ({held.get('command', 'unknown')}, since {held.get('since', 'unknown')}); stop it first"
                ) from None
        text = json.dumps(
            {"pid": os.getpid(), "command": command, "since": datetime.now(UTC).isoformat(timespec="seconds")}
        )
        # A full disk takes the note, not the lock.
        with contextlib.suppress(OSError):
            os.ftruncate(fd, 0)
            os.pwrite(fd, text.encode(), 0)
        self._fd = fd

    def release(self) -> None:
        """Give the lock up; harmless if it isn't held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def holder(self) -> dict[str, Any] | None:
        """Who holds it now: pid, command, since, as far as they are known; None if nobody does."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(fd)
        finally:
            os.close(fd)
        return None


def _read(fd: int) -> dict[str, Any]:
    try:
        found = json.loads(os.pread(fd, 4096, 0))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
