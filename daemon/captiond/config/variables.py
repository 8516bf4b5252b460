"""The variables of a prompt: their names and how they are written. Filling them in is `recipes`' part."""

from __future__ import annotations

import re
from collections.abc import Mapping

PROMPT_VARIABLES: Mapping[str, str] = {
    "kind": "image or video",
    "filename": "the file's name",
    "folder": "the name of the folder it is in",
    "path": "its whole path; of a URL, without user and query",
    "root": "the watched folder",
    "date": "when it was taken, as 2026-11-22 10:35:00",
    "camera": "what it was taken with",
    "gps": "where it was taken, as latitude, longitude in degrees",
    "width": "in pixels, after turning",
    "height": "in pixels, after turning",
    "duration": "of a video, as 12.3 s",
    "language": "the recipe's language, else any language",
}
"""The variables a prompt may use, each with its meaning. What a file does not tell becomes the word unknown."""

TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
"""What is special in a prompt: `{{` and `}}` are braces, group 1 is a variable's name, a single brace is wrong."""


def unknown_variables(prompt: str) -> list[str]:
    """What is wrong in a prompt: `{name}` for each unknown name, `{` or `}` for each single brace."""
    wrong = [
        match[0]
        for match in TOKEN.finditer(prompt)
        if match[0] in ("{", "}") or (match[1] is not None and match[1] not in PROMPT_VARIABLES)
    ]
    return list(dict.fromkeys(wrong))
