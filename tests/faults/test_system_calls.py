"""The service killed, or refused, at the system calls by which it writes, syncs, renames, links and sends."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from faults_made import Amount, Point, Result, busiest, counted, empty_database, result, spread, sweep

pytestmark = [pytest.mark.usefixtures("_traceable"), pytest.mark.timeout(7200)]

SOCKETS = ("sendto", "sendmsg", "sendmmsg")
"""A socket answers neither EIO nor ENOSPC."""


def _assert_all_hold(results: list[Result]) -> None:
    broken = {str(one.point): one.broken for one in results if one.broken}
    assert not broken, "\n".join(f"{point}:\n    " + "\n    ".join(found) for point, found in broken.items())


@pytest.mark.parametrize("point", [Point("fdatasync", 4), Point("linkat", 1)], ids=str)
@pytest.mark.fault("kill -9 at any system call")
def test_killed_at_a_commit_or_a_sidecars_link_it_loses_nothing(tmp_path: Path, point: Point) -> None:
    _assert_all_hold([result(empty_database(tmp_path / "empty.db"), point, tmp_path / "home")])


@pytest.mark.slow
@pytest.mark.fault("kill -9 at any system call")
def test_killed_at_any_system_call_it_loses_nothing_and_pays_for_nothing_twice(
    tmp_path: Path, amount: Amount, record_property: Callable[[str, object], None]
) -> None:
    template = empty_database(tmp_path / "empty.db")
    points = spread(counted(tmp_path, template), amount.points)
    results = sweep(points, tmp_path, partial(result, template))
    _assert_all_hold(results)
    record_property("seen", f"{sum(one.met for one in results)} kills")
    # Runs differ by a few calls: the last points may lie behind an end.
    assert sum(one.met for one in results) >= min(200, 0.8 * len(points))


@pytest.mark.slow
@pytest.mark.fault("kill -9 at any system call")
def test_killed_while_it_makes_its_database_it_makes_it_at_the_next_start(
    tmp_path: Path, amount: Amount, record_property: Callable[[str, object], None]
) -> None:
    counts = counted(tmp_path, None)
    points = spread(counts, amount.points and amount.points // 8)
    results = sweep(points, tmp_path, partial(result, None))
    _assert_all_hold(results)
    record_property("seen", f"{sum(one.met for one in results)} kills")
    assert sum(one.met for one in results) >= 0.5 * len(points)


@pytest.mark.slow
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.fault("an error at any system call")
def test_an_error_at_any_system_call_costs_no_file_no_call_and_no_old_sidecar(
    tmp_path: Path, amount: Amount, error: str, record_property: Callable[[str, object], None]
) -> None:
    template = empty_database(tmp_path / "empty.db")
    counts = {call: count for call, count in counted(tmp_path, template).items() if call not in SOCKETS}
    points = spread(counts, amount.points and amount.points // 4, error)
    results = sweep(points, tmp_path, partial(result, template))
    _assert_all_hold(results)
    record_property("seen", f"{error} {sum(one.met for one in results)} times")
    assert sum(one.met for one in results) >= 0.5 * len(points)


def test_the_points_are_spread_over_the_run_and_all_of_them_can_be_had() -> None:
    counts = {"pwrite64": 400, "linkat": 3}
    some = spread(counts, 40)
    assert [point.when for point in some if point.call == "linkat"] == [1, 2, 3]
    often = [point.when for point in some if point.call == "pwrite64"]
    assert len(often) == 38
    assert (often[0], often[-1]) == (1, 390)
    assert len(spread(counts, None)) == 403


def test_the_busiest_thread_is_counted_for_each_call() -> None:
    lines = ["7 fsync(3) = 0", "8 fsync(4) = 0", "8 fsync(4) = 0", "7 write(2, x) = 1", "7 +++ exited with 0 +++"]
    assert busiest(lines) == {"fsync": 2, "write": 1}
