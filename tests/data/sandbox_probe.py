"""Tries what a service should not be able to do, from within its sandbox, and says what it could.

    sandbox_probe.py RESULT FOLDER…

RESULT is a JSON object: `written` has the FOLDERs that a file could be made in; `below_home` all that is seen under /home;
`read` the files of others that could be read; `processes` the names of all processes seen; `done` the acts that
succeeded. It is run with the system's Python: nothing is imported but the standard library.
"""

import ctypes
import json
import mmap
import os
import socket
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

OTHERS = ["/home/ada/diary.txt", "/etc/credstore/captiond.api-key", "/etc/shadow", "~root/.bashrc", "/dev/kmsg"]
MADE = Path(tempfile.gettempdir(), "made")
"""In a /tmp of its own, by PrivateTmp=."""
LIBC = ctypes.CDLL(None, use_errno=True)


def could(act: Callable[[], object]) -> bool:
    try:
        act()
    except OSError:
        return False
    return True


def called(name: str, *arguments: object) -> None:
    """Call a function of the C library. Raises OSError."""
    if getattr(LIBC, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def map_code() -> None:
    """Memory that is written, and then run."""
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def make_setuid() -> None:
    MADE.touch()
    MADE.chmod(0o4755)


ACTS: dict[str, Callable[[], object]] = {
    "a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "another user": lambda: os.setuid(0),
    "a mount": lambda: called("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "a name space": lambda: called("unshare", 0x10000000),
    "memory that runs": map_code,
    "a setuid file": make_setuid,
    "a device": lambda: os.mknod(f"{MADE}-device", 0o600 | stat.S_IFCHR, os.makedev(1, 3)),
    "a trace of another": lambda: called("ptrace", 16, 1, 0, 0),
    "the machine's name": lambda: socket.sethostname("probe"),
    "a kernel setting": lambda: Path("/proc/sys/vm/swappiness").write_text("60"),
    "a real-time priority": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "another personality": lambda: called("personality", 0x0040000),
}


def main(result: str, *folders: str) -> None:
    written = [folder for folder in folders if could(Path(folder, "probe").touch)]
    found = {
        "written": written,
        "below_home": sorted(os.path.join(at, name) for at, dirs, names in os.walk("/home") for name in dirs + names),
        "read": [path for path in OTHERS if could(Path(path).expanduser().read_bytes)],
        "done": [name for name, act in ACTS.items() if could(act)],
        "processes": [
            "probe" if int(name) == os.getpid() else Path("/proc", name, "comm").read_text().strip()
            for name in os.listdir("/proc")
            if name.isdigit()
        ],
    }
    Path(result).write_text(json.dumps(found))


main(*sys.argv[1:])
