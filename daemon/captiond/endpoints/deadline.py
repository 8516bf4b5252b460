"""A total deadline for each call, and an end to all of them at once.

The client's own timeouts are per read and per write: an answer that drips a byte a second outlives them for ever. Here
each connect, TLS handshake, read and write gets the time that its call has left. `Calls.abort` shuts the sockets
down, so that threads that wait in them return at once.

Connecting (name lookup included, which no timeout ends) is done in a thread that is left behind when its time is up.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import httpcore2
import httpx2

LONGEST_ANSWER: Final = 16 << 20
"""Bytes of one answer with its head: a caption is a few thousand; without a limit a server could fill the memory."""

_TOO_LONG: Final = f"the answer is longer than {LONGEST_ANSWER >> 20} MiB"

_ADDRESSES: Final = 3
"""Addresses of one host that get a part of the time to connect: a dead IPv6 one must not use it up."""


class Calls:
    """The calls in flight of one endpoint."""

    def __init__(self) -> None:
        self.aborted = False
        self._mine = threading.local()
        self._changed = threading.Condition()
        self._streams: weakref.WeakSet[_Stream] = weakref.WeakSet()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """What this thread does in here ends `seconds` from now, with a timeout of the HTTP library."""
        self._mine.deadline = time.monotonic() + seconds
        self._mine.received = 0
        try:
            yield
        finally:
            self._mine.deadline = None

    @property
    def received(self) -> int:
        """Bytes that this thread's last call has received."""
        return getattr(self._mine, "received", 0)

    def abort(self) -> None:
        """Shuts down every connection: all calls fail at once, and later ones too."""
        with self._changed:
            self.aborted = True
            self._changed.notify_all()
            streams = list(self._streams)
        for stream in streams:
            stream.shut_down()

    def install(self, client: httpx2.Client) -> None:
        """Puts the deadline under all of a client's connections, those through proxies too.

        httpx2 has no public way to give its transports a network backend, which is httpcore2's public interface: hence
        these private names. A version that has others fails here, when the endpoint is made, and not in a call.
        """
        transports = [client._transport, *client._mounts.values()]  # noqa: SLF001  # as said above
        for transport in transports:
            if transport is None:  # a host that NO_PROXY names: it goes the direct way
                continue
            if not isinstance(transport, httpx2.HTTPTransport):
                raise TypeError(f"unknown transport {type(transport).__name__}")
            pool = transport._pool  # noqa: SLF001  # as said above
            backend = pool._network_backend  # noqa: SLF001  # as said above
            if not isinstance(backend, httpcore2.NetworkBackend):
                raise TypeError("this httpcore2 keeps its network backend elsewhere")
            pool._network_backend = _Backend(self, backend)  # noqa: SLF001  # as said above

    # --- for the streams ---

    def left(self, timeout: float | None, expired: type[Exception]) -> float:
        """Seconds that an operation of this thread may take; raises `expired` when there are none."""
        deadline = getattr(self._mine, "deadline", None)
        left = timeout if deadline is None else deadline - time.monotonic()
        if left is None:
            return 3600.0  # outside `within` and without a timeout: only closing does that
        if left <= 0:
            raise expired("the call's time is up")
        return left if timeout is None else min(left, timeout)

    def got(self, amount: int) -> None:
        self._mine.received = self.received + amount
        if self.received > LONGEST_ANSWER:
            raise httpcore2.RemoteProtocolError(_TOO_LONG)

    def add(self, stream: _Stream) -> None:
        with self._changed:
            self._streams.add(stream)
            aborted = self.aborted
        if aborted:
            stream.shut_down()

    def connect(self, inner: httpcore2.NetworkBackend, timeout: float, **where: Any) -> httpcore2.NetworkStream:
        """`inner.connect_tcp` in a thread of its own, which closes what it got if nobody waits for it any more."""
        outcome: list[httpcore2.NetworkStream | BaseException] = []
        left_behind = False

        def work() -> None:
            result: httpcore2.NetworkStream | BaseException
            try:
                result = inner.connect_tcp(timeout=timeout / _ADDRESSES, **where)
            except UnicodeError as error:  # a host name that is none
                result = httpcore2.ConnectError(str(error))
            except BaseException as error:  # noqa: BLE001  # raised again in the thread that waits
                result = error
            with self._changed:
                outcome.append(result)
                self._changed.notify_all()
                unwanted = left_behind
            if unwanted and not isinstance(result, BaseException):
                result.close()

        threading.Thread(target=work, name="connect", daemon=True).start()
        with self._changed:
            self._changed.wait_for(lambda: outcome or self.aborted, timeout)
            if not outcome:
                left_behind = True
                raise httpcore2.ConnectError("stopped") if self.aborted else httpcore2.ConnectTimeout("timed out")
        result = outcome.pop()
        if isinstance(result, BaseException):
            raise result
        return result


def read_unpacked(response: httpx2.Response) -> None:
    """Read an answer that is compressed, though that was not asked for: 16 MiB of it may be gigabytes unpacked.

    Raises:
        httpx2.RemoteProtocolError: it is longer than an answer may be.
    """
    if "content-encoding" not in response.headers:
        return
    pieces, size = [], 0
    for piece in response.iter_bytes():
        size += len(piece)
        if size > LONGEST_ANSWER:
            raise httpx2.RemoteProtocolError(_TOO_LONG, request=response.request)
        pieces.append(piece)
    response._content = b"".join(pieces)  # noqa: SLF001  # what was read can be given back in no public way


class _Backend(httpcore2.NetworkBackend):
    def __init__(self, calls: Calls, inner: httpcore2.NetworkBackend) -> None:
        self._calls = calls
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        left = self._calls.left(timeout, httpcore2.ConnectTimeout)
        where = {"host": host, "port": port, "local_address": local_address, "socket_options": socket_options}
        return _Stream(self._calls, self._calls.connect(self._inner, left, **where))


class _Stream(httpcore2.NetworkStream):
    """A connection whose operations end with the call they are for."""

    def __init__(self, calls: Calls, inner: httpcore2.NetworkStream, handle: socket.socket | None = None) -> None:
        self._calls = calls
        self._inner = inner
        plain = inner.get_extra_info("socket")
        # Of its own: TLS takes the plain socket over before its handshake is done, and that must be stopped as well.
        self._handle: socket.socket = handle or plain.dup()
        calls.add(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, self._calls.left(timeout, httpcore2.ReadTimeout))
        self._calls.got(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        sock = self._inner.get_extra_info("socket")
        if isinstance(self._inner.get_extra_info("ssl_object"), ssl.SSLObject):  # TLS to a proxy, and TLS through it
            return self._inner.write(buffer, self._calls.left(timeout, httpcore2.WriteTimeout))
        # Not the inner stream's loop, which gives each part of a large buffer the whole time: a server can read slowly.
        view = memoryview(buffer)
        try:
            while view:
                sock.settimeout(self._calls.left(timeout, httpcore2.WriteTimeout))
                view = view[sock.send(view) :]
        except TimeoutError as error:
            raise httpcore2.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.WriteError(str(error)) from error
        return None

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        try:
            left = self._calls.left(timeout, httpcore2.ConnectTimeout)
            secure = self._inner.start_tls(ssl_context, server_hostname, left)
        except BaseException:
            self.close()
            raise
        return _Stream(self._calls, secure, self._handle)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def close(self) -> None:
        self._inner.close()
        self._handle.close()

    def shut_down(self) -> None:
        """Makes every operation on the connection return now; from any thread."""
        with suppress(OSError):  # it is closed, or the other end was quicker
            self._handle.shutdown(socket.SHUT_RDWR)
