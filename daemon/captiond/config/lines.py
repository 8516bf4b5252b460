"""On which line of a TOML file a key stands. `tomllib` reads values well, but forgets where they were.

Made for files that `tomllib` has read without an error; a key inside an inline table or a list has the line of what
holds it.
"""

from __future__ import annotations

import re
import tomllib

Key = tuple[str | int, ...]

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_TABLE = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]\]?")
_PAIR = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
_SKIPPED = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|[\[{]|[\]}]|\n|[^"'#\[\]{}\n]+''',
    re.DOTALL,
)


def key_lines(text: str) -> dict[Key, int]:
    """The line, from 1, of every table and key of a file, by its whole key; items of `[[table]]` are numbered from 0."""
    found: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    table: Key = ()
    position = 0
    while position < len(text):
        line = text.count("\n", 0, position) + 1
        if header := _TABLE.match(text, position):
            table = _real(_parts(header[2]), counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            found.setdefault(table, line)
            position = header.end()
        elif pair := _PAIR.match(text, position):
            found.setdefault((*table, *_parts(pair[1])), line)
            position = pair.end()
        position = _after_value(text, position)
    return found


def line_of(lines: dict[Key, int], key: Key) -> int | None:
    """The line of a key, else of the nearest table that holds it."""
    for length in range(len(key), 0, -1):
        if key[:length] in lines:
            return lines[key[:length]]
    return None


def _after_value(text: str, position: int) -> int:
    """Where the next line begins that is no part of a list, an inline table or a long string."""
    depth = 0
    while token := _SKIPPED.match(text, position):
        position = token.end()
        if token[0] == "\n" and depth <= 0:
            return position
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
    return len(text)


def _parts(dotted: str) -> Key:
    return tuple(
        next(iter(tomllib.loads(f"{part}=0"))) if part[0] in "\"'" else part for part in re.findall(_PART, dotted)
    )


def _real(key: Key, counts: dict[Key, int]) -> Key:
    """`[watch.x]` belongs to the last `[[watch]]`."""
    real: Key = ()
    for index, part in enumerate(key):
        real = (*real, part)
        if index < len(key) - 1 and real in counts:
            real = (*real, counts[real])
    return real
