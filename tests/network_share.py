"""A real share for tests: an SMB or NFS server on loopback, and its mount. Only in the machine that `run` boots."""

from __future__ import annotations

import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from waiting import until

_SMB = """
[global]
server role = standalone server
map to guest = bad user
guest account = root
load printers = no
disable spoolss = yes
bind interfaces only = yes
interfaces = lo
pid directory = /run/samba
[share]
path = {folder}
read only = no
guest ok = yes
force user = root
"""


class NetworkShare(ABC):
    """A folder on a server, mounted at a point. `store` is what the server sees: writing there makes no event here."""

    name: str

    def __init__(self, store: Path, point: Path) -> None:
        self.store, self.point = store, point
        store.mkdir(parents=True, exist_ok=True)
        point.mkdir(parents=True, exist_ok=True)

    @abstractmethod
    def serve(self) -> None:
        """Start the server."""

    @abstractmethod
    def vanish(self) -> None:
        """The server is gone at once, without a word to those who have it mounted."""

    @abstractmethod
    def _source(self) -> Sequence[str]:
        """The arguments of `mount`, without the point."""

    def mount(self) -> None:
        """Mount it at its point."""
        command = ["mount", *self._source(), str(self.point)]
        until(lambda: subprocess.run(command, capture_output=True, check=False).returncode == 0, interval=0.2)

    def unmount(self) -> None:
        """Take it away, whoever uses it."""
        subprocess.run(["umount", "--force", "--lazy", str(self.point)], check=True)

    def end(self) -> None:
        """Nothing of it is left."""
        while os.path.ismount(self.point):
            self.unmount()
        self.vanish()


class Smb(NetworkShare):
    """Samba, mounted by the kernel's cifs."""

    name = "SMB"

    def serve(self) -> None:
        Path("/run/samba").mkdir(exist_ok=True)
        Path("/var/lib/samba/private").mkdir(exist_ok=True)
        config = Path("/run/captiond-smb.conf")
        config.write_text(_SMB.format(folder=self.store))
        Path("/var/log/samba/cores").mkdir(parents=True, exist_ok=True)
        subprocess.run(["smbd", "--daemon", "--configfile", str(config)], check=True)

    def vanish(self) -> None:
        subprocess.run(["pkill", "-KILL", "-x", "smbd"], check=False)
        until(lambda: subprocess.run(["pgrep", "-x", "smbd"], capture_output=True, check=False).returncode)

    def _source(self) -> Sequence[str]:
        return "-t", "cifs", "-o", "guest,vers=3.1.1,iocharset=utf8,echo_interval=1", "//127.0.0.1/share"


class Nfs(NetworkShare):
    """The kernel's NFS server, mounted as NFS 4.2."""

    name = "NFS"

    def serve(self) -> None:
        state = Path("/var/lib/nfs")
        for folder in ("sm", "sm.bak", "v4recovery"):
            (state / folder).mkdir(exist_ok=True)
        for file in ("etab", "rmtab"):
            (state / file).touch()
        if subprocess.run(["pgrep", "-x", "rpc.mountd"], capture_output=True, check=False).returncode:
            subprocess.run(["rpc.mountd", "--no-nfs-version", "3"], check=True)
        export = f"127.0.0.1:{self.store}"
        subprocess.run(["exportfs", "-o", "rw,no_root_squash,insecure,fsid=0,no_subtree_check", export], check=True)
        # The grace after a restart, in which clients claim their locks again, is a minute and a half by default.
        for file in ("nfsv4gracetime", "nfsv4leasetime"):
            Path("/proc/fs/nfsd", file).write_text("10\n")
        subprocess.run(["rpc.nfsd", "--no-nfs-version", "3", "4"], check=True)

    def vanish(self) -> None:
        subprocess.run(["rpc.nfsd", "0"], check=True)

    def end(self) -> None:
        super().end()
        subprocess.run(["exportfs", "-u", f"127.0.0.1:{self.store}"], check=False)

    def _source(self) -> Sequence[str]:
        return "-t", "nfs4", "-o", "vers=4.2,soft,timeo=20,retrans=1", "127.0.0.1:/"


KINDS: dict[str, type[NetworkShare]] = {"smb": Smb, "nfs": Nfs}
