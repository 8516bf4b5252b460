"""docs/reliability.md: the table has each fault and each test that makes it, and is written by the tests' run."""

from __future__ import annotations

from pathlib import Path

import fault_table
from fault_table import FAULTS, NOT_YET, PAGE, results, rewritten, rows


def test_each_fault_has_a_test_that_makes_it() -> None:
    assert FAULTS.keys() - {row.fault for row in rows()} == set()


def test_the_table_has_each_test_of_each_fault_and_no_other() -> None:
    assert list(results(PAGE.read_text())) == [(row.fault, row.link) for row in rows()], "./dev faults writes it"


def test_results_of_a_run_take_the_place_of_older_ones_and_leave_the_others(tmp_path: Path) -> None:
    first, second = list(FAULTS)[:2]
    (tmp_path / "test_x.py").write_text(
        f"@pytest.mark.fault({second!r})\ndef test_b() -> None: ...\n\n\n"
        f"@pytest.mark.fault({first!r})\n@pytest.mark.fault({second!r})\ndef test_a_b() -> None: ...\n"
    )
    page = f"# Title\n\n{fault_table._BEGIN}{fault_table._HEAD}{fault_table._END}\nMore.\n"
    once = rewritten(page, {(second, "[b](../tests/test_x.py)"): "passed"}, tmp_path)
    assert results(once) == {
        (first, "[a b](../tests/test_x.py)"): NOT_YET,
        (second, "[b](../tests/test_x.py)"): "passed",
        (second, "[a b](../tests/test_x.py)"): NOT_YET,
    }
    twice = rewritten(once, {(first, "[a b](../tests/test_x.py)"): "**failed**"}, tmp_path)
    assert set(results(twice).values()) == {NOT_YET, "passed", "**failed**"}
    assert twice.startswith("# Title\n")
    assert twice.endswith("\nMore.\n")
