"""Threads that take work in turn. One that hangs, in a dead file system say, is left behind: another takes its place."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from captiond.dispatch.work import Outcome

JOIN_SECONDS = 2.0
"""The wait for threads that have nothing to do any more."""


class _Item:
    """One piece of work. `left` is set when nobody waits for it any more, `relieved` when another thread took its place.

    `heard_at` is when it began, or said last that it goes on; None while it waits for a thread.
    """

    def __init__(self, key: int, stage: Callable[[], Outcome]) -> None:
        self.key, self.stage = key, stage
        self.heard_at: float | None = None
        self.left = self.relieved = False


class Workers:
    """A fixed number of threads, beside those that were left behind.

    They are daemons: one that hangs does not keep the program from ending.

    Args:
        name: of the threads.
        count: how many work at a time.
        done: takes each outcome; called from the threads.
    """

    def __init__(self, name: str, count: int, done: Callable[[Outcome], None]) -> None:
        self._name, self._done = name, done
        self._lock = threading.Lock()
        self._items: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._open: dict[int, _Item] = {}
        self._threads: set[threading.Thread] = set()
        for _ in range(count):
            self._add()

    def submit(self, key: int, stage: Callable[[], Outcome]) -> None:
        """Do `stage` when a thread is free. `key` has no other work here, done or waiting."""
        item = _Item(key, stage)
        with self._lock:
            self._open[key] = item
        self._items.put(item)

    def heard(self, key: int) -> None:
        """The work of this key goes on. Any thread may call this, as often as it likes."""
        item = self._open.get(key)
        if item is not None and item.heard_at is not None:
            item.heard_at = time.monotonic()

    def begun(self) -> dict[int, float]:
        """What is under way, and when it began or was last heard of, in monotonic seconds."""
        with self._lock:
            return {item.key: item.heard_at for item in self._open.values() if item.heard_at is not None}

    def relieve(self, keys: Collection[int]) -> None:
        """Another thread takes the place of each that is on one of these; what they come to counts all the same."""
        with self._lock:
            for item in filter(None, [self._open.get(key) for key in keys]):
                self._succeed(item)

    def leave(self, keys: Collection[int]) -> None:
        """Nobody waits for the work of these keys any more: what is under way may hang, what has not begun is not done.

        Their outcomes are dropped, and whoever hangs in them gets a successor now.
        """
        with self._lock:
            for item in filter(None, [self._open.pop(key, None) for key in keys]):
                item.left = True
                self._succeed(item)

    def close(self, *, wait: bool) -> None:
        """End the threads; what has not begun is not done."""
        with self._lock:
            for item in self._open.values():
                item.left = item.left or item.heard_at is None
            threads = list(self._threads)
        for _ in threads:
            self._items.put(None)
        until = time.monotonic() + JOIN_SECONDS
        for thread in threads if wait else ():
            thread.join(max(0.0, until - time.monotonic()))

    def _succeed(self, item: _Item) -> None:
        if item.heard_at is not None and not item.relieved:
            item.relieved = True
            self._add()

    def _add(self) -> None:
        thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._threads.add(thread)
        thread.start()

    def _work(self) -> None:
        while (item := self._items.get()) is not None:
            with self._lock:
                if item.left:
                    continue
                item.heard_at = time.monotonic()
            outcome = item.stage()
            with self._lock:
                if not item.left:
                    del self._open[item.key]
                    self._done(outcome)
                if item.relieved:
                    break  # another has taken this one's place
        with self._lock:
            self._threads.discard(threading.current_thread())
