"""Landlock: what the kernel lets this process open, held even if a decoder is taken over.

The kernel's own interface (landlock(7), uapi/linux/landlock.h), called by number: glibc has no wrappers for it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # alike on every architecture but Alpha
_ASK_VERSION = 1
_BENEATH_PATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_KNOWN_ABI = 6

_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""Every right on files that an ABI knows, by the ABI that brought new ones: run, write, make, move, truncate and so on."""
_NETWORK_ABI, _TCP = 4, 0b11
_SCOPE_ABI, _SCOPES = 6, 0b11
"""Abstract sockets and signals reach no process outside."""

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


def abi() -> int:
    """The version of Landlock that the kernel offers; 0 if it has none, or may not be asked."""
    try:
        return _call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))
    except OSError:
        return 0


def restrict(readable: Iterable[str]) -> int:
    """Let this thread, and those that it starts, read what is in `readable` and no other file; no TCP either.

    What is open already stays open. `no_new_privs` has to be set before.

    Args:
        readable: folders and files; those that are missing are left out.

    Returns:
        The version in force: 0 without Landlock, from 4 on TCP is off as well.
    """
    version = min(abi(), _KNOWN_ABI)
    if version == 0:
        return 0
    handled = _Ruleset(
        _FILE_RIGHTS[max(known for known in _FILE_RIGHTS if known <= version)],
        _TCP if version >= _NETWORK_ABI else 0,
        _SCOPES if version >= _SCOPE_ABI else 0,
    )
    size = ctypes.c_size_t(ctypes.sizeof(handled))
    try:
        ruleset = _call(_CREATE_RULESET, ctypes.byref(handled), size, ctypes.c_uint32(0))
    except OSError:
        return 0
    try:
        for path in readable:
            _allow_reading(ruleset, path)
        _call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    except OSError:
        return 0
    finally:
        os.close(ruleset)
    return version


def _allow_reading(ruleset: int, path: str) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = _READ_FILE | _READ_DIR if stat.S_ISDIR(os.fstat(fd).st_mode) else _READ_FILE
        rule = _Beneath(rights, fd)
        _call(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_BENEATH_PATH), ctypes.byref(rule), ctypes.c_uint32(0))
    finally:
        os.close(fd)


def _call(number: int, *arguments: object) -> int:
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        code = ctypes.get_errno() or errno.EINVAL
        raise OSError(code, os.strerror(code))
    return result
