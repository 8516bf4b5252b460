"""What copies of a database have left behind, where a crash ended them: each is as large as the database."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

_PART = re.compile(r"\.(?P<of>.+)\.[0-9a-f]{8}\.part(?:-journal|-wal|-shm)?")
_STALE_SECONDS = 3600.0
"""A copy that was not written to for so long is not under way."""


def sweep(folder: Path, name: str) -> None:
    """Remove from a folder what was left of copies whose name begins so."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            found = _PART.fullmatch(path.name)
            if found is None or not found["of"].startswith(name):
                continue
            with contextlib.suppress(OSError):
                if time.time() - path.lstat().st_mtime > _STALE_SECONDS:
                    path.unlink()
