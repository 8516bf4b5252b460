"""Takes secrets out of text, whatever it is for: the log, an error's detail, what a command prints."""

from __future__ import annotations

import re
import threading
from typing import Final
from urllib.parse import quote

HIDDEN: Final = "**********"
"""What is written in a secret's place."""

_SECRET_MIN = 4  # characters; hiding every "x" would make the log unreadable, and protects nothing
_CREDENTIALS = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/\s@:]*:[^/\s@]+@"  # https://user:password@host
    r"|(?P<bearer>\bBearer\s+)[\w.~+/=-]{4,}",
    re.IGNORECASE,
)

_secrets: set[str] = set()
_lock = threading.Lock()
_pattern: re.Pattern[str] | None = None


def register_secret(value: str) -> None:
    """From now on `value` is hidden in whatever is logged, also as it looks inside a URL or a Python literal."""
    global _pattern  # noqa: PLW0603 - a secret is one for the whole process
    value = value.strip()
    if len(value) < _SECRET_MIN:
        return
    with _lock:
        _secrets.update({value, quote(value), quote(value, safe=""), repr(value)[1:-1]})
        longest_first = sorted(_secrets, key=lambda secret: (-len(secret), secret))
        _pattern = re.compile("|".join(map(re.escape, longest_first)))


def redact(text: str) -> str:
    """The text without registered secrets, passwords in URLs and bearer tokens."""
    if _pattern is not None:
        text = _pattern.sub(HIDDEN, text)
    if "://" in text or "earer" in text.lower():
        text = _CREDENTIALS.sub(_hide_credentials, text)
    return text


def _hide_credentials(match: re.Match[str]) -> str:
    scheme = match["scheme"]
    return f"{scheme}{HIDDEN}@" if scheme else f"{match['bearer']}{HIDDEN}"
