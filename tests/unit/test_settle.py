"""The gate lets a file through when it has been quiet, and never loses one."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from captiond.settle import GONE, TRIES, WAIT, Settle
from captiond.values import Priority, Quiet, Stat

SETTLE = 5.0


def stat(size: int = 1, mtime: int = 1, ctime: int = 1, inode: int = 1) -> Stat:
    return Stat(size, mtime, ctime, inode)


def test_a_file_is_measured_at_once_and_passes_exactly_the_settle_time_later() -> None:
    gate = Settle(SETTLE)
    assert gate.sighted("/a", Priority.NEW, 100.0)
    assert gate.next_at() == 0.0
    assert gate.due(100.0) == ["/a"]
    assert gate.measured("/a", stat(), 100.0) is WAIT
    assert gate.next_at() == 105.0
    assert gate.due(104.999) == []
    assert gate.due(105.0) == ["/a"]
    assert gate.measured("/a", stat(), 105.0) == Quiet("/a", stat(), Priority.NEW)
    assert gate.next_at() is None
    assert len(gate) == 0


@pytest.mark.parametrize("other", [stat(size=2), stat(mtime=2), stat(ctime=2), stat(inode=2)])
def test_any_change_of_the_stat_starts_the_wait_again(other: Stat) -> None:
    gate = Settle(SETTLE)
    gate.sighted("/a", Priority.NEW, 0.0)
    gate.due(0.0)
    gate.measured("/a", stat(), 0.0)
    gate.due(5.0)
    assert gate.measured("/a", other, 5.0) is WAIT
    assert gate.next_at() == 10.0
    gate.due(10.0)
    assert gate.measured("/a", other, 10.0) == Quiet("/a", other)


def test_a_sighting_of_an_unchanged_file_does_not_prolong_its_wait() -> None:
    gate = Settle(SETTLE)
    gate.sighted("/a", Priority.NEW, 0.0)
    gate.due(0.0)
    gate.measured("/a", stat(), 0.0)
    gate.sighted("/a", Priority.NEW, 3.0)
    assert gate.due(3.0) == ["/a"]
    assert gate.measured("/a", stat(), 3.0) is WAIT
    assert gate.next_at() == 5.0


def test_the_last_write_is_timed_by_its_event_and_not_by_the_next_appointment() -> None:
    gate = Settle(SETTLE)
    gate.sighted("/a", Priority.NEW, 0.0)
    gate.due(0.0)
    gate.measured("/a", stat(size=0), 0.0)
    gate.sighted("/a", Priority.NEW, 1.0)  # the writer closed it
    gate.due(1.0)
    gate.measured("/a", stat(size=9), 1.0)
    gate.due(5.0)
    assert gate.measured("/a", stat(size=9), 5.0) is WAIT
    assert gate.next_at() == 6.0


def test_a_stat_that_hung_does_not_shorten_the_wait() -> None:
    gate = Settle(SETTLE)
    gate.sighted("/a", Priority.NEW, 0.0)
    gate.due(0.0)
    assert gate.measured("/a", stat(), 0.0, ended=4.0) is WAIT
    assert gate.next_at() == 9.0


def test_a_file_that_is_gone_leaves_the_gate() -> None:
    gate = Settle(SETTLE)
    gate.sighted("/a", Priority.NEW, 0.0)
    gate.due(0.0)
    assert gate.measured("/a", None, 0.0) is GONE
    assert "/a" not in gate


def test_new_files_go_before_the_backlog_and_a_backlog_file_can_become_new() -> None:
    gate = Settle(SETTLE)
    for name in ("/old1", "/old2", "/old3"):
        gate.sighted(name, Priority.BACKLOG, 0.0)
    gate.sighted("/new", Priority.NEW, 0.0)
    gate.sighted("/old2", Priority.NEW, 0.0)
    assert gate.due(0.0) == ["/new", "/old2", "/old1", "/old3"]
    for name in ("/old1", "/old2", "/old3", "/new"):
        gate.measured(name, stat(), 0.0)
    gate.sighted("/old3", Priority.PERSON, 1.0)
    assert gate.due(1.0) == ["/old3"]
    gate.measured("/old3", stat(), 1.0)
    assert gate.due(5.0) == ["/new", "/old2", "/old3", "/old1"]
    quiet = [gate.measured(name, stat(), 5.0) for name in ("/new", "/old2", "/old3", "/old1")]
    assert [q.priority for q in quiet if isinstance(q, Quiet)] == [
        Priority.NEW,
        Priority.NEW,
        Priority.PERSON,
        Priority.BACKLOG,
    ]


def test_a_gate_takes_twice_its_capacity_and_then_no_other_path() -> None:
    gate = Settle(SETTLE, capacity=3)
    assert [gate.sighted(f"/{i}", Priority.NEW, 0.0) for i in range(7)] == [True] * 6 + [False]
    assert gate.sighted("/0", Priority.NEW, 0.0), "a path that is in already is never refused"


def test_due_hands_out_no_more_than_was_asked_for_and_the_rest_next_time() -> None:
    gate = Settle(SETTLE)
    names = [f"/{i}" for i in range(10)]
    for name in names:
        gate.sighted(name, Priority.NEW, 0.0)
    assert gate.due(0.0, limit=4) == names[:4]
    assert gate.due(0.0, limit=100) == names[4:]


def test_a_file_that_cannot_be_measured_is_tried_again_and_then_left_to_the_next_scan() -> None:
    gate = Settle(SETTLE)
    gate.sighted("/a", Priority.NEW, 0.0)
    now = 0.0
    for _ in range(TRIES - 1):
        assert gate.due(now) == ["/a"]
        assert gate.failed("/a", now)
        now += SETTLE
    assert gate.due(now) == ["/a"]
    assert not gate.failed("/a", now)
    assert "/a" not in gate


def test_paths_that_come_and_go_leave_nothing_behind() -> None:
    gate = Settle(3600.0)
    for i in range(20_000):
        now = i / 100
        name = f"/{i}"
        gate.sighted(name, Priority.NEW, now)
        gate.due(now)
        gate.measured(name, stat(), now)
        gate.sighted(name, Priority.NEW, now)
        gate.due(now)
        gate.measured(name, None, now)
    assert len(gate._new.later) < 2_000


@given(st.lists(st.tuples(st.integers(0, 80), st.integers(1, 2), st.booleans()), min_size=1, max_size=8))
def test_no_history_of_writes_and_sightings_lets_a_file_through_early(
    history: list[tuple[float, int, bool]],
) -> None:
    """Each step: wait so many quarters of a second, the file is then of this size, and events may tell of no change too."""
    gate = Settle(SETTLE)
    now, size, changed_at = 0.0, 0, 0.0
    gate.sighted("/a", Priority.NEW, now)

    def answer() -> bool:
        for path in gate.due(now):
            verdict = gate.measured(path, stat(size=size), now)
            if isinstance(verdict, Quiet):
                assert now - changed_at >= SETTLE
                return True
        return False

    answer()
    for wait, new_size, told in history:
        end = now + wait / 4
        while (at := gate.next_at()) is not None and at <= end:
            now = max(now, at)
            if answer():
                return
        now = end
        if new_size != size:
            changed_at = now
        if told or new_size != size:
            size = new_size
            gate.sighted("/a", Priority.NEW, now)
            answer()
    while (at := gate.next_at()) is not None:
        now = max(now, at)
        if answer():
            assert now - changed_at == pytest.approx(SETTLE), "and not late either"
            return
    raise AssertionError("the gate lost the file")


@dataclass
class File:
    """What the model knows of a file: its stat, and every measurement the gate was told since it was sighted."""

    size: int | None = 0
    seen: list[tuple[float, int]] = field(default_factory=list)
    wanted: bool = False


class GateMachine(RuleBasedStateMachine):
    """Any order of writes, sightings, measurements and waits, against the plain definition of quiet."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Settle(SETTLE, capacity=100)
        self.files = {f"/{i}": File() for i in range(4)}
        self.now = 0.0
        self.sizes = itertools.count(1)
        self.asked: list[str] = []

    @rule(name=st.sampled_from(["/0", "/1", "/2", "/3"]), priority=st.sampled_from(list(Priority)))
    def sight(self, name: str, priority: Priority) -> None:
        assert self.gate.sighted(name, priority, self.now)
        if not self.files[name].wanted:
            self.files[name].seen.clear()
        self.files[name].wanted = True

    @rule(name=st.sampled_from(["/0", "/1", "/2", "/3"]), gone=st.booleans())
    def write(self, name: str, gone: bool) -> None:
        self.files[name].size = None if gone else next(self.sizes)

    @rule(quarters=st.integers(1, 32))
    def wait(self, quarters: int) -> None:
        self.now += quarters / 4

    @rule(limit=st.integers(1, 5))
    def ask(self, limit: int) -> None:
        for name in self.gate.due(self.now, limit):
            file = self.files[name]
            assert file.wanted, "asks only for what was sighted"
            if file.size is None:
                assert self.gate.measured(name, None, self.now) is GONE
                file.wanted = False
                continue
            file.seen.append((self.now, file.size))
            verdict = self.gate.measured(name, stat(size=file.size), self.now)
            since = self.now
            for at, size in reversed(file.seen):
                if size != file.size:
                    break
                since = at
            quiet = self.now >= since + SETTLE
            assert isinstance(verdict, Quiet) == quiet
            if quiet:
                file.wanted = False

    @precondition(lambda self: any(file.wanted for file in self.files.values()))
    @rule()
    def let_all_settle(self) -> None:
        for _ in range(20):
            at = self.gate.next_at()
            if at is None:
                break
            self.now = max(self.now, at)
            self.ask(5)
        assert not any(file.wanted for file in self.files.values()), "a path was lost"

    @invariant()
    def holds_exactly_what_is_wanted(self) -> None:
        assert {name for name in self.files if name in self.gate} == {
            name for name, file in self.files.items() if file.wanted
        }


GateMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestGate = GateMachine.TestCase
