"""When a sidecar that could not be written is tried again."""

from __future__ import annotations

from captiond.dispatch.retries import OTHERS_SECONDS, PROBE_SECONDS, Retries


def test_of_those_that_one_reason_hinders_one_is_tried_each_minute_and_the_others_each_hour() -> None:
    retries = Retries()
    first = [retries.at(file_id, "/a", "read-only", 1000.0) for file_id in (1, 2, 3, 1)]
    assert first == [1000.0 + one for one in (PROBE_SECONDS, OTHERS_SECONDS, OTHERS_SECONDS, PROBE_SECONDS)]
    assert retries.at(1, "/a", "read-only", 1090.0) == 1090.0 + PROBE_SECONDS
    assert retries.at(2, "/a", "read-only", 1091.0) == 1091.0 + OTHERS_SECONDS


def test_another_root_and_another_reason_have_their_own() -> None:
    retries = Retries()
    assert retries.at(1, "/a", "read-only", 0.0) == PROBE_SECONDS
    assert retries.at(2, "/b", "read-only", 0.0) == PROBE_SECONDS
    assert retries.at(3, "/a", "full", 0.0) == PROBE_SECONDS


def test_once_that_one_is_written_gone_or_not_tried_for_long_another_takes_its_place() -> None:
    retries = Retries()
    retries.at(1, "/a", "read-only", 0.0)
    retries.at(1, "/a", None, 60.0)
    assert retries.at(2, "/a", "read-only", 61.0) == 61.0 + PROBE_SECONDS
    assert retries.at(3, "/a", "read-only", 61.0 + 2 * PROBE_SECONDS) == 61.0 + 3 * PROBE_SECONDS


def test_a_clock_that_was_wrong_keeps_none_from_being_tried() -> None:
    retries = Retries()
    retries.at(1, "/a", "read-only", 1e10)
    assert retries.at(2, "/a", "read-only", 1000.0) == 1000.0 + PROBE_SECONDS


def test_one_speaks_for_all_that_the_same_hinders() -> None:
    retries = Retries()
    for file_id in (1, 2, 3):
        retries.at(file_id, "/a", "read-only", 0.0)
    assert [retries.speaks_for_all(file_id, "/a", "read-only") for file_id in (1, 2, 3)] == [True, False, False]
    assert retries.speaks_for_all(2, "/b", "read-only")
