"""docs/operations.md has what to do about each state, message, event and failure that the program can show."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from captiond.checks.table import CHECKS
from captiond.errors import FAILURES
from captiond.policy import HealthState
from captiond.sidecar import writing
from captiond.store import tables
from captiond.watch.health import State
from document import OPERATIONS, TOP, cells, headings, prose, section

LEVELS = {"debug", "info", "warning", "error", "exception"}
SHOWN = {
    "CaptiondError", "ConfigError", "DatabaseError", "DatabaseUnavailable", "InstallError", "InstanceError",
    "Leave", "PlaceTaken", "offline",
}  # fmt: skip
"""What is made with a message for a person as its first argument. Not UsageError: such a message says what was meant."""
SECTIONS = [
    "The configuration",
    "Database",
    "Root state: offline",
    "Sidecar state: refused",
    "What `captiond install` says",
]


@pytest.mark.parametrize("code", FAILURES)
def test_every_failure_has_its_section_that_says_what_to_do(code: str) -> None:
    assert headings(OPERATIONS).count(f"`{code}`") == 1
    text = section(OPERATIONS, f"`{code}`")
    assert "**You**" in text or "**By itself**" in text


def test_operations_names_no_failure_that_there_is_not() -> None:
    named = {heading.strip("`") for heading in headings(OPERATIONS) if re.fullmatch(r"`[a-z_]+`", heading)}
    assert named == set(FAILURES)


@pytest.mark.parametrize("state", [state.value for state in State])
def test_every_state_of_a_root_has_its_section(state: str) -> None:
    assert f"Root state: {state}" in headings(OPERATIONS)


def test_every_state_of_an_endpoint_is_explained() -> None:
    assert {state.value for state in HealthState} <= cells(section(OPERATIONS, "Endpoint states"))


def test_every_state_of_a_sidecar_has_its_section() -> None:
    assert len(states("sidecar")) == 3
    assert {f"Sidecar state: {state}" for state in states("sidecar")} <= set(headings(OPERATIONS))


@pytest.mark.parametrize("reason", sorted({text.split(";")[0] for text in writing.EXPLAINED.values()}))
def test_every_reason_for_which_a_sidecar_waits_is_explained(reason: str) -> None:
    assert reason in cells(section(OPERATIONS, "Sidecar state: pending"))


def events() -> dict[str, str]:
    """Every event that the program logs, with the module that does; of one with a variable in its name the beginning."""
    found: dict[str, str] = {}
    for path in sorted((TOP / "daemon" / "captiond").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            said = [node.args[0]] if node.args and called in {*LEVELS, "write"} else []
            said += [node.args[2]] if called == "_write" and len(node.args) > 2 else []
            for one in said:
                first = one.values[0] if isinstance(one, ast.JoinedStr) else one
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found[first.value] = path.name
    return found


def test_every_event_of_the_log_is_explained() -> None:
    explained = cells(section(OPERATIONS, "The log"))
    logged = events()
    assert len(logged) > 25
    missing = {
        event: where
        for event, where in logged.items()
        if event not in explained and not (event.endswith("_") and any(one.startswith(event) for one in explained))
    }
    assert not missing
    assert all(any(one == event or one.startswith(event) for event in logged) for one in explained)


def states(table: str) -> list[str]:
    """The states that a table of the database allows."""
    checks = [one for one in getattr(tables, table).constraints if str(one.name).endswith("state")]
    return re.findall(r"'(\w+)'", str(getattr(checks[0], "sqltext", "")))


def test_every_state_of_a_job_is_explained() -> None:
    assert cells(section(OPERATIONS, "Job states")) == set(states("job"))


def test_every_check_is_explained() -> None:
    assert cells(section(OPERATIONS, "What `captiond check` looks at")) == set(CHECKS)


def written(node: ast.expr) -> str:
    """A text of the source, with … where a value is put in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(written(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.BinOp):
        return written(node.left) + written(node.right)
    return "…"


def messages() -> Iterator[str]:
    """Every message of the program that is not made of values alone."""
    for path in sorted((TOP / "daemon" / "captiond").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args:
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                text = written(node.args[0]) if name in SHOWN else ""
                if re.search(r"[a-z]{4}", text):
                    yield text


def is_of(cell: str, message: str) -> bool:
    """Whether a cell such as `… is damaged` stands for this message."""
    return re.search(".*".join(re.escape(part.strip()) for part in cell.split("…")), message) is not None


@pytest.mark.parametrize("message", sorted(set(messages())))
def test_every_message_is_explained(message: str) -> None:
    told = [cell for cell in cells(prose(OPERATIONS)) if len(cell.strip("… ")) >= 7]
    assert any(is_of(cell, message) for cell in told)


def test_no_message_is_explained_that_there_is_not() -> None:
    known = [*messages()]
    assert len(known) > 50
    for heading in SECTIONS:
        for cell in cells(section(OPERATIONS, heading)):
            assert any(is_of(cell, message) for message in known), f"{heading}: {cell}"
