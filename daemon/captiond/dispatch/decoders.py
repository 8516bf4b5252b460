"""The decoder processes of the service's encoders, one a thread.

One that can't be started (no process or memory is left, or captiond was replaced while it ran) says nothing of the file
that is next: its encoder waits, and so does the queue, and no job pays an attempt.
"""

from __future__ import annotations

import threading

from captiond import log
from captiond.errors import NoDecoder, Stopped
from captiond.media.guard import Guard, GuardLimits

FIRST_PAUSE = 1.0
"""Seconds before a decoder is started again; they double each time."""
LONGEST_PAUSE = 60.0


class Decoders:
    """The guards of all threads that ask for one; those of threads that have ended are given up."""

    def __init__(self, limits: GuardLimits) -> None:
        self._limits = limits
        self._log = log.get("dispatch")
        self._lock = threading.Lock()
        self._guards: dict[threading.Thread, Guard] = {}
        self._missing = 0
        self._ended = threading.Event()

    def ready(self) -> Guard:
        """The calling thread's guard with its decoder started; waits until it can be.

        Raises:
            Stopped: `kill` was called.
        """
        guard = self._own()
        try:
            guard.start()
        except NoDecoder as failure:
            self._tell_missing(failure)
            self._wait_for(guard)
            self._tell_well()
        return guard

    @property
    def missing(self) -> bool:
        """Whether someone waits because none can be started."""
        return self._missing > 0

    def kill(self) -> None:
        """End the decoders and all waiting at once; what is being decoded fails as stopped."""
        self._ended.set()
        with self._lock:
            guards = list(self._guards.values())
        for guard in guards:
            guard.close()

    def _own(self) -> Guard:
        thread = threading.current_thread()
        with self._lock:
            guard = self._guards.get(thread)
            if guard is not None:
                return guard
            if self._ended.is_set():
                raise Stopped
            guard = self._guards[thread] = Guard(self._limits)
            # Their decoders ended with them; the descriptors, and what the kernel keeps of a process, did not.
            left = [self._guards.pop(one) for one in list(self._guards) if not one.is_alive()]
        for ended in left:
            ended.close()
        return guard

    def _wait_for(self, guard: Guard) -> None:
        pause = FIRST_PAUSE
        while not self._ended.wait(pause):
            try:
                guard.start()
            except NoDecoder:
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                return
        raise Stopped

    def _tell_missing(self, failure: NoDecoder) -> None:
        with self._lock:
            self._missing += 1
            first = self._missing == 1
        if first:
            self._log.error("decoders_missing", error=failure.message, remedy=failure.remedy)

    def _tell_well(self) -> None:
        with self._lock:
            self._missing -= 1
            last = self._missing == 0
        if last:
            self._log.info("decoders_well")
