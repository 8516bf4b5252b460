"""Errors of the configuration in words: the key, its value and place, what is allowed. No secret is ever shown."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from captiond.config import describe
from captiond.config.checks import Problem
from captiond.config.lines import Key
from captiond.redact import HIDDEN, redact, register_login, register_secret

if TYPE_CHECKING:
    from pydantic import ValidationError

_NO_SECRETS = {"api_key_env", "api_key_file", "max_tokens", "image_max_tokens", "tokens_per_minute"}
"""Settings that sound like one; a test holds that none is missing."""
_SECRET = re.compile(r"key|token|secret|passw|credential|auth", re.IGNORECASE)
_USER_IN_URL = re.compile(r"(?<=//)([^/@\s\"]*)@")
_SECRET_MIN = 8
"""Characters: what is shorter is no key, and hiding each "true" or "default" would make the log unreadable."""
_LONGEST = 120


def dotted(key: Key) -> str:
    """`("watch", 0, "path")` as `watch[0].path`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(key: Key, value: Any) -> str:
    """A value as TOML, without what might be a secret in it."""
    return describe.toml(masked(key, value))


def masked(key: Key, value: Any) -> Any:
    """The value with every secret in it hidden: of keys that sound like one, and users and tokens in addresses."""
    names = [part for part in key if isinstance(part, str)]
    if names and _is_secret(names[-1], value):
        return HIDDEN
    if isinstance(value, Mapping):
        return {name: masked((*key, str(name)), item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(key, item) for item in value]
    if isinstance(value, str) and "://" in value:
        return redact(_USER_IN_URL.sub(f"{HIDDEN}@", value))
    return value


def _is_secret(name: str, value: Any) -> bool:
    """Whether what has this name sounds like a secret. A number of tokens, as servers' own settings have them, does not."""
    is_amount = isinstance(value, int | float) and "tokens" in name
    return name not in _NO_SECRETS and not is_amount and _SECRET.search(name) is not None


def register(key: Key, value: Any) -> None:
    """From now on what `masked` hides is hidden in the log and in errors as well."""
    names = [part for part in key if isinstance(part, str)]
    if isinstance(value, Mapping):
        for name, item in value.items():
            register((*key, str(name)), item)
    elif isinstance(value, list | tuple):
        for item in value:
            register(key, item)
    elif isinstance(value, str) and names and _is_secret(names[-1], value):
        if len(value) >= _SECRET_MIN:
            register_secret(value)
    elif isinstance(value, str):
        for login in _USER_IN_URL.findall(value):
            register_login(login)


def of_validation(error: ValidationError) -> Iterator[Problem]:
    """Pydantic's errors as problems: in the words of the field, not of the library."""
    for item in error.errors(include_url=False):
        key: Key = tuple(item["loc"])
        kind, value = item["type"], item["input"]
        if kind == "extra_forbidden":
            yield Problem(key, _unknown(key), value)
        elif kind == "missing":
            field = describe.field_at(key)
            meaning = " ".join(((field.description if field else None) or "").split())
            yield Problem(key, f"is missing; {meaning}" if meaning else "is missing")
        elif kind == "value_error":
            yield Problem(key, str(item["ctx"]["error"]), value)
        else:
            yield Problem(key, _allowed(key, value), value)


def line(problem: Problem, origin: str | None) -> str:
    """`recipes.a.endpoint = "oxn" (captiond.toml:12): there is no such endpoint …`."""
    text = dotted(problem.key)
    value = problem.value
    if value is not None:
        if isinstance(value, Mapping):
            value = "a table"
        elif isinstance(value, list):
            value = "a list"
        else:
            # An API key that was written where a variable's name belongs is a secret too.
            hide = problem.key[-1] == "api_key_env"
            value = f'"{HIDDEN}"' if hide else shown(problem.key, value)
        text += f" = {value if len(value) <= _LONGEST else value[: _LONGEST - 1] + '…'}"
    return f"{text} ({origin}): {problem.text}" if origin else f"{text}: {problem.text}"


def suggestion(word: str, known: Iterable[str]) -> str:
    """` did you mean "x"?`, if a known word is close."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else ""


def _unknown(key: Key) -> str:
    known = describe.keys_at(key[:-1])
    if key[-1] == "api_key":
        return "unknown key; a key is not written here: name its variable in api_key_env, or its file in api_key_file"
    return f"unknown key{suggestion(str(key[-1]), known)}; known here: {', '.join(known)}"


def _allowed(key: Key, value: Any) -> str:
    """What the field at a key takes; for an item of a list, what the list takes."""
    field = describe.field_at(key)
    if field is None and isinstance(key[-1], int):
        field = describe.field_at(key[:-1])
        if field is not None:
            return "must be text" if describe.allowed(field) == "a list of texts" else "must be a table"
    if field is None:
        return "must be a table"
    near = suggestion(value, describe.choices_of(field)) if isinstance(value, str) else ""
    return f"must be {describe.allowed(field)}{near}"
