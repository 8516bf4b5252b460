"""The gate of one root, turned by hand."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from captiond.settle import TRIES
from captiond.store.engine import Database
from captiond.values import Priority
from captiond.watch.gate import Gate
from watched import Compared, write


@contextmanager
def leased(path: Path) -> Iterator[None]:
    """The kernel gives EWOULDBLOCK to who opens the file without waiting: see fcntl(2) on F_SETLEASE."""
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    fd = os.open(path, os.O_RDWR)
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        yield
    finally:
        os.close(fd)
        signal.signal(signal.SIGIO, before)


def test_a_file_that_cannot_be_read_is_left_to_the_next_comparison_after_some_tries(tmp_path: Path) -> None:
    troubles: list[None] = []
    with Database.open(f"sqlite:///{tmp_path}/captions.db") as db:
        root = Compared(db, tmp_path / "in")
        path = write(root.root / "a.bin")
        gate = Gate(
            db,
            takes=lambda _: True,
            settle_seconds=0.0,
            on_work=lambda: None,
            on_trouble=lambda: troubles.append(None),
            on_overflow=lambda: None,
            online=lambda: True,
        )
        gate.root = root.as_root
        with leased(path):
            gate.noted(str(path))
            turns = 0
            while gate.busy and turns < 9:
                gate.turn()
                turns += 1
        assert (turns, len(troubles)) == (TRIES, TRIES)
        assert root.jobs() == []
        assert root.scan().new == 1
        gate.sight(root.sighted, Priority.NEW)
        gate.turn()
        assert root.queued() == {"a.bin"}
