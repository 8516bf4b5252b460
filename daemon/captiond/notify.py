"""Tells systemd how the service is, by the protocol of sd_notify(3): one datagram of NAME=value lines.

Without `$NOTIFY_SOCKET` every function does nothing, and none ever raises: a service manager that does not listen is no
reason to stop captioning.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress

_STATUS_LIMIT = 500  # characters; the whole datagram has to stay well under one page


def ready(text: str = "") -> None:
    """The service is up, or has finished reloading; `text` is shown by `systemctl status`."""
    _send("READY=1", *_status(text))


def status(text: str) -> None:
    """One line for `systemctl status`."""
    _send(*_status(text))


def reloading() -> None:
    """The configuration is being read again; `ready` ends it. systemd wants to know since when, on its own clock."""
    _send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def stopping(text: str = "") -> None:
    """The service has begun to stop."""
    _send("STOPPING=1", *_status(text))


def watchdog() -> None:
    """The service is alive; to be sent at least every `watchdog_interval` seconds."""
    _send("WATCHDOG=1")


def watchdog_interval() -> float | None:
    """Seconds between two `watchdog` calls: half of what WatchdogSec= allows. None: nobody waits for them."""
    try:
        limit = int(os.environ.get("WATCHDOG_USEC", ""))
        pid = int(os.environ.get("WATCHDOG_PID") or os.getpid())
    except ValueError:
        return None
    return limit / 2_000_000 if limit > 0 and pid == os.getpid() else None


def _status(text: str) -> list[str]:
    # A line break would begin the next assignment: a file's name must not be able to say STOPPING=1.
    line = " ".join(text.split())[:_STATUS_LIMIT]
    return [f"STATUS={line}"] if line else []


def _send(*assignments: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not assignments or address[:1] not in ("/", "@"):
        return
    if address[0] == "@":  # the abstract name space: no file
        address = "\0" + address[1:]
    message = "\n".join(assignments).encode("utf-8", "backslashreplace")
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(0.25)  # a manager that does not read must not hang us
        channel.sendto(message, address)
