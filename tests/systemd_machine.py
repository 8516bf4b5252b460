"""A small Debian with systemd as its first process, in a container, and captiond installed in it from this checkout.

It takes root, mmdebstrap and systemd-nspawn. The system is made once (20 s, 250 MB) and kept in the cache folder; each boot
writes to memory alone, so that nothing is left of it. It shares the network with this machine: the fake endpoint on
loopback is reached from within.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import site
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from waiting import until

TOP = Path(__file__).parents[1]
PACKAGES = "systemd,systemd-sysv,dbus,libpam-systemd,python3,libgomp1"
SUITES = {(3, 11): "bookworm", (3, 13): "trixie"}
"""Debian's releases by their Python, which has to be this one: compiled packages are borrowed from this environment."""
CAPTIOND = "/opt/captiond/bin/captiond"
BOOT_SECONDS = 60


class Machine:
    """A booted container."""

    def __init__(self, nspawn: subprocess.Popen[bytes], leader: int) -> None:
        self.nspawn = nspawn
        self.leader = leader

    def path(self, path: str) -> Path:
        """A path of the machine as this test can open it."""
        return Path(f"/proc/{self.leader}/root{path}")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file, as root would."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def call(self, *command: str, user: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in the machine, as root or as another user, whatever becomes of it."""
        enter = ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--pid", "--cgroup"]
        whose = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        env = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "HOME": f"/home/{user}" if user else "/root",
        }
        if user:
            env["XDG_RUNTIME_DIR"] = f"/run/user/{self.id_of(user)}"
        return subprocess.run(
            [*enter, *whose, *command], env=env, capture_output=True, text=True, timeout=120, check=False
        )

    def run(self, *command: str, user: str | None = None) -> str:
        """The same for one that has to succeed; what it printed."""
        done = self.call(*command, user=user)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def id_of(self, user: str) -> int:
        """The number of a user of the machine."""
        lines = self.path("/etc/passwd").read_text().splitlines()
        return next(int(line.split(":")[2]) for line in lines if line.startswith(f"{user}:"))

    def property(self, name: str, unit: str = "captiond") -> str:
        """What systemd says of a unit, as text."""
        return self.run("systemctl", "show", f"--property={name}", "--value", unit).strip()

    def pid(self, unit: str = "captiond") -> int:
        """The process of a service, as this machine numbers it; 0 if it does not run."""
        inner = int(self.property("MainPID", unit))
        return next((pid for pid in _descendants(self.leader) if inner and _number_within(pid) == inner), 0)


@contextmanager
def booted() -> Iterator[Machine]:
    """A machine that has finished booting; skips the test, with the reason, where there can be none."""
    suite = _suite()
    with tempfile.TemporaryDirectory(prefix="captiond-systemd-") as name, _system(suite) as system:
        program = Path(name) / "captiond"
        _install(program)
        command = [
            "setpriv", "--pdeathsig=KILL",  # a test run that is killed leaves no machine behind
            "systemd-nspawn", "--quiet", f"--directory={system}", "--volatile=overlay", "--register=no", "--keep-unit",
            # What its own filter does not know yet, and so refuses; the kernel of this machine decides.
            "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self",
            "--console=pipe", "--boot", f"--bind-ro={program}:/opt/captiond",
            f"--bind-ro={site.getsitepackages()[0]}:/opt/captiond/borrowed",
        ]  # fmt: skip
        with (Path(name) / "console").open("w+b") as console:
            nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
            try:
                yield Machine(nspawn, _leader(nspawn, console))
            finally:
                _end(nspawn)


def _suite() -> str:
    missing = [tool for tool in ("mmdebstrap", "systemd-nspawn", "nsenter", "setpriv") if shutil.which(tool) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"a container takes root{' and ' + ', '.join(missing) if missing else ''}")
    if sys.version_info[:2] not in SUITES:
        pytest.skip(f"no Debian has Python {sys.version_info.major}.{sys.version_info.minor}")
    return SUITES[sys.version_info[:2]]


@contextmanager
def _system(suite: str) -> Iterator[Path]:
    """The system's folder, made if it is not there; for one test run at a time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "captiond-systemd"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        system, made = cache / suite, cache / f"{suite}.made"
        if not made.exists() or made.read_text() != PACKAGES:
            shutil.rmtree(system, ignore_errors=True)
            done = subprocess.run(
                ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", suite, str(system)],
                capture_output=True, text=True, timeout=280, check=False,
            )  # fmt: skip
            if done.returncode:
                pytest.skip(f"mmdebstrap can't make a system here: {done.stderr.strip()[-300:]}")
            made.write_text(PACKAGES)
        yield system


def _install(folder: Path) -> None:
    """An environment with this checkout's wheel in it, for /opt/captiond; the packages that it needs are borrowed."""
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for made in (packages, folder / "bin", folder / "borrowed"):
        made.mkdir(parents=True)
    copy, out = folder.with_name("checkout"), folder.with_name("wheel")
    shutil.copytree(TOP, copy, ignore=shutil.ignore_patterns(".venv*", ".git", ".*_cache", "__pycache__", "inbox"))
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)]
    subprocess.run(build, cwd=copy, check=True, capture_output=True, timeout=100)
    with zipfile.ZipFile(next(out.iterdir())) as wheel:
        wheel.extractall(packages)
    (packages / "borrowed.pth").write_text("/opt/captiond/borrowed\n")
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (folder / "bin" / "python").symlink_to("/usr/bin/python3")
    script = folder / "bin" / "captiond"
    script.write_text("#!/opt/captiond/bin/python\nfrom captiond.__main__ import main\nmain()\n")
    script.chmod(0o755)
    folder.chmod(0o755)


def _leader(nspawn: subprocess.Popen[bytes], console: IO[bytes]) -> int:
    """The machine's first process, once the boot is over."""

    def up() -> int:
        if nspawn.poll() is not None:
            console.seek(0)
            pytest.skip(f"systemd-nspawn can't boot here: {console.read().decode(errors='replace').strip()[-300:]}")
        for child in _children(nspawn.pid):
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return child
        return 0

    leader = until(up, timeout=BOOT_SECONDS, interval=0.05)
    machine = Machine(nspawn, leader)
    # Its bus is there a moment after its first process.
    until(
        lambda: machine.call("systemctl", "is-system-running").stdout.strip() in {"running", "degraded"}, BOOT_SECONDS
    )
    return leader


def _end(nspawn: subprocess.Popen[bytes]) -> None:
    """Switch it off; all its processes and mounts are gone with its first process."""
    nspawn.send_signal(signal.SIGTERM)
    try:
        nspawn.wait(20)
    except subprocess.TimeoutExpired:
        for child in _children(nspawn.pid):
            os.kill(child, signal.SIGKILL)
        nspawn.kill()
        nspawn.wait()


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _descendants(pid: int) -> Iterator[int]:
    for child in _children(pid):
        yield child
        yield from _descendants(child)


def _number_within(pid: int) -> int:
    """A process's number in the name space that it runs in."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0
    return next(int(line.split()[-1]) for line in status.splitlines() if line.startswith("NSpid:"))
