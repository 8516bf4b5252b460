"""More events than the kernel keeps: what is lost is found by a comparison."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from archive import SUFFIX
from drops import picture
from fake_endpoint import FakeEndpoint, ok
from faults_made import Amount
from forked import ForkedProgram
from processes import inotify_watches
from program import Home
from waiting import until

LIMIT = Path("/proc/sys/fs/inotify/max_queued_events")
FOUND_SECONDS = 5.0
MEMORY_BYTES = 300 << 20


@contextlib.contextmanager
def queue_of(events: int) -> Iterator[None]:
    """Watches that are begun meanwhile have a queue of so many events; skips where that can't be set."""
    before = LIMIT.read_text()
    try:
        LIMIT.write_text(str(events))
    except OSError as error:
        pytest.skip(f"needs the right to set {LIMIT}: {error.strerror}")
    try:
        yield
    finally:
        LIMIT.write_text(before)


@pytest.mark.fault("the queue of events overflows")
def test_what_an_overflow_loses_is_found_within_5_seconds(
    tmp_path: Path, fake: FakeEndpoint, record_property: Callable[[str, object], None]
) -> None:
    home = Home(tmp_path, fake.base_url)
    home.configure(settle=0.1)
    folders = [home.inbox / f"folder-{number}" for number in range(10)]
    for folder in folders:
        folder.mkdir()
    with queue_of(64), ForkedProgram(home, "run") as program:
        program.event("root_online")
        until(lambda: inotify_watches(program.process.pid) > len(folders))  # of that size their queue is from then on
        program.signal(signal.SIGSTOP)
        for number in range(300):
            (folders[number % len(folders)] / f"{number}.jpg").write_bytes(picture("the same"))
        program.signal(signal.SIGCONT)
        began = time.monotonic()
        until(lambda: home.rows("SELECT count(*) FROM file")[0][0] == 300, timeout=FOUND_SECONDS)
        assert program.lines("events_lost")
        record_property("seen", f"300 files found after {time.monotonic() - began:.1f} s")
        until(lambda: len(home.captions()) == 300, timeout=60)
        assert program.stop() == 0
    assert len(fake.requests) == 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.fault("many files at once")
def test_tens_of_thousands_of_files_made_at_once_in_new_folders_are_all_captioned_in_bounded_memory(
    tmp_path: Path, fake: FakeEndpoint, amount: Amount, record_property: Callable[[str, object], None]
) -> None:
    fake.default = ok("A picture.")
    home = Home(tmp_path, fake.base_url)
    home.configure(concurrency=8)
    contents = [picture(str(number)) for number in range(100)]
    files = amount.folders * len(contents)
    most = 0
    with ForkedProgram(home, "run") as program:
        program.event("root_online")
        process = psutil.Process(program.process.pid)
        began = time.monotonic()
        for folder in (home.inbox / f"folder-{number}" for number in range(amount.folders)):
            folder.mkdir()
            for number, content in enumerate(contents):
                (folder / f"{number}.jpg").write_bytes(content)

        def captioned() -> bool:
            nonlocal most
            most = max(most, process.memory_info().rss)
            return bool(home.rows("SELECT count(*) FROM file WHERE caption_id IS NOT NULL")[0][0] == files)

        until(captioned, timeout=1500, interval=1)
        seconds = time.monotonic() - began
        until(lambda: not home.rows("SELECT 1 FROM sidecar WHERE state = 'pending' LIMIT 1"), timeout=120, interval=1)
        assert program.stop() == 0
    assert len(fake.requests) == 100
    assert sum(1 for _ in home.inbox.rglob(f"*{SUFFIX}")) == files
    record_property(
        "seen", f"{files:,} files in {amount.folders} folders captioned after {seconds:.0f} s, {most >> 20} MiB at most"
    )
    assert most < MEMORY_BYTES
