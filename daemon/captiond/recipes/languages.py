"""Tells cheaply whether an answer is in another language than the one that was asked for.

Only a clear mismatch counts: another script, or many frequent words of another language and hardly any of the one asked
for. A few words, names, and what is quoted pass. Lists of words do for that: a detector for short texts in all languages
(lingua: 96 MB; py3langid with numpy: 63 MB) would be larger than captiond, and is least sure where captions are short.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

from captiond.recipes.language_words import NAMES, SCRIPTS, WORDS

JUDGED = 3000
"""Characters of a text that are looked at."""
FEWEST_LETTERS = 15
"""Letters of a text below which no script tells its language; a character of Chinese or Japanese counts as three."""
FEWEST_WORDS = 8
"""Words below which no words tell a language."""
FEWEST_KNOWN = 4
"""Frequent words of another language that are needed to say that the text is in it."""
FEWEST_APART = 3
"""So many of them are no words of the language asked for: Spanish and Italian share half of theirs."""
FEWEST_MARKS = 3
"""Letters that only the other of two languages with one script has."""
KNOWN_SHARE = 0.25
"""The part of all words that they have to be: texts have 35 to 55 %."""
FOREIGN_SHARE = 0.85
"""The part of the letters that has to be in a script that the language does not use."""

_QUOTED = re.compile(
    r"\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|»[^«]*«|‘[^’]*’|「[^」]*」|『[^』]*』|《[^》]*》|'(?=\S)[^']{3,}(?<=\S)'(?!\w)"
)
_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_MARKS = {
    "ru": ("ыэъё", "іїєґ", "Ukrainian"),
    "uk": ("іїєґ", "ыэъё", "Russian"),
    "ar": ("ةىيكأإ", "پچژگکیے", "Persian or Urdu"),
    "fa": ("پچژگکی", "ةىيكأإ", "Arabic"),
    "ur": ("پچژگکیے", "ةىيكأإ", "Arabic"),
}
"""By language: letters that it has and the other has not, those that it has not, and the other's name."""
_IDEOGRAPHS = frozenset({"CJK", "HIRAGANA", "KATAKANA"})


def code_of(language: str) -> str | None:
    """The two-letter code of a language as a recipe names it ("de", "de-AT", "Deutsch", "German"); None if unknown."""
    name = " ".join(language.casefold().replace("_", "-").split())
    base = name.partition("-")[0]
    if base in SCRIPTS:
        return base
    if base in NAMES:
        return NAMES[base]
    # "Brazilian Portuguese", "British English", "simplified Chinese"
    found = {NAMES[word] for word in re.findall(r"[^\W\d_]+", name) if word in NAMES}
    return found.pop() if len(found) == 1 else None


def other_language(text: str, language: str) -> str | None:
    """What the text is in, if that is clearly not the language asked for; None if it is, or can't be told."""
    asked = code_of(language)
    if asked is None:
        return None
    text = _QUOTED.sub(" ", text[:JUDGED])
    return _other_words(text, asked) or _other_letters(text, asked) or _other_script(_scripts(text), asked)


def _other_script(scripts: Counter[str], asked: str) -> str | None:
    total = scripts.total()
    own = SCRIPTS[asked]
    foreign = total - sum(scripts[script] for script in own)
    if total < FEWEST_LETTERS:
        return None
    if foreign >= FOREIGN_SHARE * total:
        script = max((script for script in scripts if script not in own), key=lambda script: scripts[script])
        return "Chinese or Japanese" if script == "CJK" else f"{script.capitalize()} script"
    # Chinese and Japanese share most characters: Japanese always has kana, Chinese none.
    kana = scripts["HIRAGANA"] + scripts["KATAKANA"]
    if asked == "zh" and kana >= 0.25 * total:
        return "Japanese"
    if asked == "ja" and not kana and scripts["CJK"] >= 2 * FEWEST_LETTERS:
        return "Chinese"
    return None


def _other_letters(text: str, asked: str) -> str | None:
    own, foreign, name = _MARKS.get(asked, ("", "", ""))
    if not foreign or any(char in own for char in text.casefold()):
        return None
    return name if sum(char in foreign for char in text.casefold()) >= FEWEST_MARKS else None


def _scripts(text: str) -> Counter[str]:
    """Letters by script, by the first word of their names in Unicode."""
    counted: Counter[str] = Counter()
    for char, times in Counter(char for char in text if char.isalpha()).items():
        script = _script(char)
        counted[script] += times * (3 if script in _IDEOGRAPHS else 1)
    return counted


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    name = unicodedata.name(char, "")
    return "LATIN" if name.startswith("FULLWIDTH") else name.split(" ")[0].split("-")[0]


def _other_words(text: str, asked: str) -> str | None:
    words = [word.casefold().replace("’", "'") for word in _TOKEN.findall(text)]
    if len(words) < FEWEST_WORDS:
        return None
    index, own = _index(asked), WORDS.get(asked, frozenset())
    known: Counter[str] = Counter()
    apart: Counter[str] = Counter()
    for word in words:
        for code in index.get(word, ()):
            known[code] += 1
            # Words that both languages have say nothing.
            apart[code] += word not in own
    if not apart:
        return None
    best = max(apart, key=lambda code: (apart[code], known[code]))
    alone = sum(word in own and best not in index.get(word, ()) for word in words)
    enough = known[best] >= max(FEWEST_KNOWN, KNOWN_SHARE * len(words))
    clear = enough and apart[best] >= FEWEST_APART and alone * 4 <= apart[best]
    return english_name(best) if clear else None


@lru_cache(maxsize=64)
def _index(asked: str) -> dict[str, tuple[str, ...]]:
    """Frequent words and the languages that they tell, other than the one asked for.

    One without a list is told from those of other scripts, and from English by its plainest words.
    """
    if asked in WORDS:
        lists = {code: words for code, words in WORDS.items() if code != asked}
    else:
        lists = {code: words for code, words in WORDS.items() if not SCRIPTS[code] & SCRIPTS[asked]}
        lists = {"en": frozenset({"the", "and", "with", "this", "are", "which", "while"})} | lists
    index: dict[str, tuple[str, ...]] = {}
    for code, words in lists.items():
        for word in words:
            index[word] = (*index.get(word, ()), code)
    return index


def english_name(language: str) -> str | None:
    """What English calls a language that is named in any way; None if it is not known."""
    code = code_of(language)
    return next((name.capitalize() for name, named in NAMES.items() if named == code), None)
