"""The project's documents for tests: their headings, sections and tables."""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).parents[1]
OPERATIONS = TOP / "docs" / "operations.md"


def prose(path: Path) -> str:
    """A document without its code blocks."""
    return re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)


def headings(path: Path) -> list[str]:
    return re.findall(r"^#{1,6} (.+)$", prose(path), re.MULTILINE)


def section(path: Path, heading: str) -> str:
    """The text below a heading, down to the next heading of any level."""
    return re.split(r"^#{1,6} ", prose(path).split(f" {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def cells(text: str) -> set[str]:
    """All that stands in backticks in the first column of tables."""
    rows = re.findall(r"^\| ([^|]*) \|", text, re.MULTILINE)
    return {code for row in rows for code in re.findall(r"`([^`]+)`", row)}
