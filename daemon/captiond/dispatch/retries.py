"""When a sidecar that could not be written is tried again: a share that is read-only hinders all of its sidecars alike.

One of them is tried each minute, the others each hour. When the one is written, the others are due (`sidecars.recorded`).
"""

from __future__ import annotations

from typing import Final

PROBE_SECONDS: Final = 60.0
OTHERS_SECONDS: Final = 3600.0


class Retries:
    """Which sidecar of a root is tried each minute, for each reason that hinders some."""

    def __init__(self) -> None:
        self._probes: dict[tuple[str | None, str], tuple[int, float]] = {}

    def at(self, file_id: int, root: str | None, reason: str | None, now: float) -> float:
        """When this one is tried again, of the clock that people set; asked twice of the same one it says the same."""
        if reason is None:  # it was written, or its file is gone: another is the one from now on
            self._probes = {of: probe for of, probe in self._probes.items() if probe[0] != file_id}
            return now + PROBE_SECONDS
        probe, until = self._probes.get((root, reason), (file_id, now))
        # A time further ahead is of a clock that was wrong.
        if probe != file_id and now < until <= now + 2 * PROBE_SECONDS:
            return now + OTHERS_SECONDS
        self._probes[root, reason] = (file_id, now + 2 * PROBE_SECONDS)
        return now + PROBE_SECONDS

    def speaks_for_all(self, file_id: int, root: str | None, reason: str | None) -> bool:
        """Whether it is the one of its root that is tried each minute: what hinders all is told of it alone."""
        return reason is not None and self._probes.get((root, reason), (file_id,))[0] == file_id
