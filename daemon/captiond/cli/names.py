"""What a person types for a file, as the database may have it."""

from __future__ import annotations

import os

from captiond.fetch import printable
from captiond.paths import is_url, to_text


def texts(asked: str) -> list[str]:
    """The texts under which the database may have it: as typed, with its links resolved, as `show` printed it."""
    if is_url(asked):
        return [to_text(printable(asked))]
    path = os.path.abspath(asked)
    folder, name = os.path.split(path)
    found = [to_text(path), to_text(os.path.join(os.path.realpath(folder), name)), to_text(os.path.realpath(path))]
    if path.isprintable():
        found.append(path)
    return list(dict.fromkeys(found))
