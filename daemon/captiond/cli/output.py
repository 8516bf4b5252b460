"""What the commands print: data to stdout, everything else to stderr, nothing that a terminal would obey."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import PurePath
from typing import IO, Any

import click

from captiond.redact import redact

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters, newline and tab among them
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # order of writing: what is read is not what is there
    "\u2028\u2029\ufeff\U000e0000-\U000e007f"  # line ends and what can't be seen
    "\ud800-\udfff]"  # bytes that are not UTF-8
)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e"}


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    if char in _NAMED:
        return _NAMED[char]
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def safe(text: object) -> str:
    """Text in one line that no terminal obeys: control characters and changes of direction are written out.

    A URL is shown without what might be a secret in it, as the token of one that was signed.
    """
    shown = str(text)
    return _UNSAFE.sub(_escaped, redact(shown) if "://" in shown else shown)


def safe_lines(text: str) -> str:
    """The same for text of several lines: its newlines stay."""
    return "\n".join(safe(line) for line in text.splitlines())


def flat(text: str) -> str:
    """A caption in one line: every run of white space is one space."""
    return safe(" ".join(text.split()))


def interactive(stream: IO[str]) -> bool:
    """Whether a stream gets progress bars: a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def coloured(stream: IO[str]) -> bool:
    """Whether a stream gets colour: such a terminal, and no NO_COLOR in the environment."""
    return interactive(stream) and not os.environ.get("NO_COLOR")


def style(text: str, **styles: Any) -> str:
    """Text for `say`, with click's styles where stdout is a terminal that wants them."""
    return click.style(text, **styles) if coloured(sys.stdout) else text


def say(text: str = "") -> None:
    """A line of data on stdout; its parts have gone through `safe`."""
    click.echo(text, color=coloured(sys.stdout))


def note(text: str) -> None:
    """A line on stderr that is no data."""
    click.echo(safe_lines(text), err=True)


def complain(text: str) -> None:
    """An error on stderr."""
    label = click.style("Error:", fg="red", bold=True) if coloured(sys.stderr) else "Error:"
    click.echo(f"{label} {safe_lines(text)}", err=True, color=coloured(sys.stderr))


def plain(value: object) -> Any:
    """A value as JSON has it: dates as text, tuples as lists, what is no number as null."""
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, bytes | PurePath):
        return [plain(item) for item in value]
    return str(value)


def say_json(value: object) -> None:
    """One JSON document on stdout, UTF-8 whatever the locale."""
    import json

    document = json.dumps(plain(value), ensure_ascii=False, indent=2, allow_nan=False)
    sys.stdout.flush()
    sys.stdout.buffer.write(document.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()


def width_of(text: str) -> int:
    """Columns that text takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def table(
    rows: Sequence[Sequence[str]], *, styles: Mapping[int, Callable[[str], Mapping[str, Any]]] | None = None
) -> None:
    """Rows in columns as wide as their widest cell; `styles` gives a column's click styles by its text."""
    if not rows:
        return
    widths = [max(width_of(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = []
        for column, cell in enumerate(row):
            padding = " " * (widths[column] - width_of(cell)) if column < len(row) - 1 else ""
            chosen = styles[column](cell) if styles and column in styles else {}
            cells.append((style(cell, **chosen) if chosen else cell) + padding)
        say("  " + "  ".join(cells).rstrip())


def iso(moment: float | None) -> str | None:
    """Seconds since 1970 as UTC ISO 8601 text, as the view and the sidecars write it."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local_time(moment: float | str | None) -> str:
    """A moment for people: local time, to the minute. Takes seconds since 1970 or ISO text."""
    if moment is None:
        return "never"
    if isinstance(moment, str):
        try:
            at = datetime.fromisoformat(moment)
        except ValueError:
            return safe(moment)
    else:
        at = datetime.fromtimestamp(moment, UTC)
    return at.astimezone().strftime("%Y-%m-%d %H:%M")


def size(count: int) -> str:
    """Bytes for people, in decimal units."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def usd(amount: float) -> str:
    """Money: `0.0750 USD`, and below a cent `0.000021 USD`."""
    return f"{amount:.4f} USD" if amount == 0 or amount >= 0.01 else f"{amount:.6f}".rstrip("0") + " USD"


def price(amount: float | None) -> str:
    """A price in a column, `0.15`, `15`, `0.00012`; `-` where it is not told."""
    if amount is None:
        return "-"
    return f"{amount:.6f}".rstrip("0").rstrip(".") if amount < 1 else f"{amount:.2f}".removesuffix(".00")


def number(count: int, one: str, many: str | None = None) -> str:
    """`1 file`, `4,120 files`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
