"""What a model can take, as far as its server tells. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

_TAKES_VIDEO: Mapping[str, re.Pattern[str]] = {
    # https://docs.oxen.ai: video_url, by https or base64; which models take it is in its /models
    "hub.oxen.ai": re.compile(r"gemini|qwen.*vl|qwen3\.5", re.IGNORECASE),
}


def listed_inputs(models: object, model: str) -> frozenset[str] | None:
    """A model's inputs from `GET /models`, such as {"text", "image", "video"}; None where the list does not tell.

    Understands Oxen.ai's `capabilities.input` and OpenRouter's `architecture.input_modalities`.
    """
    for entry in _entries(models):
        if model not in (entry.get("id"), entry.get("name")):
            continue
        inputs = words_of(entry, "input")
        if inputs is not None:
            return frozenset(inputs)
    return None


def words_of(entry: Mapping[str, Any], side: str) -> tuple[str, ...] | None:
    """What one model of a list takes (`side` is "input") or gives ("output"), None where its entry does not tell."""
    if entry.get("owned_by") == "llamacpp":  # it lists "video", but has a part of its own for it: not `video_url`
        return ("text", "image") if side == "input" else ("text",)
    for group, key in (("capabilities", side), ("architecture", f"{side}_modalities")):
        told = entry.get(group)
        told = told.get(key) if isinstance(told, Mapping) else None
        if isinstance(told, list):
            return tuple(word.lower() for word in told if isinstance(word, str))
    return None


def known_to_take_video(base_url: str, model: str) -> bool:
    """Whether this host is known to take a video of this model as it is."""
    pattern = _TAKES_VIDEO.get(urlsplit(base_url).hostname or "")
    return pattern is not None and pattern.search(model) is not None


def _entries(models: object) -> Iterable[Mapping[str, Any]]:
    if isinstance(models, Mapping):
        models = models.get("data") or models.get("models")
    return [entry for entry in models if isinstance(entry, Mapping)] if isinstance(models, list) else []
