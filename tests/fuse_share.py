"""A share for tests that fails, hangs, is slow and dies when it is told: a FUSE file system, served by `fuse_server`.

It takes root, /dev/fuse and libfuse 3: Debian's libfuse3-3.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from waiting import until

_SERVER = Path(__file__).with_name("fuse_server.py")


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to these operations, such as `read`, of what has this name; without a name: of all there is.

    They take `seconds` longer, then `hang` until the fault is over, then fail with the error of this number.
    """

    operations: tuple[str, ...]
    name: str | None = None
    errno: int = 0
    seconds: float = 0.0
    hang: bool = False


class FuseShare:
    """A file system mounted at `point`. What it shows lies in `store`: to write there is what another machine does.

    `any_case`: names that differ in case alone are the same to it.
    """

    name = "FUSE"

    def __init__(self, folder: Path, point: Path, *, any_case: bool = False) -> None:
        self.point, self.store = point, folder / "server"
        self._case = ["any"] if any_case else []
        self.store.mkdir()
        point.mkdir(exist_ok=True)
        self._server: subprocess.Popen[str] | None = None
        self.mount()

    def mount(self) -> None:
        """Start its server; skips the test, with the reason, where there can be none."""
        command = [sys.executable, str(_SERVER), str(self.store), str(self.point), *self._case]
        server = self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        until(lambda: server.poll() is not None or os.path.ismount(self.point))
        if server.poll() is not None:
            pytest.skip(f"there is no FUSE here: {server.communicate()[1].strip()[-300:]}")

    def make(self, fault: Fault | None) -> None:
        """This fault is in force when it returns, and the one before it is over."""
        assert self._server is not None
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(fault and asdict(fault)) + "\n")
        self._server.stdin.flush()
        assert self._server.stdout.readline()

    def well(self) -> None:
        """No fault any more: what hung goes on."""
        self.make(None)

    @contextlib.contextmanager
    def made_well(self) -> Iterator[None]:
        """It is well afterwards, whatever happens: who hangs in it can't be killed."""
        try:
            yield
        finally:
            self.well()

    def die(self) -> None:
        """Its server is killed, and leaves the mount behind."""
        if self._server is not None:
            self._server.kill()
            self._server.communicate()
            self._server = None

    def unmount(self) -> None:
        """Take it away, whoever uses it."""
        subprocess.run(["umount", "--lazy", str(self.point)], check=True)
        self.die()

    def end(self) -> None:
        """Nothing of it is left."""
        self.die()
        subprocess.run(["umount", "--lazy", str(self.point)], capture_output=True, check=False)
