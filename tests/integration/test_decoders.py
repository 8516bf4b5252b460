"""The decoder processes of threads that come and go."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from captiond.dispatch.decoders import Decoders
from captiond.errors import Stopped
from captiond.media.spec import GuardLimits


def descriptors() -> int:
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd"))


def test_of_a_thread_that_has_ended_neither_its_decoder_nor_a_descriptor_is_kept() -> None:
    decoders, pids = Decoders(GuardLimits()), []

    def work() -> None:
        pids.append(decoders.ready().pid)

    before = descriptors()
    for _ in range(3):  # as where thread after thread takes the place of one whose file hung for a while
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == pids[-1:]
    ours = descriptors() - before
    decoders.kill()
    assert ours == 2, "the last one's socket, and what it complains to"
    assert descriptors() == before


def test_after_the_end_no_decoder_is_started_for_a_thread_that_comes_late() -> None:
    decoders = Decoders(GuardLimits())
    decoders.kill()
    with pytest.raises(Stopped):
        decoders.ready()
