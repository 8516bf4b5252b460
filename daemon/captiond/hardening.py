"""What keeps the keys in this process's memory: no core dump, and no look into it by others of the same user."""

from __future__ import annotations

import ctypes
import resource

_PR_SET_DUMPABLE = 4


def keep_memory_private() -> None:
    """No core dump is written or piped to a handler, and only root may trace this process or see its environment.

    See prctl(2) and core(5): a limit of 0 alone does not hold where /proc/sys/kernel/core_pattern names a program.
    Programs that are started later are as others again.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
