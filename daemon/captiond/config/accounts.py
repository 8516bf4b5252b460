"""Users and groups in the configuration: a name or a number, as the system knows them."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Callable
from typing import Any

_HIGHEST = 2**32 - 2
"""One more means to chown(2): leave it as it is."""


def as_text(value: Any) -> Any:
    """A number may be written without quotes."""
    return str(value) if type(value) is int else value


def user_id(name: str) -> int:
    """The number of a user. Raises ValueError, which says what is wrong with the name."""
    return _id(name, "user", lambda: pwd.getpwnam(name).pw_uid)


def group_id(name: str) -> int:
    """The number of a group. Raises ValueError, which says what is wrong with the name."""
    return _id(name, "group", lambda: grp.getgrnam(name).gr_gid)


def known_user(name: str) -> str:
    """The name, if the system knows it. Raises ValueError."""
    user_id(name)
    return name


def known_group(name: str) -> str:
    """The name, if the system knows it. Raises ValueError."""
    group_id(name)
    return name


def _id(name: str, what: str, known: Callable[[], int]) -> int:
    try:
        return known()
    except (KeyError, ValueError):  # ValueError: a NUL in it
        number = int(name) if name.isascii() and name.isdigit() else None
    if number is None:
        raise ValueError(f"there is no such {what} on this machine; it must be a {what}'s name or number")
    if number > _HIGHEST:
        raise ValueError(f"no {what} has such a number; it must be from 0 to {_HIGHEST}")
    return number
