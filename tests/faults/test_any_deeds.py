"""Files and faults upon each other in any order: hypothesis makes up runs of the real service, and looks at each in the end."""

from __future__ import annotations

import itertools
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

import invariants
from archive import Archive
from clock import Clock
from fake_endpoint import Behaviour, FakeEndpoint, close, echo, error, html, reset, truncated
from faults_made import CONCURRENCY, Amount, empty_database
from forked import ForkedProgram, forked_with
from mounted import Share, why_not
from program import Home
from waiting import until

NAMES = st.sampled_from(["a.jpg", "b.jpg", "c.jpg", "sub/d.jpg", "sub/e.jpg", "sub/deep/f.jpg"])
MODES: dict[str, Behaviour] = {
    "good": echo(),
    "slow": echo(delay=0.3),
    "failing": error(500),
    "limiting": error(429, retry_after=0.2),
    "a page": html(503),
    "cutting off": truncated(),
    "resetting": reset(),
    "closing": close(),
}
QUEUE = "max_attempts = 100\nbackoff_max_seconds = 0.3\npause_max_seconds = 0.3"
DRAIN_SECONDS = 60.0


class AnyDeeds(RuleBasedStateMachine):
    """The service, its archive on a share, and an endpoint; each rule is one thing that happens to them."""

    template: Path
    mounting: bool

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="any-deeds-", dir=self.template.parent))
        self.fake = FakeEndpoint(default=echo()).start()
        self.home = Home(self.folder, self.fake.base_url)
        self.home.database.parent.mkdir()
        shutil.copyfile(self.template, self.home.database)
        self.configure(settle=0.1)
        self.share = Share(self.folder, self.home.inbox, "20m") if self.mounting else None
        self.clock = Clock(self.folder) if Clock.can_be_set() else None
        self.archive = Archive(self.home.inbox)
        self.archive.write("taken.jpg", "taken")
        self.archive.put_foreign("taken.jpg")
        self.labels = map(str, itertools.count())
        self.is_there = True
        self.kills = 0
        self.program: ForkedProgram | None = None
        self.start()

    def configure(self, settle: float) -> None:
        watch = "scan_seconds = 2\npoll_seconds = 0.5"
        self.home.configure(
            settle=settle, concurrency=CONCURRENCY, queue=QUEUE, watch=watch, more="[media]\nworkers = 1"
        )

    # --- files

    def has(self, name: str) -> bool:
        return self.is_there and name in self.archive.files

    @precondition(lambda self: self.is_there)
    @rule(name=NAMES)
    def write(self, name: str) -> None:
        self.archive.write(name, next(self.labels))

    @precondition(lambda self: self.is_there)
    @rule(name=NAMES)
    def overwrite(self, name: str) -> None:
        if self.has(name):
            self.archive.overwrite(name, next(self.labels))

    @precondition(lambda self: self.is_there)
    @rule(name=NAMES)
    def append(self, name: str) -> None:
        if self.has(name):
            self.archive.append(name, next(self.labels).encode())

    @precondition(lambda self: self.is_there)
    @rule(name=NAMES, to=NAMES)
    def rename(self, name: str, to: str) -> None:
        if self.has(name) and name != to:
            self.archive.rename(name, to)

    @precondition(lambda self: self.is_there)
    @rule(name=NAMES, to=NAMES)
    def copy(self, name: str, to: str) -> None:
        if self.has(name) and not self.has(to):
            self.archive.copy(name, to)

    @precondition(lambda self: self.is_there)
    @rule(name=NAMES, to=NAMES)
    def link(self, name: str, to: str) -> None:
        if self.has(name) and not self.has(to):
            self.archive.link(name, to)

    @precondition(lambda self: self.is_there)
    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        if self.has(name):
            self.archive.delete(name)

    # --- faults

    @rule(mode=st.sampled_from(sorted(MODES)))
    def endpoint(self, mode: str) -> None:
        self.fake.default = MODES[mode]

    @precondition(lambda self: self.is_there)
    @rule()
    def unmount(self) -> None:
        self.is_there = False
        if self.share is not None:
            self.share.unmount()
        else:
            self.home.inbox.rename(self.folder / "away")

    @precondition(lambda self: not self.is_there)
    @rule()
    def mount(self) -> None:
        if self.share is not None:
            assert not list(self.home.inbox.iterdir()), "something was written into the bare mount point"
            self.share.mount()
        else:
            (self.folder / "away").rename(self.home.inbox)
        self.is_there = True

    @precondition(lambda self: self.clock is not None)
    @rule(offset=st.sampled_from(["-10y", "-1d", "-6h", "+0d", "+6h", "+1d", "+10y"]))
    def set_the_clock(self, offset: str) -> None:
        assert self.clock is not None
        self.clock.set(offset)

    @precondition(lambda self: self.program is not None)
    @rule()
    def kill(self) -> None:
        self.stop(signal.SIGKILL)
        self.kills += 1
        if self.is_there:
            self.holds(invariants.on_the_disk(self.home, self.archive))

    @precondition(lambda self: self.program is not None)
    @rule()
    def terminate(self) -> None:
        self.stop(signal.SIGTERM)

    @precondition(lambda self: self.program is None)
    @rule()
    def start(self) -> None:
        env = self.clock.environment() if self.clock is not None else {}
        self.program = ForkedProgram(self.home, "run", env=env)
        self.program.event("started")

    @precondition(lambda self: self.program is not None)
    @rule(settle=st.sampled_from([0.1, 0.2]))
    def reload(self, settle: float) -> None:
        assert self.program is not None
        before = len(self.program.lines("reloaded"))
        self.configure(settle)
        self.program.signal(signal.SIGHUP)
        program = self.program
        until(lambda: len(program.lines("reloaded")) > before)

    @precondition(lambda self: self.program is not None and self.is_there)
    @rule()
    def come_to_rest(self) -> None:
        self.fake.default = echo()
        self.drain()

    # --- the end

    def stop(self, number: signal.Signals) -> None:
        assert self.program is not None
        with self.program as program:
            code = program.stop(number)
            assert "Traceback" not in program.text, program.text
            assert code == (-number if number is signal.SIGKILL else 0), program.text
        assert invariants.decoders_left(program.process.pid) == []
        self.program = None

    def holds(self, broken: list[str]) -> None:
        assert not broken, "\n".join(broken)

    def drain(self) -> None:
        try:
            until(lambda: not invariants.waiting(self.home, self.archive), timeout=DRAIN_SECONDS, interval=0.05)
        except AssertionError as failure:
            failure.add_note("\n".join(invariants.waiting(self.home, self.archive)))
            failure.add_note(self.program.text if self.program is not None else "")
            raise

    def teardown(self) -> None:
        if not hasattr(self, "archive"):
            return
        try:
            if not self.is_there:
                self.mount()
            if self.program is None:
                self.start()
            self.come_to_rest()
            self.terminate()
            self.holds(invariants.at_rest(self.home, self.archive, self.fake, cut=self.kills * CONCURRENCY))
        finally:
            if self.program is not None:
                with self.program as program:
                    program.process.kill()
            self.fake.stop()
            if self.share is not None:
                self.share.end()
        shutil.rmtree(self.folder)


@pytest.mark.slow
@pytest.mark.timeout(36_000)
@pytest.mark.fault("any deeds in any order")
def test_any_deeds_in_any_order_leave_each_file_with_its_caption_and_no_call_in_vain(
    tmp_path: Path, amount: Amount, record_property: Callable[[str, object], None]
) -> None:
    AnyDeeds.template = empty_database(tmp_path / "empty.db")
    AnyDeeds.mounting = why_not() is None
    clock = Clock(tmp_path).environment() if Clock.can_be_set() else {}
    with forked_with(clock):
        run_state_machine_as_test(
            AnyDeeds,
            settings=settings(
                max_examples=amount.examples,
                stateful_step_count=12,
                deadline=None,
                phases=[Phase.generate],
                print_blob=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
    record_property("seen", f"{amount.examples} runs of 12 steps")
