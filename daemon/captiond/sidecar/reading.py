"""What stands in a sidecar's place, looked at without following a link."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from captiond.sidecar.form import Unfit, told
from captiond.sidecar.places import PlaceTaken, body_of, opened
from captiond.sidecar.writing import path_for
from captiond.values import Source, Told


@dataclass(frozen=True, slots=True)
class Standing:
    """A regular file in a sidecar's place.

    `path` is as the OS names it, `digest` is the SHA-256 of its bytes ("": it is too large to be read), `seen` its size and
    mtime in nanoseconds when they were read. `told` is what it says; where that is None, `reason` says what is wrong with
    one that looks like a sidecar.
    """

    path: str
    digest: str
    seen: tuple[int, int]
    told: Told | None = None
    reason: str | None = None


def read(path: str, root: str | None) -> Standing | None:
    """What stands at this path; None if that is nothing, no file, or can't be read now.

    `root` is the watched folder, which is not left; None: the path is under none.
    """
    folder, name = os.path.split(path)
    try:
        with opened(folder, root) as parent:
            found = body_of(parent, name)
    except PlaceTaken as taken:
        return Standing(path, "", taken.seen) if taken.seen is not None else None
    except OSError:
        return None
    if found is None:
        return None
    body, seen = found
    digest = hashlib.sha256(body).hexdigest()
    try:
        return Standing(path, digest, seen, told(body))
    except Unfit as unfit:
        return Standing(path, digest, seen, reason=str(unfit) if unfit.ours else None)


def answer_for(path: str, root: str | None, suffix: str, size: int) -> Told | None:
    """What the sidecar of the file at `path` says, if that is likely the answer of its bytes: a model's or a person's.

    By the size alone, in bytes: whether it is of these bytes is known when they are read.
    """
    standing = read(path_for(path, suffix), root)
    told = standing.told if standing is not None else None
    return told if told is not None and told.bytes == size and told.source is not Source.BUILTIN else None
