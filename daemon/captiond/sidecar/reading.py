"""What stands in a sidecar's place, looked at without following a link."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from captiond.sidecar.form import Unfit, told
from captiond.sidecar.writing import PlaceTaken, body_of, opened
from captiond.values import Told


@dataclass(frozen=True, slots=True)
class Standing:
    """A regular file in a sidecar's place.

    `path` is as the OS names it, `digest` is the SHA-256 of its bytes, `seen` its size and mtime in nanoseconds when they
    were read. `told` is what it says; where that is None, `reason` says what is wrong with one that looks like a sidecar.
    """

    path: str
    digest: str
    seen: tuple[int, int]
    told: Told | None = None
    reason: str | None = None


def read(path: str, root: str | None) -> Standing | None:
    """What stands at this path; None if that is nothing, no file, too large for a sidecar, or can't be read now.

    `root` is the watched folder, which is not left; None: the path is under none.
    """
    folder, name = os.path.split(path)
    try:
        with opened(folder, root) as parent:
            found = body_of(parent, name)
    except (PlaceTaken, OSError):
        return None
    if found is None:
        return None
    body, seen = found
    digest = hashlib.sha256(body).hexdigest()
    try:
        return Standing(path, digest, seen, told(body))
    except Unfit as unfit:
        return Standing(path, digest, seen, reason=str(unfit) if unfit.ours else None)
