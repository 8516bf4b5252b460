"""Decodes in a child process: a crash, a bomb or a decoder that never ends costs one file, never the service.

The child gets the file as an open descriptor and nothing else: no path, no key, no right to write, no other file, no
network (see `limits.confine`). It serves many files, and is replaced after a crash, a timeout, when memory ran out, and
when it has grown.
"""

from __future__ import annotations

import os
import threading
import time

from captiond.errors import Changed, DecoderCrashed, DecoderTimeout, Failure, NoDecoder, Stopped, VideoOff
from captiond.media import identify, reader, wire
from captiond.media.child import Child, Gone
from captiond.media.spec import Confinement, EncodeSpec, GuardLimits
from captiond.values import Encoded, Kind, Opened

__all__ = ["Guard", "GuardLimits"]


class Guard:
    """One decoder process, started when it is first needed.

    `encode` belongs to one thread: the child is killed by the kernel when the thread that started it ends. `close` may
    come from any thread, and ends an `encode` under way with `Stopped`.
    """

    def __init__(self, limits: GuardLimits | None = None) -> None:
        self._limits = limits or GuardLimits()
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._busy = False
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The child's id; None while there is none."""
        child = self._child
        return child.pid if child is not None else None

    @property
    def confinement(self) -> Confinement | None:
        """What holds the child; None while there is none."""
        child = self._child
        return child.confinement if child is not None else None

    def start(self) -> None:
        """Start the child, unless it runs. `encode` does so too, but holds the file open meanwhile.

        Raises:
            NoDecoder: it can't be started.
            Stopped: `close` was called.
        """
        self._release(self._started(), keep=True)

    def encode(self, opened: Opened, spec: EncodeSpec) -> Encoded:
        """Decode a file and encode it for an endpoint.

        Raises:
            VideoOff: it is a video, and the endpoint takes none.
            NoPixels, TooManyPixels, NoKeyFrame, NoVideoStream, Truncated, Corrupt, Unsupported: by its content.
            DecoderCrashed, DecoderTimeout, DecoderMemory: the child did not survive it.
            Changed, Vanished, Unreadable, RootOffline: it is not the file any more that was hashed, or can't be read.
            NoDecoder, Stopped: see `start`.
        """
        if opened.kind is Kind.VIDEO and spec.video == "off":
            raise VideoOff
        began = time.monotonic()
        fd = reader.open_same(opened)
        try:
            encoded = self._encoded(fd, opened, spec, began)
            reader.check_same(fd, opened)
            return encoded
        finally:
            os.close(fd)

    def close(self) -> None:
        """End the child. A later `encode` raises Stopped."""
        with self._lock:
            self._closed = True
            child = self._child
            if child is None:
                return
            child.kill()
            if not self._busy:
                child.close()
                self._child = None

    def _encoded(self, fd: int, opened: Opened, spec: EncodeSpec, began: float) -> Encoded:
        try:
            sniffed = identify.sniff(os.pread(fd, identify.HEAD_BYTES, 0), fd)
        except OSError as error:
            raise reader.failure_of(error, None) from error
        if sniffed is None or sniffed.kind is not opened.kind:
            raise Changed
        child = self._started()
        keep = False
        try:
            deadline = time.monotonic() + self._limits.seconds
            child.send(wire.request(sniffed, spec, self._limits.seconds), fd, deadline)
            header = child.header(deadline)
            child.complaints()  # the pipe stays empty
            failure = wire.failure_in(header)
            sizes = [] if failure is not None else wire.sizes(header, spec)
            data = [child.data(size, deadline) for size in sizes]
            keep = header.get("retire") is not True
            if isinstance(failure, OSError):
                raise reader.failure_of(failure, None)
            if failure is not None:
                raise failure
            return wire.result(header, data, opened, spec, time.monotonic() - began)
        except TimeoutError as error:
            keep = False
            raise self._stopped_or(DecoderTimeout(f"after {self._limits.seconds:g} s")) from error
        except Gone as error:
            if child.used_up_its_time():
                raise DecoderTimeout(f"{self._limits.seconds:g} s of processor time") from error
            raise self._stopped_or(DecoderCrashed(_because(child.ending(), child.complaints()))) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            keep = False
            raise DecoderCrashed(f"the decoder's answer makes no sense: {error}") from error
        finally:
            self._release(child, keep=keep)

    def _started(self) -> Child:
        with self._lock:
            if self._closed:
                raise Stopped
            self._busy = True
            child = self._child
            if child is not None:
                if child.alive:
                    return child
                child.close()  # ended from outside, by the kernel or a person: no file's fault
            try:
                child = self._child = Child(self._limits.memory_mb)
            except OSError as error:
                self._child, self._busy = None, False
                raise NoDecoder(error.strerror or str(error)) from error
        try:
            child.started()
        except (Gone, TimeoutError, ValueError) as error:
            because = _because(child.ending(), child.complaints())
            self._release(child, keep=False)
            raise self._stopped_or(NoDecoder(because)) from error
        return child

    def _release(self, child: Child, *, keep: bool) -> None:
        with self._lock:
            self._busy = False
            if keep and not self._closed:
                return
            self._child = None
        child.close()

    def _stopped_or(self, failure: Failure) -> Failure:
        with self._lock:
            return Stopped() if self._closed else failure


def _because(ending: str, complaint: str) -> str:
    return f"{ending}: {complaint}" if complaint else ending
