"""Whether what a scan found is through the gate; what keeps changing is not waited for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from captiond.watch.gate import Gate

PATIENCE: Final = 10.0
"""Seconds, beside the settle time, in which at least one file must get through the gate; those left still change."""


class Draining:
    """Looks at a gate now and then."""

    def __init__(self, gate: Gate, settle_seconds: float) -> None:
        self._gate = gate
        self._wait_seconds = settle_seconds + PATIENCE
        self._before, self._deadline = -1, 0.0

    @property
    def stalled(self) -> bool:
        """Whether nothing has got through the gate for too long."""
        passed = self._gate.report.passed
        if passed != self._before:
            self._before, self._deadline = passed, time.monotonic() + self._wait_seconds
        return time.monotonic() > self._deadline
