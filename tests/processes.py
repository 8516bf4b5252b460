"""What /proc tells of a running program, and how to take root's rights from it."""

from __future__ import annotations

import ctypes
import os
import shutil
from contextlib import suppress
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


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


def switches(pid: int) -> dict[int, int]:
    """How often each of its threads has waited for something."""
    found: dict[int, int] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            lines = (task / "status").read_text().splitlines()
            (count,) = [line.split()[1] for line in lines if line.startswith("voluntary_ctxt_switches:")]
            found[int(task.name)] = int(count)
    return found


class HeldThread:
    """One thread that stands still from now on, whatever it was at, as a tracer makes it; the others of its program go on.

    Raises:
        OSError: tracing is not allowed here.
    """

    _SEIZE, _INTERRUPT, _WALL = 0x4206, 0x4207, 0x40000000

    def __init__(self, thread: int) -> None:
        self._thread = thread
        for request in (self._SEIZE, self._INTERRUPT):
            if _libc.ptrace(request, thread, None, None) == -1:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
        os.waitpid(thread, self._WALL)

    def has_ended(self) -> bool:
        """Whether it was killed. Its program can't end before this was asked: the tracer has to be told."""
        try:
            return os.waitpid(self._thread, os.WNOHANG | self._WALL)[0] != 0
        except ChildProcessError:
            return True


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
