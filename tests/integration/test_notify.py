"""sd_notify against a real datagram socket."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from captiond import notify


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The service manager's end of the socket."""
    name = f"@captiond-{secrets.token_hex(8)}" if request.param == "abstract" else str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind("\0" + name[1:] if name.startswith("@") else name)
        end.settimeout(5)
        yield end


def test_each_state_is_one_datagram(manager: socket.socket) -> None:
    notify.ready("2 roots, 0 queued")
    assert manager.recv(4096) == b"READY=1\nSTATUS=2 roots, 0 queued"
    notify.ready()
    assert manager.recv(4096) == b"READY=1"
    notify.stopping("finishing 3 calls")
    assert manager.recv(4096) == b"STOPPING=1\nSTATUS=finishing 3 calls"
    notify.watchdog()
    assert manager.recv(4096) == b"WATCHDOG=1"


def test_reloading_tells_the_monotonic_time_in_microseconds(manager: socket.socket) -> None:
    before = time.monotonic_ns() // 1000
    notify.reloading()
    after = time.monotonic_ns() // 1000
    first, second = manager.recv(4096).decode().split("\n")
    assert first == "RELOADING=1"
    name, _, value = second.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(value) <= after


def test_a_status_is_one_line_whatever_is_in_it(manager: socket.socket) -> None:
    notify.status("photo\nSTOPPING=1\r\udcff.jpg")
    assert manager.recv(4096) == rb"STATUS=photo STOPPING=1 \udcff.jpg"
    notify.status("x" * 100_000)
    assert len(manager.recv(200_000)) < 4096


def test_nothing_is_raised_without_a_manager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for address in (None, "", "relative", "vsock:2:1234", str(tmp_path / "nobody"), "@nobody-listens", "/" + "x" * 300):
        if address is None:
            monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
        else:
            monkeypatch.setenv("NOTIFY_SOCKET", address)
        notify.ready()
        notify.status("still here")


def test_a_manager_that_does_not_read_hangs_nobody(manager: socket.socket) -> None:
    _fill(os.environ["NOTIFY_SOCKET"])
    started = time.monotonic()
    notify.watchdog()
    assert time.monotonic() - started < 5


def _fill(address: str) -> None:
    """Sends until the receiver's queue is full."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.setblocking(False)
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        with pytest.raises(BlockingIOError):  # noqa: PT012 - which of them fills the queue is the system's affair
            while True:
                channel.send(b"x")


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("60000000", None, 30.0),
        ("60000000", "own", 30.0),
        ("60000000", "1", None),
        ("0", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_asked(
    monkeypatch: pytest.MonkeyPatch, usec: str | None, pid: str | None, expected: float | None
) -> None:
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert notify.watchdog_interval() == expected
