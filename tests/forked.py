"""The real program, forked from a process that has imported it already: a start takes 0.1 s in the place of 1.4 s.

For tests that start it hundreds of times. What runs is the same from `program` on, in a process of its own; before it
begins, strace can be attached to it.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import unittest.mock
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from program import Home, Process, Program
from waiting import until

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "__main__",
        "alembic.command",
        "captiond.cli.main",
        "captiond.cli.run",
        "captiond.config.load",
        "captiond.service",
        "captiond.endpoints.build",
        "captiond.endpoints.chat",
        "httpcore2",
        "openai",
        "sqlalchemy.dialects.sqlite",
    ]
)
_PR_SET_PTRACER = 0x59616D61
_ANY = ctypes.c_ulong(-1)


@contextlib.contextmanager
def forked_with(environment: Mapping[str, str]) -> Iterator[None]:
    """What is forked meanwhile comes from a process that was started with these variables, such as `LD_PRELOAD`."""
    server: Any = forkserver._forkserver
    server._stop()
    with unittest.mock.patch.dict(os.environ, environment):
        server.ensure_running()
    try:
        yield
    finally:
        server._stop()


class NotTraceable(Exception):
    """strace may not attach here; the message is its own."""


class Fork:
    """A forked program, as far as it is like a `Popen`."""

    def __init__(self, process: BaseProcess) -> None:
        self._process = process
        assert process.pid is not None
        self.pid = process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("captiond", timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkedProgram(Program):
    """As `Program`.

    Args:
        home: where it runs.
        args: its command line.
        strace: strace's arguments, when it is to be traced from its first line on.
        env: variables beside those of `Home.environment`; what has to be there at its start needs `forked_with`.

    Raises:
        NotTraceable: it can't be traced.
    """

    def __init__(
        self, home: Home, *args: str, strace: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> None:
        self._strace = strace
        self.tracer: subprocess.Popen[str] | None = None
        super().__init__(home, list(args), env or {})

    def _started(self, home: Home, args: list[str], env: dict[str, str]) -> Process:
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(
            target=_run, args=(args, env, str(home.folder), self._log.name, theirs), name="captiond", daemon=True
        )
        process.start()
        # Else whoever starts the next one, in another thread, asks for its end too, and one of the two reads 255.
        multiprocessing.process._children.discard(process)  # type: ignore[attr-defined]
        fork = Fork(process)
        try:
            ours.recv_bytes()
            if self._strace:
                self._trace(fork)
            ours.send_bytes(b"go")
        except BaseException:
            process.kill()
            raise
        return fork

    def _trace(self, fork: Fork) -> None:
        tracer = self.tracer = subprocess.Popen(
            # -b execve: its threads, and not its decoders.
            ["strace", "-f", "-b", "execve", "-qq", *self._strace, "-p", str(fork.pid)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        status = Path(f"/proc/{fork.pid}/status")
        until(lambda: tracer.poll() is not None or "TracerPid:\t0\n" not in status.read_text(), interval=0.002)
        if tracer.poll() is not None:
            raise NotTraceable(tracer.communicate()[1])

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        if self.tracer is not None:
            self.tracer.communicate(timeout=10)  # it ends with what it traces


def _run(args: list[str], env: dict[str, str], folder: str, log: str, ready: Connection) -> None:
    """In the forked process."""
    from captiond.cli.main import program

    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND), 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANY, 0, 0, 0)  # strace is no parent of it; fails where none is asked for
    ready.send_bytes(b"ready")
    ready.recv_bytes()
    ready.close()
    sys.exit(program(args))
