"""File systems that are really mounted, unmounted, filled and made read-only. It takes root, and the right to mount."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path


@functools.cache
def why_not() -> str | None:
    """Why file systems can't be mounted here; None when they can."""
    if os.geteuid() != 0:
        return "mounting takes root"
    ended = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True, check=False
    )
    return ended.stderr.strip() or "no right to mount" if ended.returncode else None


class Share:
    """A file system that keeps its files, in `store`, while it is not mounted at `point`."""

    name = "tmpfs"

    def __init__(self, folder: Path, point: Path, size: str) -> None:
        self.point, self.store = point, folder / "server"
        self.store.mkdir()
        point.mkdir(exist_ok=True)
        _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(self.store))
        self.mount()

    def mount(self) -> None:
        """Mount it at its point."""
        _mount("--bind", str(self.store), str(self.point))

    def unmount(self) -> None:
        """Take it away, whoever uses it."""
        subprocess.run(["umount", "--lazy", str(self.point)], check=True)

    def read_only(self, on: bool) -> None:
        """Remount it."""
        _mount("-o", f"remount,bind,{'ro' if on else 'rw'}", str(self.point))

    def end(self) -> None:
        """Unmount all of it."""
        for path in (self.point, self.store):
            while os.path.ismount(path):
                subprocess.run(["umount", "--lazy", str(path)], check=True)


def _mount(*args: str) -> None:
    subprocess.run(["mount", *args], check=True)
