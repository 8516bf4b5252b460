"""What comes from endpoints and file systems, made fit for SQLite and JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, overload

WRAP: Final = 1 << 64


def signed(number: int) -> int:
    """An unsigned 64-bit number, or one beyond, as SQLite can keep it.

    Inodes take all 64 bits, and an mtime in nanoseconds is longer from the year 2262 on.
    """
    return (number + (WRAP >> 1)) % WRAP - (WRAP >> 1)


@overload
def cleaned(value: str) -> str: ...
@overload
def cleaned(value: None) -> None: ...
@overload
def cleaned(value: str | None) -> str | None: ...
def cleaned(value: str | None) -> str | None:
    r"""The text without what SQLite can't keep: half of a surrogate pair becomes U+FFFD, and NUL is left out.

    JSON may carry both in an escape (`\ud83d`, `\u0000`), so a model's answer can have them.
    """
    if value is None:
        return None
    if "\x00" in value:
        value = value.replace("\x00", "")
    try:
        value.encode()
    except UnicodeEncodeError:
        # A whole pair, written as two escapes, is the character that it means.
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def cleaned_json(value: Any) -> Any:
    """A JSON value with every text in it cleaned, and NaN and the infinities, which JSON lacks, as null."""
    if isinstance(value, str):
        return cleaned(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {cleaned(str(key)): cleaned_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [cleaned_json(item) for item in value]
    return value
