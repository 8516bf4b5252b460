"""Spoiled files by the thousand: `./dev fuzz` for less than a minute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fuzzing import Fuzzer
from mutations import MADE


@pytest.mark.slow
@pytest.mark.fault("a hostile picture or video")
def test_spoiled_files_of_every_format_crash_nothing_hang_nothing_and_leave_nothing_behind(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    report = Fuzzer("continuous", tmp_path).run(45, workers=2)
    print(report.text())
    record_property("seen", f"{report.outcomes.total():,} files")
    assert report.findings == []
    assert {"whole", "corrupt", "truncated", "not_media", "too_many_pixels"} <= set(report.outcomes)


def test_the_same_seed_and_number_make_the_same_file_again(tmp_path: Path) -> None:
    one, other = Fuzzer("seed", tmp_path), Fuzzer("seed", tmp_path)
    one._whole = other._whole  # encoders may differ in a few bytes
    files = [one.spoiled(number) for number in range(200)]
    assert files == [other.spoiled(number) for number in range(200)]
    assert {name for name, *_ in files} == set(MADE)
