"""The limits that a decoder process sets on itself before it opens anything."""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator

from captiond.media import landlock, seccomp
from captiond.media.spec import Confinement

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_OPEN_FILES = 32
_SLACK_MB = 512
"""For libraries and fragmentation that come after the start, on top of what one file may take."""
_LIBRARIES = (
    *("/etc/ld.so.cache", "/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib"),
    *("/nix/store", "/gnu/store"),
)

_page = resource.getpagesize()
_libc = ctypes.CDLL(None, use_errno=True)
_statm = os.open("/proc/self/statm", os.O_RDONLY)  # kept open: /proc is out of sight later


def confine(parent: int, memory_mb: int) -> Confinement:
    """Give up what a decoder needs not: writing, core dumps, many files, new privileges, outliving its parent.

    As far as the system can take them away, also all files but libraries, the network, and other processes. Signals
    that a terminal or systemd sends to the whole group are left to the parent.

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
    return Confinement(landlock.restrict(_libraries()), seccomp.restrict())


def allow_memory(memory_mb: int) -> None:
    """Allow one file `memory_mb` on top of what the process has now."""
    _limit_memory(_sizes()[0] + (memory_mb << 20), hard=False)


def allow_time(seconds: float) -> None:
    """Allow one file so much time of the processor, of all threads together; then the kernel ends the process.

    The guard's own clock is the wall's. This one holds too while the guard is stopped, and counts every core.
    """
    ceiling = resource.getrlimit(resource.RLIMIT_CPU)[1]
    most = math.ceil(time.process_time() + seconds)
    if ceiling != resource.RLIM_INFINITY:
        most = min(most, ceiling)
    resource.setrlimit(resource.RLIMIT_CPU, (most, ceiling))


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
    virtual, resident = os.pread(_statm, 128, 0).split()[:2]
    return int(virtual) * _page, int(resident) * _page


def _libraries() -> Iterator[str]:
    """Where the modules and libraries lie that are loaded when a file needs them."""
    yield from filter(None, sys.path)
    yield from (os.path.join(prefix, "lib") for prefix in (sys.prefix, sys.base_prefix))
    yield from filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep))
    yield from _LIBRARIES
