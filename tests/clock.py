"""The clock of a program under test, which can be set while it runs: by libfaketime. Its monotonic clock goes on as it is."""

from __future__ import annotations

from pathlib import Path

import pytest


class Clock:
    """The time that programs with this environment see: the real one with an offset, which a file in `folder` has.

    Skips the test where there is no libfaketime.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._library = _library(folder)
        self.set("+0d")

    @staticmethod
    def can_be_set() -> bool:
        """Whether libfaketime is installed."""
        return _installed() is not None

    def environment(self) -> dict[str, str]:
        """For the start of a program."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, offset: str) -> None:
        """To the real time with this offset, such as `-10y`, `+1d` or `-6h`; programs see it within a second."""
        new = self._file.with_suffix(".new")
        new.write_text(offset)
        new.rename(self._file)  # never seen half


def _installed() -> Path | None:
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


def _library(folder: Path) -> Path:
    """libfaketime without its `clock_nanosleep`, which refuses all sleeps until a time of a monotonic clock that is real.

    Python's `time.sleep` is one. Under another name the function is not found, and the system's is called.
    """
    installed = _installed()
    if installed is None:
        pytest.skip("needs libfaketime")
    copy = folder / installed.name
    copy.write_bytes(installed.read_bytes().replace(b"\0clock_nanosleep\0", b"\0klock_nanosleep\0", 1))
    return copy
