"""Tells an answer that fell into repeating itself until it ended or was cut."""

from __future__ import annotations

import re

LONGEST_UNIT = 400
"""Characters of what is repeated at most."""
LOOKED_AT = 6000
"""Characters of an answer's end that are looked at: a loop reaches to the end."""
CLAUSES = 16
"""So many clauses are needed to tell a loop that varies."""
FEW = 0.34
"""The part of them that says something new in a loop that varies; an honest list has twice as many."""

_NUMBERING = re.compile(r"(?:(?<=\s)|^)\d{1,4}[.)]\s")
_RULES = " .-_=*~·"
"""Characters that honest texts draw lines with."""
SAME_CHARACTERS = 40
"""So many of one character at the end are a loop."""
_CLAUSE = re.compile(r"[.!?;,:\n。！？、，；]+")
_SENTENCE = re.compile(r"[.!?…。！？]")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def loop(text: str) -> str | None:
    """What the text repeats to its end, or None.

    A word ten times in a row, a phrase five to eight times by its length, a sentence three to six times; or sixteen
    clauses of which at most a third are new. What a caption quotes ("ha ha ha" on a wall) ends with its quotation
    mark, and is none.
    """
    text = _NUMBERING.sub(" ", text[-LOOKED_AT:].casefold())
    end = text.rstrip()
    if end and end[-1] not in _RULES and len(end) - len(end.rstrip(end[-1])) >= SAME_CHARACTERS:
        return end[-1]
    line = " ".join(text.split()).rstrip(" .!?,;:…。！？、，；*")
    return _periodic(line) or _clauses(text)


def _periodic(line: str) -> str | None:
    """The shortest unit that the line's end is made of often enough. The last one may be cut."""
    for period in range(2, min(LONGEST_UNIT, len(line) // 2) + 1):
        if line[-1] != line[-1 - period]:
            continue
        same = period
        while same < len(line) and line[-1 - same] == line[-1 - same + period]:
            same += 1
        unit = line[-period:]
        # The first one has nothing before it that parts it from another.
        parting = period - len(unit.lstrip(" .!?,;:…。！？、，；*\"'-"))
        if same + parting >= period * _enough(unit):
            return line[-same:][:period].strip(" .,;:-")
    return None


def _enough(unit: str) -> int:
    """How often a unit has to come to be a loop. Less often the more it says: honest texts repeat words, not sentences."""
    said = sum(1 for char in unit if char.isalpha())
    said += 2 * len(_UNSPACED.findall(unit))
    # A phrase may be told for each of several things; a whole sentence is not.
    phrase = not _SENTENCE.search(unit)
    if said >= 20:
        return 5 if phrase else 3
    if said >= 8:
        return 7 if phrase else 4
    if said >= 4:
        return 8 if phrase else 6
    return 10 if said else 40


def _clauses(text: str) -> str | None:
    """The clause that comes most, when nearly all of the last ones came before."""
    clauses = [" ".join(clause.split()) for clause in _CLAUSE.split(text)]
    clauses = [clause for clause in clauses if any(char.isalpha() for char in clause)]
    tail = clauses[-max(CLAUSES, len(clauses) // 2) :]
    if len(tail) < CLAUSES or len(set(tail)) > FEW * len(tail):
        return None
    return max(tail, key=tail.count)
