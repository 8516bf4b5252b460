"""Takes secrets out of text, whatever it is for: the log, an error's detail, what a command prints."""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from typing import Any, Final
from urllib.parse import quote, unquote

HIDDEN: Final = "**********"
"""What is written in a secret's place."""

_SECRET_MIN = 4  # characters; hiding every "x" would make the log unreadable, and protects nothing
_KEY_MIN = 8
"""Characters: what is shorter is a placeholder of a server at home, as "none" and "ollama", and a word of captions."""
_CREDENTIALS = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/\s@?#\"']+@"  # https://user:password@host, https://token@host
    r"|(?P<bearer>\bBearer\s+)[\w.~+/=-]{4,}"
    r"|(?P<parameter>[?&][\w.-]*(?:key|token|secret|passw|credential|signature|sig)[\w.-]*=)[^&#\s\"'<>]+",
    re.IGNORECASE,
)

_secrets: set[str] = set()
_lock = threading.Lock()
_pattern: re.Pattern[str] | None = None
_keys: re.Pattern[str] | None = None


def register_secret(value: str) -> None:
    """From now on `value` is hidden in whatever is logged, also as it looks in a URL, JSON, HTML or a Python literal."""
    global _pattern, _keys  # noqa: PLW0603 - a secret is one for the whole process
    value = value.strip()
    if len(value) < _SECRET_MIN:
        return
    with _lock:
        _secrets.update({value, quote(value), quote(value, safe=""), repr(value)[1:-1]})
        _secrets.update({json.dumps(value)[1:-1], html.escape(value)})
        longest_first = sorted(_secrets, key=lambda secret: (-len(secret), secret))
        _pattern = re.compile("|".join(map(re.escape, longest_first)))
        keys = [secret for secret in longest_first if len(secret) >= _KEY_MIN]
        _keys = re.compile("|".join(map(re.escape, keys))) if keys else None


def register_login(login: str) -> None:
    """Hides the password of "user:password", as it stands in a URL, and what a request sends of both.

    Without a password the name is the secret, as of a token.
    """
    user, _, password = login.partition(":")
    register_secret(password or user)
    register_secret(unquote(password or user))
    register_secret(base64.b64encode(unquote(f"{user}:{password}").encode()).decode())


def redact(text: str) -> str:
    """The text without registered secrets, users and keys in URLs, and bearer tokens."""
    if _pattern is not None:
        text = _pattern.sub(HIDDEN, text)
    if "://" in text or "?" in text or "&" in text or "earer" in text.lower():
        text = _CREDENTIALS.sub(_hide_credentials, text)
    return text


def hidden(value: Any) -> Any:
    """Text, or what JSON can hold, without registered keys: for what a server says, which may repeat them."""
    pattern = _keys
    if pattern is None:
        return value
    if isinstance(value, str):
        return pattern.sub(HIDDEN, value)
    if isinstance(value, list):
        return [hidden(item) for item in value]
    if isinstance(value, dict):
        return {hidden(name): hidden(item) for name, item in value.items()}
    return value


def _hide_credentials(match: re.Match[str]) -> str:
    if match["scheme"]:
        return f"{match['scheme']}{HIDDEN}@"
    return f"{match['bearer'] or match['parameter']}{HIDDEN}"
