"""What /proc tells of a running program, and how to take root's rights from it."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path


def children(pid: int) -> set[int]:
    """Its direct children."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that ends meanwhile
            found |= {int(child) for child in (task / "children").read_text().split()}
    return found


def descriptors(pid: int) -> list[str]:
    """What its open file descriptors lead to; none are seen of a program that shows them to root alone."""
    found: list[str] = []
    links: list[Path] = []
    with suppress(PermissionError):
        links = list(Path(f"/proc/{pid}/fd").iterdir())
    for link in links:
        with suppress(FileNotFoundError):  # closed meanwhile
            found.append(os.readlink(link))
    return found


def threads(pid: int) -> int:
    """How many threads it has."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def inotify_watches(pid: int) -> int:
    """How many inotify watches it holds."""
    count = 0
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            count += sum(1 for line in info.read_text().splitlines() if line.startswith("inotify wd:"))
    return count


def without_override() -> list[str] | None:
    """The start of a command line whose program may not read what its rights forbid; None where that can't be had.

    Root may read everything by two capabilities; without them it is held by a file's rights as anyone.
    """
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    return [setpriv, "--bounding-set=-dac_override,-dac_read_search"] if setpriv else None
