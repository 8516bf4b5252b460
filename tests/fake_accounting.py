"""The fake endpoint's own books: it counts the tokens of a request by the picture that it decoded, and bills them.

Written from the providers' pages for how a model sees a picture (what is scaled to which size, and cut into which pieces),
and not from captiond's estimate of it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from fake_behaviour import Behaviour, ok
from fake_protocol import Recorded

CHAT_TOKENS = 9
"""What the marks between messages take."""
_WORDS = [
    "a",
    "dog",
    "rests",
    "beside",
    "the",
    "old",
    "wooden",
    "fence",
    "while",
    "two",
    "children",
    "in",
    "yellow",
    "raincoats",
    "walk",
    "along",
    "the",
    "harbour",
    "wall",
    "and",
    "look",
    "at",
    "boats",
    "moored",
    "under",
    "a",
    "grey",
    "evening",
    "sky",
    "with",
    "distant",
    "mountains",
    "covered",
    "by",
    "snow",
]


def words_to_tokens(text: str) -> int:
    """Pieces of at most five letters or digits, and each mark by itself: about what a tokenizer makes of plain text."""
    return len(re.findall(r"[^\W_]{1,5}|[^\w\s]|_", text))


def _tiles(width: int, height: int) -> int:
    """Gemini up to 2.5."""
    if width <= 384 and height <= 384:
        return 258
    unit = max(256, min(768, int(min(width, height) / 1.5)))
    return 258 * len(range(0, width, unit)) * len(range(0, height, unit))


def _scaled_tiles(width: int, height: int) -> int:
    """GPT-4o: within a square of 2048, then the short edge at 768, then squares of 512."""
    if max(width, height) > 2048:
        width, height = round(width * 2048 / max(width, height)), round(height * 2048 / max(width, height))
    if min(width, height) > 768:
        width, height = round(width * 768 / min(width, height)), round(height * 768 / min(width, height))
    return 85 + 170 * len(range(0, width, 512)) * len(range(0, height, 512))


def _pixels(width: int, height: int) -> int:
    """Claude: scaled down by and by, until it is within 1568 px and 1,600 tokens."""
    scale = 1.0
    while max(width, height) * scale > 1568 or width * height * scale * scale / 750 > 1600:
        scale *= 0.99
    return int(width * scale) * int(height * scale) // 750


def _patches(width: int, height: int) -> int:
    """Qwen3-VL: to multiples of 32 px, with 65,536 pixels at least."""
    while width * height < 65_536:
        width, height = width * 11 // 10 + 1, height * 11 // 10 + 1
    return max(1, round(width / 32)) * max(1, round(height / 32)) + 2


RULES: dict[str, Callable[[int, int], int]] = {
    "gemini-2.5-flash": _tiles,
    "gemini-3-flash-preview": lambda _width, _height: 1120,
    "gpt-4o": _scaled_tiles,
    "claude-sonnet-4-6": _pixels,
    "Qwen/Qwen3-VL-4B-Instruct": _patches,
}
"""By the model's name."""


@dataclass(slots=True)
class Books:
    """Answers with captions of different lengths, and keeps what it bills. Set it as the fake's `default`."""

    input_per_million: float = 0.5
    output_per_million: float = 3.0
    prompt_tokens: list[int] = field(default_factory=list)
    completion_tokens: list[int] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """How many were answered."""
        return len(self.prompt_tokens)

    @property
    def usd(self) -> float:
        """What they cost."""
        total_in, total_out = sum(self.prompt_tokens), sum(self.completion_tokens)
        return (total_in * self.input_per_million + total_out * self.output_per_million) / 1e6

    def __call__(self, recorded: Recorded) -> Behaviour:
        count = RULES[recorded.model or ""]
        prompt = CHAT_TOKENS + words_to_tokens((recorded.system or "") + recorded.text)
        prompt += sum(count(media.width, media.height) for media in recorded.media)
        chance = random.Random(recorded.number)
        text = " ".join(chance.choices(_WORDS, k=chance.randint(20, 65))).capitalize() + "."
        answer = words_to_tokens(text)
        self.prompt_tokens.append(prompt)
        self.completion_tokens.append(answer)
        return ok(text, usage={"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer})
