"""How many tokens a request will be billed for, by the rules that providers publish. Pure, and no more than an estimate.

Text is about four characters a token everywhere (https://ai.google.dev/gemini-api/docs/tokens). Pictures are counted in each
family's own way; the family is told by the model's name. All take the size of the picture as it is sent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

from captiond.values import ImagePart, Request, VideoPart

TEXT_BYTES: Final = 4
"""UTF-8 bytes of a token of text."""
ANSWER: Final = 60
"""Tokens of a caption of one or two sentences, where none is known yet. Models that reason need many times as many."""
FRAME_SECONDS: Final = 1.0
"""Between two frames that servers take of a video, where they tell nothing else."""
MOST_FRAMES: Final = 32
"""That a server takes of one video: vLLM's default, https://docs.vllm.ai/en/latest/features/multimodal_inputs.html."""

_GEMINI_TILE: Final = 258
_GEMINI_SMALL: Final = 384
_GEMINI_3_PICTURE: Final = 1120
_GEMINI_3_FRAME: Final = 70
_GEMINI_AUDIO: Final = 32
_OPENAI_PATCHES: Final = 1536
_OPENAI_PATCH: Final = {"gpt-4.1-mini": 1.62, "gpt-4.1-nano": 2.46, "o4-mini": 1.72, "mini": 1.2, "nano": 1.5}
_OPENAI_TILES: Final = (
    ("gpt-4o-mini", 2833, 5667),
    ("gpt-4", 85, 170),
    ("gpt-5", 70, 140),
    ("o1", 75, 150),
    ("o3", 75, 150),
)
_CLAUDE_PIXELS: Final = 750
_CLAUDE_EDGES: Final = (1568, 2576)
_GEMMA_3_PICTURE: Final = 256


def of_request(request: Request) -> int:
    """Of a whole request: its texts and its media."""
    facts, model = request.encoded.facts, request.model
    total = of_text((request.system or "") + request.text)
    for part in request.encoded.parts:
        if isinstance(part, ImagePart):
            total += of_picture(model, part.width, part.height)
        elif isinstance(part, VideoPart):
            total += of_video(model, part.width, part.height, part.seconds, sound=False)
        else:
            total += of_video(model, facts.width, facts.height, facts.duration_seconds or 0.0)
    return total


def of_text(text: str) -> int:
    """Of a prompt."""
    return math.ceil(len(text.encode("utf-8", "replace")) / TEXT_BYTES)


def of_picture(model: str, width: int, height: int) -> int:
    """Of one picture of so many pixels, by the model's family."""
    for family, count in _FAMILIES:
        if re.search(family, model, re.IGNORECASE):
            return count(model.casefold().rpartition("/")[2], width, height)
    return math.ceil(width * height / _CLAUDE_PIXELS)


def of_video(model: str, width: int, height: int, seconds: float, *, sound: bool = True) -> int:
    """Of a video that is sent as one.

    Gemini looks at a frame a second and counts the sound (https://ai.google.dev/gemini-api/docs/video-understanding); Qwen
    takes two a second, and a token for two of them; others are taken to look at a frame a second.
    """
    if re.search(r"gemini", model, re.IGNORECASE):
        frame = _GEMINI_3_FRAME if _version(model) >= (3,) else _GEMINI_TILE
        return math.ceil(max(seconds, 1.0) * (frame + sound * _GEMINI_AUDIO))
    frames = min(max(1, math.ceil(seconds / FRAME_SECONDS)), MOST_FRAMES)
    return frames * of_picture(model, width, height)


def _gemini(model: str, width: int, height: int) -> int:
    """Up to 2.5: 258 for a picture within 384 px, else for each tile; a tile is two thirds of the short edge, 256 to 768 px.

    From https://ai.google.dev/gemini-api/docs/tokens. From 3 on: a fixed number, by
    https://ai.google.dev/gemini-api/docs/media-resolution.
    """
    if _version(model) >= (3,):
        return _GEMINI_3_PICTURE
    if max(width, height) <= _GEMINI_SMALL:
        return _GEMINI_TILE
    tile = min(max(int(min(width, height) / 1.5), 256), 768)
    return _GEMINI_TILE * math.ceil(width / tile) * math.ceil(height / tile)


def _openai(model: str, width: int, height: int) -> int:
    """Small models count 32-px patches, at most 1536; large ones 512-px tiles of what fits in 2048 px, short edge 768.

    From https://platform.openai.com/docs/guides/images-vision#calculating-costs. The factors of GPT-5's small models are
    those of OpenAI's price calculator, which is what is billed; the guide has others.
    """
    for name, base, tile in _OPENAI_TILES:
        small = re.search(r"-(mini|nano)", model) is not None
        if model.startswith(name) and (not small or name == "gpt-4o-mini"):
            scale = min(1.0, 2048 / max(width, height))
            scale = min(scale, 768 / min(width, height))
            return base + tile * math.ceil(width * scale / 512) * math.ceil(height * scale / 512)
    factor = next((factor for name, factor in _OPENAI_PATCH.items() if name in model), 1.0)
    return math.ceil(min(math.ceil(width / 32) * math.ceil(height / 32), _OPENAI_PATCHES) * factor)


def _claude(model: str, width: int, height: int) -> int:
    """A token for 750 pixels, after a reduction to 1568 px and 1,600 tokens; from 4.7 on to 2576 px and 4,784.

    From https://platform.claude.com/docs/en/build-with-claude/vision.
    """
    edge, most = (_CLAUDE_EDGES[1], 4784) if _version(model) >= (4, 7) else (_CLAUDE_EDGES[0], 1600)
    scale = min(1.0, edge / max(width, height, 1))
    return min(math.ceil(width * scale * height * scale / _CLAUDE_PIXELS), most)


def _gemma(_model: str, _width: int, _height: int) -> int:
    """Gemma 3: a fixed number, https://ai.google.dev/gemma/docs/core."""
    return _GEMMA_3_PICTURE


def _qwen(model: str, width: int, height: int) -> int:
    """A token for 32 x 32 px from Qwen3-VL on, for 28 x 28 px before; at least 64, at most 16,384.

    From the processors' own settings, https://huggingface.co/Qwen/Qwen3-VL-4B-Instruct.
    """
    edge = 32 if _version(model) >= (3,) else 28
    patches = max(1, round(width / edge)) * max(1, round(height / edge))
    return min(max(patches, 64), 16384)


def _version(model: str) -> tuple[int, ...]:
    """The first number in a model's name, as `claude-opus-4-8` and `gemini-2.5-flash` have it; at least (0,)."""
    found = re.search(r"(?<![0-9])(\d{1,2})(?:[.-](\d{1,2})(?![0-9]))?", model.rpartition("/")[2])
    return tuple(int(part) for part in found.groups() if part) if found else (0,)


_FAMILIES: Final[tuple[tuple[str, Callable[[str, int, int], int]], ...]] = (
    (r"gemini", _gemini),
    (r"gpt-|chatgpt|(?:^|/)o[134]\b", _openai),
    (r"claude", _claude),
    (r"gemma-?3", _gemma),
    (r"qwen", _qwen),
)
