"""Waiting for what happens in other threads and processes, without sleeping blindly."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], timeout: float = 30.0, interval: float = 0.01) -> T:
    """Calls `condition` until what it returns is true, and returns that; fails the test after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {timeout:g} s: {condition!r}; last seen: {result!r}")
        time.sleep(interval)
