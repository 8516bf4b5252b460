"""Live photos, as iPhones write them: a still, and a clip of a few seconds beside it under the same name.

Only QuickTime clips count: a JPEG and an MP4 of one name are as often a photo and a film that have nothing to do with each other.
"""

from __future__ import annotations

import os

from captiond.media.timing import movie_seconds

LONGEST_SECONDS = 4.0
"""A clip of a live photo is shorter: Apple's are of about three seconds."""

_STILLS = ("heic", "heif", "hif", "jpg", "jpeg")
_CLIPS = ("mov",)
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | os.O_NOFOLLOW


def still_names(name: str) -> tuple[str, ...]:
    """How the still of a clip may be called, the likeliest first; empty for what is not named like a clip."""
    return _beside(name, _CLIPS, _STILLS)


def clip_names(name: str) -> tuple[str, ...]:
    """How the clip of a still may be called; empty for what is not named like a still."""
    return _beside(name, _STILLS, _CLIPS)


def is_short(path: str) -> bool:
    """Whether the file is a film of less than `LONGEST_SECONDS` by its header. Never raises, never follows a link."""
    try:
        with open(path, "rb", opener=lambda name, _flags: os.open(name, _FLAGS)) as file:
            seconds = movie_seconds(file)
    except OSError:
        return False
    return seconds is not None and 0 < seconds < LONGEST_SECONDS


def _beside(name: str, of: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, ...]:
    stem, _, ending = name.rpartition(".")
    if not stem or ending.lower() not in of:
        return ()
    return tuple(f"{stem}.{cased}" for form in wanted for cased in (form.upper(), form, form.title()))
