"""What is stripped from a model's text where the recipe says `clean`: Markdown, labels, quotes, "This image shows"."""

from __future__ import annotations

import re

from captiond.recipes.openings import LABEL_LINE, without_opening, without_wrapping

_FENCE_LANGUAGE = re.compile(r"[\w+-]*[ \t]*\n")
_HEADING = re.compile(r"^#{1,6}[ \t]+", re.MULTILINE)
_QUOTED_LINE = re.compile(r"^[ \t]*>[ \t]?", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\((?:[^()\s]|\([^()\s]*\))+(?:\s\"[^\"\n]*\")?\)")
_TAG = re.compile(r"</?(?:p|b|i|u|em|strong|span|div|h[1-6]|ul|ol|li|figcaption)>|<br\s*/?>", re.IGNORECASE)
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


def cleaned(text: str) -> str:
    """One line without fences, Markdown, labels, quotes around it, and "This image shows" at its start."""
    text = _TAG.sub(" ", _LINK.sub(r"\1", _QUOTED_LINE.sub("", unfenced(text))))
    text = _HEADING.sub("", text)
    for pattern in _EMPHASIS:
        text = pattern.sub(r"\1", text)
    text = _joined(LABEL_LINE.sub("", text))
    # Each layer may hide another: a label, then quotes, then "This image shows".
    for _ in range(6):
        before = text
        text = unquoted(without_opening(without_wrapping(text)))
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
