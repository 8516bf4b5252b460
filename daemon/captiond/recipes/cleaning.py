"""What is stripped from a model's text: reasoning, control tokens, Markdown, labels, quotes, "This image shows".

The phrases are English ones; texts in other languages keep their openings.
"""

from __future__ import annotations

import re

_REASONING = re.compile(r"<(/?)(?:think|thinking|thought|reasoning)>|◁(/?)think▷", re.IGNORECASE)
_SPECIAL_TOKEN = re.compile(r"<\|[a-z_]{1,40}\|>|<end_of_utterance>|</?s>", re.IGNORECASE)
_FINAL_CHANNEL = "<|channel|>final<|message|>"
_ANSWER = re.compile(r"\s*<answer>(.*)</answer>\s*", re.IGNORECASE | re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]")

_FENCE_LANGUAGE = re.compile(r"[\w+-]*[ \t]*\n")
_HEADING = re.compile(r"^#{1,6}[ \t]+", re.MULTILINE)
_LABEL_LINE = re.compile(
    r"^[ \t]*(?:(?:image|photo|picture|video|final|short|generated) )?"
    r"(?:caption|description|alt[ -]text|answer|summary|response)[ \t]*:?[ \t]*\n",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"^(?:(?:image|photo|picture|video|final|short|generated) )?"
    r"(?:caption|description|alt[ -]text|answer|summary|response)[ \t]*:\s*",
    re.IGNORECASE,
)
_PREAMBLE = re.compile(
    r"^(?:(?:sure|certainly|of course|okay|ok|absolutely|great|yes)[!,.]?\s+(?:thing[!,.]\s+)?)?"
    r"(?:here(?:'s| is| are)|this is|below is)\b[^:.\n]{0,80}\b"
    r"(?:captions?|descriptions?|sentences?|summary|answer|alt[ -]text)\b[^:.\n]{0,80}:\s*",
    re.IGNORECASE,
)
_MEDIUM = r"(?:image|picture|photo|photograph|video|video clip|clip|scene|footage|screenshot)"
_SHOWS = re.compile(
    rf"^(?:this|the) {_MEDIUM} (?:shows|depicts|displays|features|captures|portrays|presents) (?!that |how |what |why )"
    rf"|^(?:this|the) {_MEDIUM} is of "
    rf"|^this is (?:an?|the) {_MEDIUM} (?:of|showing|depicting) "
    rf"|^in (?:this|the) {_MEDIUM},? (?:there (?:is|are)|(?:we|you|i)(?: can)? see) "
    rf"|^in (?:this|the) {_MEDIUM}, ",
    re.IGNORECASE,
)
_BULLET = re.compile(r"^[ \t]*(?:[-*•+]|\d{1,2}[.)])[ \t]+")
_EMPHASIS = (
    re.compile(r"\*\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*\*"),
    re.compile(r"\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*"),
    re.compile(r"(?<![\w_])__(?=\S)([^_\n]+?)(?<=\S)__(?![\w_])"),
    re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])"),
    re.compile(r"(?<![\w_])_(?=\S)([^_\n]+?)(?<=\S)_(?![\w_])"),
    re.compile(r"`([^`\n]+)`"),
)
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "„": "“", "「": "」"}


def valid(text: str) -> str:
    """The text as valid Unicode without control characters: halves of characters reach neither UTF-8 nor SQLite."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def visible(text: str) -> str:
    """The text without the model's reasoning and control tokens.

    A reasoning block that is never closed leaves only what stands before it. One that is closed and never opened
    began in the prompt's template: all before it goes.
    """
    text = valid(text)
    if _FINAL_CHANNEL in text:
        text = text.rpartition(_FINAL_CHANNEL)[2]
    kept: list[str] = []
    position, reasoning = 0, False
    for tag in _REASONING.finditer(text):
        closing = bool(tag[1] or tag[2])
        if closing and not reasoning:
            kept.clear()
        elif not closing and not reasoning:
            kept.append(text[position : tag.start()])
        reasoning, position = not closing, tag.end()
    if not reasoning:
        kept.append(text[position:])
    text = _SPECIAL_TOKEN.sub("", "".join(kept))
    whole = _ANSWER.fullmatch(text)
    return (whole[1] if whole else text).strip()


def cleaned(text: str) -> str:
    """One line without fences, Markdown, labels, quotes around it, and "This image shows" at its start."""
    text = unfenced(text)
    text = _HEADING.sub("", text)
    for pattern in _EMPHASIS:
        text = pattern.sub(r"\1", text)
    text = _joined(_LABEL_LINE.sub("", text))
    # Each layer may hide another: a label, then quotes, then "This image shows".
    for _ in range(6):
        before = text
        text = unquoted(_without_opening(_without(_LABEL, _without(_PREAMBLE, text))))
        if text == before:
            break
    return text


def unfenced(text: str) -> str:
    """What is in the code fence, if the whole text is one."""
    text = text.strip()
    if len(text) > 6 and text.startswith("```") and text.endswith("```"):
        return _FENCE_LANGUAGE.sub("", text[3:-3], count=1).strip() if "\n" in text else text[3:-3].strip()
    return text


def unquoted(text: str) -> str:
    """The text without one pair of quotes around it; `"A" and "B"` stays."""
    close = _QUOTES.get(text[:1])
    if close is None or len(text) < 2:
        return text
    inner = text[1:-1]
    if text.endswith(close):
        return (
            inner.strip() if close not in inner or (close in "'’" and not re.search(rf"{close}(?!\w)", inner)) else text
        )
    return text


def _without(pattern: re.Pattern[str], text: str) -> str:
    """Without what stands at its start, unless nothing else is there."""
    return pattern.sub("", text, count=1).strip() or text


def _without_opening(text: str) -> str:
    """Without "This image shows", beginning large again: "This image shows a cat." is "A cat."."""
    rest = _SHOWS.sub("", text, count=1).strip()
    if not rest or rest == text:
        return text
    word = rest.split(maxsplit=1)[0]
    # "iPhone" and "eBay" keep their small letter.
    return rest[0].upper() + rest[1:] if word == word.lower() else rest


def _joined(text: str) -> str:
    """Lines as one: items of a list with semicolons between them, all others with spaces."""
    joined, item_before = "", False
    for line in text.splitlines():
        bare = _BULLET.sub("", line)
        item = bare != line
        bare = " ".join(bare.split())
        if not bare or set(bare) <= set("-*_=") or bare.startswith("```"):
            continue
        if joined:
            joined += "; " if item and item_before and joined[-1] not in ".!?:;,…" else " "
        joined, item_before = joined + bare, item
    return joined
