"""One decoder process as its guard sees it: started, asked, waited for, killed."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from captiond.media import wire
from captiond.media.spec import Confinement

_START_SECONDS = 30.0
_REAP_SECONDS = 1.0
_TAIL_BYTES = 2048

# All that a decoder is given of our environment: what Python needs to find its modules. No key, no token.
_KEPT = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONUSERBASE")
_SET = {
    "LC_ALL": "C.UTF-8",
    "MALLOC_ARENA_MAX": "2",  # each arena reserves 64 MB of the address space that is limited
    "OMP_NUM_THREADS": "1",  # the decoder processes are the parallelism; a thread's stack counts as memory
    "OPENBLAS_NUM_THREADS": "1",
    "PILLOW_BLOCKS_MAX": "4",  # 64 MB of picture memory kept for the next file: as much as a 12-megapixel one takes
}


class Gone(Exception):
    """The process ended, or closed its side."""


class Child:
    """A running decoder process. One thread talks to it; `kill` may be called from any."""

    def __init__(self, memory_mb: int) -> None:
        ours, theirs = socket.socketpair()
        errors_out, errors_in = os.pipe()
        # A full pipe must not stop a decoder that complains without end: what does not fit is lost.
        os.set_blocking(errors_in, False)
        os.set_blocking(errors_out, False)
        command = [sys.executable, "-P", "-m", "captiond.media.worker"]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, and numbers
                [*command, str(theirs.fileno()), str(os.getpid()), str(memory_mb)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors_in,
                pass_fds=(theirs.fileno(),),
                env=environment(),
                cwd="/",
                process_group=0,  # Ctrl-C on a terminal is for us alone
            )
        except BaseException:
            ours.close()
            os.close(errors_out)
            raise
        finally:
            theirs.close()
            os.close(errors_in)
        ours.setblocking(False)
        self._socket = ours
        self._errors = errors_out
        self._tail = b""
        self._ahead = bytearray()
        self.confinement = Confinement(0, seccomp=False)
        """What holds it, from `started` on."""

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs, or stands still."""
        return self._process.poll() is None

    def started(self) -> None:
        """Wait until it serves.

        Raises:
            Gone: it ended instead.
            TimeoutError: it took too long.
            ValueError: it says something else.
        """
        self.confinement = wire.confinement(self.header(time.monotonic() + _START_SECONDS))

    def send(self, frame: bytes, fd: int, deadline: float) -> None:
        """Hand over a request and an open file.

        Raises:
            Gone, TimeoutError: see `started`.
        """
        try:
            sent = self._soon(partial(socket.send_fds, self._socket, [frame], [fd]), select.POLLOUT, deadline)
            while frame := frame[sent:]:
                sent = self._soon(partial(self._socket.send, frame), select.POLLOUT, deadline)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Gone from error

    def header(self, deadline: float) -> dict[str, Any]:
        """The next frame's header.

        Raises:
            Gone, TimeoutError: see `started`.
            ValueError: it is no header.
        """
        (length,) = wire.LENGTH.unpack(self.data(wire.LENGTH.size, deadline))
        if length > wire.MAX_HEADER:
            raise ValueError("a header too long")
        header = json.loads(self.data(length, deadline))
        if not isinstance(header, dict):
            raise ValueError("no header")  # noqa: TRY004 - bad data, not a bad call
        return header

    def data(self, length: int, deadline: float) -> bytes:
        """The next bytes, exactly so many.

        Raises:
            Gone, TimeoutError: see `started`.
        """
        while len(self._ahead) < length <= wire.MAX_HEADER:
            # A header's few bytes with what follows them: each system call is a turn of Python's global lock.
            piece = bytearray(wire.MAX_HEADER)
            self._ahead += piece[: self._receive(memoryview(piece), deadline)]
        data = bytearray(length)
        view, got = memoryview(data), min(length, len(self._ahead))
        view[:got] = self._ahead[:got]
        del self._ahead[:got]
        while got < length:
            got += self._receive(view[got:], deadline)
        return bytes(data)

    def _receive(self, into: memoryview, deadline: float) -> int:
        try:
            got = self._soon(partial(self._socket.recv_into, into), select.POLLIN, deadline)
        except ConnectionResetError as error:
            raise Gone from error
        if got == 0:
            raise Gone
        return got

    def _soon(self, operation: Callable[[], int], event: int, deadline: float) -> int:
        """The operation, as soon as the socket is ready for it: it often is, and each system call is a turn of the lock."""
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(BlockingIOError):
                return operation()
            ready = select.poll()
            ready.register(self._socket, event)
            ready.poll(left * 1000)
        raise TimeoutError

    def complaints(self) -> str:
        """The last line that it wrote to stderr, as printable text; reading keeps the pipe empty."""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._errors, 65536):
                self._tail = (self._tail + piece)[-_TAIL_BYTES:]
        lines = self._tail.decode("utf-8", "replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        return "".join(c if c.isprintable() else " " for c in last).strip()[:200]

    def used_up_its_time(self) -> bool:
        """Whether the kernel ended it because it took more of the processor than it may (`limits.allow_time`)."""
        return self._wait() == -signal.SIGXCPU

    def ending(self) -> str:
        """How it ended, in words; it is killed if it has not."""
        # Its side of the socket closes a moment before it is gone.
        code = self._wait()
        if code is None:
            self.kill()
            code = self._wait()
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return signal.Signals(-code).name
        return f"exit {code}"

    def kill(self) -> None:
        """End it at once. Whoever waits for it is woken, even if it hangs in the kernel and can't end yet."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._process.kill()

    def close(self) -> None:
        """Kill it and free what belongs to it here; only for the thread that talks to it, or when none does."""
        self.kill()
        self._wait()  # one that hangs in the kernel is collected by a later start
        self._socket.close()
        os.close(self._errors)

    def _wait(self) -> int | None:
        try:
            return self._process.wait(_REAP_SECONDS)
        except subprocess.TimeoutExpired:
            return None


def environment() -> dict[str, str]:
    """The environment of a decoder process."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    if path := os.environ.get("PYTHONPATH"):
        kept["PYTHONPATH"] = os.pathsep.join(os.path.abspath(part) for part in path.split(os.pathsep) if part)
    return {**kept, **_SET}
