"""seccomp: the system calls that a decoder needs, and no others; by libseccomp, which comes with systemd and with apt."""

from __future__ import annotations

import ctypes
import errno
import os
import termios

_ERRNO, _ALLOW = 0x00050000, 0x7FFF0000
_MASKED_EQUAL = 7
_LIBRARY = "libseccomp.so.2"

_DENIED = _ERRNO | errno.ENOSYS
"""As if the kernel had no such call: a library that misses a new one falls back to an old one."""

_ALLOWED = (
    # The file, and the way to the guard.
    "read readv pread64 preadv write writev pwrite64 pwritev lseek _llseek close fstat fstat64 ftruncate ftruncate64 "
    "recv recvfrom recvmsg send sendto sendmsg shutdown poll ppoll ppoll_time64 select _newselect pselect6 dup fcntl "
    "fcntl64 fadvise64 "
    # To find and load a library.
    "stat stat64 lstat lstat64 newfstatat fstatat64 statx access faccessat faccessat2 readlink readlinkat getdents64 "
    "getcwd mmap mmap2 munmap mremap mprotect madvise brk "
    # Threads: libheif and dav1d start them.
    "futex futex_time64 set_robust_list get_robust_list rseq set_tid_address gettid membarrier exit exit_group "
    "sched_yield sched_getaffinity sched_getparam sched_getscheduler "
    # Signals, clocks, chance, limits, and who it is.
    "rt_sigaction rt_sigprocmask rt_sigreturn sigreturn sigaltstack restart_syscall clock_gettime clock_gettime64 "
    "clock_getres clock_getres_time64 clock_nanosleep clock_nanosleep_time64 nanosleep gettimeofday time getrandom "
    "getpid getppid getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 uname sysinfo getrusage times "
    "getrlimit ugetrlimit setrlimit"
)

_INT = 0xFFFFFFFF
_WRITING = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC
_CLONE_THREAD = 0x00010000


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("mask", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
    )


def restrict() -> bool:
    """Take every system call from this process but the list's: above all sockets, processes, and files to be written.

    `no_new_privs` has to be set before.

    Returns:
        Whether it is in force: not without the library, nor where the kernel has no seccomp.
    """
    library = _loaded()
    if library is None:
        return False
    rules = library.seccomp_init(_DENIED)
    if not rules:
        return False
    try:
        for name in _ALLOWED.split():
            _allow(library, rules, name)
        for name, argument, mask, value in _conditions():
            _allow(library, rules, name, _Comparison(argument, _MASKED_EQUAL, mask, value))
        return bool(library.seccomp_load(rules) == 0)
    finally:
        library.seccomp_release(rules)


def _conditions() -> tuple[tuple[str, int, int, int], ...]:
    """Calls that are allowed by an argument: its place, the bits that are looked at, and what they have to be."""
    return (
        ("open", 1, _WRITING, 0),
        ("openat", 2, _WRITING, 0),
        ("clone", 0, _CLONE_THREAD, _CLONE_THREAD),
        ("ioctl", 1, _INT, termios.TCGETS),  # whether it is a terminal: asked by Python of each file
        ("ioctl", 1, _INT, termios.FIOCLEX),
        ("prlimit64", 0, _INT, 0),
        ("tgkill", 0, _INT, os.getpid()),  # abort()
    )


def _allow(library: ctypes.CDLL, rules: int, name: str, *comparisons: _Comparison) -> None:
    """A call that this architecture has not, or a library too old for it, is left out: it stays denied."""
    number = library.seccomp_syscall_resolve_name(name.encode())
    library.seccomp_rule_add_array(
        rules, _ALLOW, number, len(comparisons), (_Comparison * len(comparisons))(*comparisons)
    )


def _loaded() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    context = ctypes.c_void_p
    library.seccomp_init.argtypes, library.seccomp_init.restype = (ctypes.c_uint32,), context
    library.seccomp_syscall_resolve_name.argtypes = (ctypes.c_char_p,)
    library.seccomp_rule_add_array.argtypes = (
        context, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(_Comparison),
    )  # fmt: skip
    library.seccomp_load.argtypes = library.seccomp_release.argtypes = (context,)
    library.seccomp_release.restype = None
    return library
