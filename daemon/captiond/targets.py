"""What a person names on the command line, as files and URLs: folders with all media in them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from captiond import live_photos
from captiond.media.reader import is_candidate
from captiond.paths import is_url
from captiond.watch.patterns import Patterns

if TYPE_CHECKING:
    from captiond.config.models import Settings, Watch


@dataclass(frozen=True, slots=True)
class Target:
    """One file or URL. `watch` is the root it lies under, if it does."""

    path: str
    watch: Watch | None


def targets(settings: Settings, paths: Sequence[str]) -> Iterator[Target]:
    """Files as they are named, folders with all media in them, URLs. The paths exist."""
    for path in paths:
        if is_url(path):
            yield Target(path, None)
            continue
        absolute = os.path.abspath(path)
        if os.path.isdir(absolute):
            yield from _folder(settings, absolute)
        else:
            yield Target(absolute, _watch_of(settings, absolute))


def _watch_of(settings: Settings, path: str) -> Watch | None:
    """The root that a path lies under; of roots inside each other the inner one."""
    around = [watch for watch in settings.watch if path.startswith(os.path.join(watch.path, ""))]
    return max(around, key=lambda watch: len(str(watch.path)), default=None)


def _folder(settings: Settings, folder: str) -> Iterator[Target]:
    """All media below a folder. What its root leaves alone is left alone here too, and so is the clip of a live photo."""
    watch = _watch_of(settings, os.path.join(folder, ""))
    top = str(watch.path) if watch else folder
    include, exclude = (watch.include, watch.exclude) if watch else (["**"], [".*"])
    patterns = Patterns(include, exclude, settings.sidecar.suffix)
    for here, folders, names in os.walk(folder):
        prefix = "" if here == top else os.path.relpath(here, top) + "/"
        folders[:] = sorted(name for name in folders if patterns.enters(prefix + name))
        for name in sorted(names):
            path = os.path.join(here, name)
            if not patterns.takes(prefix + name) or not is_candidate(path):
                continue
            of_file = _watch_of(settings, path)
            if (of_file is None or of_file.live_photos) and live_photos.has_still(path, names):
                continue
            yield Target(path, of_file)
