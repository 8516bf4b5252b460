"""File names: as text and back, without loss; which lies in which.

Linux names are bytes; Python holds the undecodable ones as surrogates, which neither SQLite nor JSON take. `to_text`
writes such a byte as U+FFFD and two hex digits, and `from_text` reads it back. Both are exact inverses for every name;
a name that is valid UTF-8 is its own text, unless it has U+FFFD followed by two hex digits in it.
"""

from __future__ import annotations

import os
import re

_MARK = "\ufffd"
_ESCAPED = re.compile(_MARK + "([0-9A-F]{2})")
_MARK_BYTES = "".join(f"{_MARK}{byte:02X}" for byte in _MARK.encode())


def to_text(path: str) -> str:
    """An OS path (PEP 383 str) as text that is valid Unicode."""
    if _ESCAPED.search(path):
        path = path.replace(_MARK, _MARK_BYTES)
    if path.isascii():
        return path
    return "".join(f"{_MARK}{ord(c) - 0xDC00:02X}" if "\udc80" <= c <= "\udcff" else c for c in path)


def from_text(text: str) -> str:
    """The OS path that `to_text` made this text of."""
    if _MARK not in text:
        return text
    raw = _ESCAPED.sub(lambda m: chr(0xDC00 + int(m[1], 16)), text)
    return os.fsdecode(os.fsencode(raw))


def split(text: str) -> tuple[str, str]:
    """Folder and name of a path in text, as the database has them: the folder has no slash at its end."""
    folder, _, name = text.rpartition("/")
    return folder, name


def root_text(path: os.PathLike[str]) -> str:
    """A root's path from the configuration as the database has it."""
    return to_text(os.path.abspath(path))


def is_under(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or something in it. By their text: both are absolute, without links."""
    return path == folder or path.startswith(folder if folder.endswith("/") else folder + "/")


def is_url(path: str) -> bool:
    """Whether this is an http(s) address rather than a path."""
    return path.startswith(("http://", "https://"))
