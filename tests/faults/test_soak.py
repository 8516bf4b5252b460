"""Hours of change and misbehaviour, as one run of the service: what it uses levels off, and the books agree in the end."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

import invariants
from archive import Archive
from fake_endpoint import Behaviour, FakeEndpoint, bad_json, close, cut, echo, error, html, no_choices, reset, truncated
from faults_made import CONCURRENCY, Amount
from forked import ForkedProgram
from program import Home
from waiting import until

BEAT_SECONDS = 0.2
"""Between two changes of the archive."""
MODE_SECONDS = 4.0
RELOAD_SECONDS = 30.0
SAMPLE_SECONDS = 1.0
MOST_FILES = 150
MODES: list[Behaviour] = [
    echo(), echo(), echo(delay=0.2), error(500), error(503), error(429, retry_after=0.5), html(200), bad_json(), no_choices(),
    truncated(), reset(), close(), cut(),
]  # fmt: skip
QUEUE = "max_attempts = 100\nbackoff_max_seconds = 1\npause_max_seconds = 1"


@dataclass(frozen=True, slots=True)
class Sample:
    """What the service used at a moment; `lines` are those of its log that tell of no finished work."""

    memory: int
    descriptors: int
    threads: int
    lines: int


class Soak:
    """The archive and the endpoint, changed by chance, and what the service used meanwhile."""

    def __init__(self, home: Home, fake: FakeEndpoint, seed: int) -> None:
        self.home, self.fake = home, fake
        self.archive = Archive(home.inbox)
        self.samples: list[Sample] = []
        self._chance = random.Random(seed)
        self._number = 0

    def run(self, program: ForkedProgram, seconds: float) -> None:
        process = psutil.Process(program.process.pid)
        began = time.monotonic()
        mode_at = reload_at = sample_at = began
        while (now := time.monotonic()) < began + seconds:
            self._change()
            if now >= mode_at:
                mode_at = now + MODE_SECONDS
                self.fake.default = self._chance.choice(MODES)
            if now >= reload_at:
                reload_at = now + RELOAD_SECONDS
                program.signal(signal.SIGHUP)
            if now >= sample_at:
                sample_at = now + SAMPLE_SECONDS
                self.samples.append(self._sample(process, program))
            time.sleep(BEAT_SECONDS)

    def _sample(self, process: psutil.Process, program: ForkedProgram) -> Sample:
        lines = sum(1 for line in program.lines() if line["event"] != "job")
        return Sample(process.memory_info().rss, process.num_fds(), process.num_threads(), lines)

    def _change(self) -> None:
        archive, chance = self.archive, self._chance
        self._number += 1
        new = f"folder-{chance.randrange(8)}/{self._number}.jpg"
        if len(archive.files) < 5:
            archive.write(new, str(self._number))
            return
        old = chance.choice(sorted(archive.files))
        kind = chance.random()
        if len(archive.files) > MOST_FILES or kind < 0.2:
            archive.delete(old)
        elif kind < 0.6:
            archive.write(new, str(self._number))
        elif kind < 0.7:
            archive.overwrite(old, str(self._number))
        elif kind < 0.8:
            archive.copy(old, new)
        else:
            archive.rename(old, new)


def _levels_off(soak: Soak) -> None:
    """The last third uses no more than the second, but for what is measured unsharply."""
    third = len(soak.samples) // 3
    before, after = soak.samples[third : 2 * third], soak.samples[2 * third :]
    grown = max(one.memory for one in after) - max(one.memory for one in before)
    assert grown < (16 << 20), f"memory grew by {grown >> 20} MiB"
    assert max(one.descriptors for one in after) <= max(one.descriptors for one in before) + 4
    assert max(one.threads for one in after) <= max(one.threads for one in before) + 2
    told_before, told_after = before[-1].lines - before[0].lines, after[-1].lines - after[0].lines
    assert told_after <= 2 * told_before + 20, f"{told_before} lines in a third of the time, then {told_after}"


@pytest.mark.slow
@pytest.mark.timeout(3 * 3600)
@pytest.mark.fault("hours of change and misbehaviour")
def test_what_it_uses_levels_off_and_status_database_sidecars_and_endpoint_agree(
    tmp_path: Path, amount: Amount, record_property: Callable[[str, object], None]
) -> None:
    every_time_another = os.environ.get("CAPTIOND_FAULTS") == "all"
    seed = int(os.environ.get("CAPTIOND_SEED") or (random.randrange(10**6) if every_time_another else 1))
    print(f"CAPTIOND_SEED={seed} makes the same changes again", flush=True)
    with FakeEndpoint(default=echo()) as fake:
        home = Home(tmp_path, fake.base_url)
        home.configure(settle=0.2, concurrency=CONCURRENCY, queue=QUEUE, watch="scan_seconds = 20")
        soak = Soak(home, fake, seed)
        with ForkedProgram(home, "run") as program:
            program.event("root_online")
            soak.run(program, amount.soak_seconds)
            fake.default = echo()
            home.call("retry", "--all")  # what failed for answers that could not be used
            until(lambda: not invariants.waiting(home, soak.archive), timeout=120, interval=0.2)
            status = json.loads(home.call("status", "--json").stdout)
            assert program.stop() == 0
            assert "Traceback" not in program.text
        broken = invariants.at_rest(home, soak.archive, fake, cut=0)
    assert not broken, "\n".join(broken)
    there = status["files"]["media"] - status["files"]["absent"]
    shown = sum(row["present"] for row in home.rows("SELECT present FROM captions"))
    assert there == status["roots"][0]["files"] == shown == len(soak.archive.files)
    assert (status["queue"]["queued"], status["queue"]["running"], status["queue"]["failed"]) == (0, 0, 0)
    assert (status["sidecars"]["pending"], status["sidecars"]["refused"]) == (0, 0)
    assert status["sidecars"]["written"] >= len(soak.archive.files)  # and of files that are gone
    assert status["spend_month"]["calls"] == len(fake.requests)
    most = max(one.memory for one in soak.samples) >> 20
    record_property("seen", f"{amount.soak_seconds:.0f} s, {len(fake.requests)} calls, {most} MiB at most, seed {seed}")
    _levels_off(soak)
