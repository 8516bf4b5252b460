"""The limits that a decoder process sets on itself before it opens anything."""

from __future__ import annotations

import ctypes
import os
import resource
import signal

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_OPEN_FILES = 32
_SLACK_MB = 512
"""For libraries and fragmentation that come after the start, on top of what one file may take."""

_page = resource.getpagesize()
_libc = ctypes.CDLL(None, use_errno=True)


def confine(parent: int, memory_mb: int) -> None:
    """Give up what a decoder needs not: writing, core dumps, many files, new privileges, outliving its parent.

    Signals that a terminal or systemd sends to the whole group are left to the parent.

    Args:
        parent: the pid of the guard's process.
        memory_mb: see `GuardLimits`.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we asked to be told
        os._exit(0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    _limit_memory(_sizes()[0] + (memory_mb + _SLACK_MB << 20), hard=True)


def allow_memory(memory_mb: int) -> None:
    """Allow one file `memory_mb` on top of what the process has now."""
    _limit_memory(_sizes()[0] + (memory_mb << 20), hard=False)


def resident_bytes() -> int:
    """The memory that the process really holds."""
    return _sizes()[1]


def give_back_memory() -> None:
    """Return to the system what the C library keeps for reuse; musl keeps nothing."""
    trim = getattr(_libc, "malloc_trim", None)
    if trim is not None:
        trim(0)


def _limit_memory(most: int, *, hard: bool) -> None:
    _soft, ceiling = resource.getrlimit(resource.RLIMIT_AS)
    if ceiling != resource.RLIM_INFINITY:
        most = min(most, ceiling)
    resource.setrlimit(resource.RLIMIT_AS, (most, most if hard else ceiling))


def _sizes() -> tuple[int, int]:
    with open("/proc/self/statm", "rb") as file:
        virtual, resident = file.read().split()[:2]
    return int(virtual) * _page, int(resident) * _page
