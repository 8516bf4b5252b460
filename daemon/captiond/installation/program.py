"""Which captiond a unit is to start, and whether the service's user will get at it."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import captiond
from captiond.errors import InstallError
from captiond.installation import units

REMEDY = (
    "install captiond where every user can read it: python3 -m venv /opt/captiond, /opt/captiond/bin/pip install captiond "
    "(or a checkout), then /opt/captiond/bin/captiond install"
)


def running() -> Path:
    """The `captiond` beside the Python that runs this. Raises InstallError if there is none."""
    program = Path(sys.executable).with_name("captiond")
    if not os.access(program, os.X_OK):
        raise InstallError(f"{program} is not there: {REMEDY}")
    return program


def reachable(program: Path) -> None:
    """Raise InstallError if the sandbox hides the program, its Python or its package, or the user can't read them."""
    used = {program, Path(sys.executable), Path(sys.base_prefix), Path(captiond.__file__).parent}
    for path in used | {path.resolve() for path in used}:
        if units.hidden(path):
            raise InstallError(f"{path} is needed by the service, whose sandbox hides /{path.parts[1]}: {REMEDY}")
        closed = closed_at(path)
        if closed is not None:
            raise InstallError(f"{closed} can't be read by other users than its owner: {REMEDY}")


def closed_at(path: Path) -> Path | None:
    """The first of a path and the folders around it that keeps other users out; None if all can read it."""
    for one in [path, *path.parents]:
        mode = one.stat().st_mode
        if not mode & (stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH):
            return one
    return None
