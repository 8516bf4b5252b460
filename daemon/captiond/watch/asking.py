"""Whether a thread waits for the file system, and since when: one that hangs is told so by another thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


class Asking:
    """One thread's questions to the file system: each is asked within `with`."""

    def __init__(self) -> None:
        self.since: float | None = None
        """When it began to wait, or heard last that it goes on, in monotonic seconds; None while it does not wait."""

    def __enter__(self) -> None:
        self.heard()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rested()

    def heard(self) -> None:
        """The file system answered: it is slow, and does not hang."""
        self.since = time.monotonic()

    def rested(self) -> None:
        """Something else is waited for, until it is `heard` again."""
        self.since = None
