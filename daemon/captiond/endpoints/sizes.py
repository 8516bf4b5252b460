"""The sizes that an endpoint takes, and how they are read in the words with which it refuses a larger one. No I/O."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from typing import Final

LEAST_BYTES: Final = 10_000
"""No limit is believed that is lower: see the setting `max_bytes`."""
LEAST_EDGE: Final = 64

_UNITS: Final = {
    "": 1,
    "k": 1_000,
    "ki": 1_024,
    "m": 1_000_000,
    "mi": 1_048_576,
    "g": 1_000_000_000,
    "gi": 1_073_741_824,
}
_NUMBER: Final = r"(\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)"
_BYTES: Final = re.compile(rf"{_NUMBER}[\s-]?(k|m|g)?(i)?(?:b|bytes?)\b", re.IGNORECASE)
_BARE_LIMIT: Final = re.compile(
    r"\b(?:limit|maximum|max|at most|up to)\b\D{0,40}(\d{5,}|\d{1,3}(?:,\d{3})+)(?![\d,.]*\s*(?:px|pix|mega|tok|x|×))",
    re.IGNORECASE,
)
"""A number without a unit: "Maximum content size limit (26214400) exceeded"."""
_SIDES: Final = re.compile(rf"{_NUMBER}\s*(?:px|pixels?)?\s*[x×]\s*{_NUMBER}\s*(?:px|pixels?)?", re.IGNORECASE)
_PIXELS: Final = re.compile(rf"{_NUMBER}\s*(mega)?-?(?:px|pix(?:el)?s?)\b|{_NUMBER}\s*(mp)\b", re.IGNORECASE)
_TOKENS: Final = re.compile(r"\btokens?\b|context (length|size|window)", re.IGNORECASE)
_TOO_MANY: Final = re.compile(
    r"too many (images|pictures|frames|media)|(at most|up to|(limit|maximum|max) of|no more than) [1-9]\d* (image|picture|frame)"
    r"|(limit|maximum|max\.?) (number of |allowed )+(images|pictures|frames)|number of (images|pictures|frames) exceed",
    re.IGNORECASE,
)
"""Of the pictures in one request: vLLM ("At most 1 image(s) may be provided in one prompt."), Anthropic, Groq, Mistral."""
_MOST: Final = re.compile(
    r"(?:at most|up to|(?:limit|maximum|max)(?: of| is|:)?|no more than|than|>|(?:images|pictures|frames)(?: is|:)) (\d{1,3})\b",
    re.IGNORECASE,
)
_OF_PIXELS: Final = re.compile(
    r"pixel|dimension|resolution|\b(width|height|edge|side|megapixels?)\b|\dpx", re.IGNORECASE
)
_OF_BYTES: Final = re.compile(
    r"HTTP 413|\bbytes?\b|\d ?[kmg]i?b\b|payload|entity|\bbody\b|request (is )?too", re.IGNORECASE
)
_OF_A_PICTURE: Final = re.compile(r"\b(image|picture|photo|media|data[- ]ur[il]|file)\b", re.IGNORECASE)
_OF_ALL: Final = re.compile(r"\b(request|payload|body|content size|entity|total|inline)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """What an endpoint takes at most; None: not known.

    Args:
        picture_bytes: of one picture's file, before base64.
        request_bytes: of the pictures of one request together, before base64.
        edge: pixels of a long edge.
        video_bytes: of one video's file, before base64.
        pictures: in one request. Not kept over a restart: one refused call finds it again.
    """

    picture_bytes: int | None = None
    request_bytes: int | None = None
    edge: int | None = None
    video_bytes: int | None = None
    pictures: int | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) is not None for one in fields(self))

    def tighter(self, other: SizeLimits) -> SizeLimits:
        """The lower of each limit."""
        pairs = {one.name: (getattr(self, one.name), getattr(other, one.name)) for one in fields(self)}
        return SizeLimits(
            **{name: min((v for v in pair if v is not None), default=None) for name, pair in pairs.items()}
        )


NO_LIMITS: Final = SizeLimits()


def told(words: str) -> SizeLimits:
    """The limits that a refusal names, for pictures and videos alike.

    Of several numbers the lowest is the limit: the others are what was sent. Servers count the base64 text, as Anthropic
    does with its 5 MB, or the bytes in it; the text is the safe reading. A limit in tokens says nothing of sizes.
    """
    edge = _edge(words)
    sides = _SIDES.sub(" ", words)
    found = [_value(number) * _UNITS[(unit + binary).lower()] for number, unit, binary in _BYTES.findall(sides)]
    if not _TOKENS.search(words):
        found += [_value(number) for number in _BARE_LIMIT.findall(sides)]
    raw = int(min(found, default=0) * 3 / 4)
    whole = bool(_OF_ALL.search(words)) or not _OF_A_PICTURE.search(words)
    if whole:
        raw = int(raw * 0.97) - 8_192  # the prompt and the JSON around the pictures
    size = raw if raw >= LEAST_BYTES else None
    if about_number(words):
        most = min((int(number) for number in _MOST.findall(words) if int(number)), default=None)
        return SizeLimits(pictures=most)
    return SizeLimits(None if whole else size, size if whole else None, edge)


def about_number(words: str) -> bool:
    """Whether a refusal is about how many pictures there were, which smaller ones would not change."""
    return bool(_TOO_MANY.search(words))


def about_edges(words: str) -> bool:
    """Whether a refusal is about pixels, or tokens, which pixels cost: fewer bytes would be no help."""
    return bool(_OF_PIXELS.search(words) or _TOKENS.search(words))


def about_bytes(words: str) -> bool:
    """Whether a refusal is about bytes alone, as a bare 413 is."""
    return not about_edges(words) and bool(_OF_BYTES.search(words))


def _edge(words: str) -> int | None:
    """The long edge in pixels; of a limit on all pixels, the edge of a square that has them."""
    pairs = [(_value(one), _value(other)) for one, other in _SIDES.findall(words)]
    edges = [min(*min(pairs, key=lambda pair: pair[0] * pair[1]))] if pairs else []
    for number, mega, short, _mp in _PIXELS.findall(_SIDES.sub(" ", words)):
        value = _value(number or short) * (1_000_000 if mega or short else 1)
        edges.append(math.isqrt(int(value)) if value >= 100_000 else value)
    edge = int(min(edges, default=0))
    return edge if edge >= LEAST_EDGE else None


def _value(number: str) -> float:
    return float(number.replace(",", ""))
