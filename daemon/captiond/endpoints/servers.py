"""The servers and providers that are known, and what is known of each. No I/O.

A provider is known by its host, a server program by what its list of models calls the owner. docs/endpoints.md has the
pages that this was read on. To add one: a line in SERVERS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from captiond.endpoints.abilities import Abilities, Dialect, JsonForm, Told


@dataclass(frozen=True, slots=True)
class Question:
    """A free question that tells more of a model than the list does: an address beside /v1, and how to read its answer."""

    path: str
    read: Callable[[object, str], Abilities]
    body: Callable[[str], Mapping[str, Any]] | None = None
    """What is posted; without it the address is only read."""


@dataclass(frozen=True, slots=True)
class Server:
    """One kind of server.

    Args:
        name: for people.
        hosts: the provider's hosts.
        owners: what its list of models says under `owned_by`.
        image: whether all its models take pictures, None where that depends on the model.
        video: the names of the models that take a video as it is; None: no model does.
        json: the names of the models that take a JSON schema as `response_format`; None: no model does.
        ask: what else can be asked of it, until one answers.
    """

    name: str
    hosts: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    image: bool | None = None
    video: re.Pattern[str] | None = None
    dialect: Dialect = Dialect.OPENAI
    json: re.Pattern[str] | None = None
    json_known: bool = True
    ask: tuple[Question, ...] = ()


_ANY: Final = re.compile("")
_FILES: Final = (
    (re.compile("gemini", re.IGNORECASE), tuple(f"{one}/*" for one in ("mp4", "mov", "webm", "3gp", "avi", "mpeg"))),
)
"""Models that take more video files than H.264 in MP4 and MOV, and which.

Gemini names containers and no codecs, https://ai.google.dev/gemini-api/docs/video-understanding. vLLM and SGLang read with
OpenCV and decord, whose packages come without a decoder for AV1 and others: H.264 alone is sure there.
"""
_VIDEO_MODELS: Final = re.compile(
    r"qwen[\d.]*-?(vl|omni)|qwen3[._]?[5-9]|internvl|video|onevision|minicpm-?v|glm-4.*v|gemma-?[4-9]|molmo-?2|keye",
    re.IGNORECASE,
)
"""Open models that are made for videos too; one that is not refuses it, and gets frames within the same attempt."""


def _ollama(answer: object, _model: str) -> Abilities:
    """https://docs.ollama.com/api-reference/show-model-details: `capabilities`, a list with "vision" in it."""
    told = answer.get("capabilities") if isinstance(answer, Mapping) else None
    return Abilities.of(Told.LIST, image="vision" in told) if isinstance(told, list) else Abilities()


def _lm_studio(answer: object, model: str) -> Abilities:
    """Since 0.4 (https://lmstudio.ai/docs/api/rest-api): `models`, each with its `key` and `capabilities.vision`."""
    for entry in _entries(answer, "models"):
        told = entry.get("capabilities")
        if entry.get("key") == model and isinstance(told, Mapping) and isinstance(told.get("vision"), bool):
            return Abilities.of(Told.LIST, image=told["vision"])
    return Abilities()


def _old_lm_studio(answer: object, model: str) -> Abilities:
    """Before: `data`, each with its `id` and a `type`: "llm", "vlm" or "embeddings"."""
    for entry in _entries(answer, "data"):
        if entry.get("id") == model and entry.get("type") in ("llm", "vlm"):
            return Abilities.of(Told.LIST, image=entry["type"] == "vlm")
    return Abilities()


def _entries(answer: object, key: str) -> list[Mapping[str, Any]]:
    entries = answer.get(key) if isinstance(answer, Mapping) else None
    return [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []


SERVERS: Final = (
    Server(
        "Oxen.ai",
        hosts=("hub.oxen.ai",),
        video=re.compile(r"gemini|qwen.*vl|qwen3\.5", re.IGNORECASE),
        json_known=False,  # "support varies by provider"
    ),
    Server("OpenRouter", hosts=("openrouter.ai",), json_known=False),
    Server("OpenAI", hosts=("api.openai.com",), json=re.compile(r"gpt-(4o|4\.1|[5-9])|^o\d|chatgpt", re.IGNORECASE)),
    Server("Anthropic", hosts=("api.anthropic.com",), image=True),
    Server(
        "Gemini", hosts=("generativelanguage.googleapis.com",), image=True, json=re.compile("gemini", re.IGNORECASE)
    ),
    Server("llama.cpp", owners=("llamacpp",), dialect=Dialect.LLAMACPP, json=_ANY),
    Server("vLLM", owners=("vllm",), video=_VIDEO_MODELS, dialect=Dialect.VLLM, json=_ANY),
    Server("SGLang", owners=("sglang",), video=_VIDEO_MODELS, json=_ANY),
    Server(
        "Ollama",
        hosts=("ollama.com",),
        owners=("library",),
        json=_ANY,
        ask=(Question("/api/show", _ollama, lambda model: {"model": model}),),
    ),
    Server(
        "LM Studio",
        owners=("organization_owner",),
        json=_ANY,
        ask=(Question("/api/v1/models", _lm_studio), Question("/api/v0/models", _old_lm_studio)),
    ),
)


def video_files(model: str) -> tuple[str, ...]:
    """The video files that a model of this name takes as they are, where it takes videos, as "container/codec".

    Empty for models that are not known to take more than others.
    """
    return next((files for names, files in _FILES if names.search(model)), ())


def known(base_url: str, entry: Mapping[str, Any] | None) -> Server | None:
    """The kind of server that answers at this address, where it is known; `entry` is the model's in its list."""
    host = urlsplit(base_url).hostname or ""
    owner = entry.get("owned_by") if entry else None
    return next((server for server in SERVERS if host in server.hosts or owner in server.owners), None)


def abilities(server: Server, model: str) -> Abilities:
    """What a server of this kind can do with a model of this name."""
    json = JsonForm.SCHEMA if server.json is not None and server.json.search(model) else JsonForm.OFF
    return Abilities.of(
        Told.TABLE,
        image=server.image,
        # llama.cpp takes one only where it finds ffmpeg, which nothing tells.
        video=None if server.dialect is Dialect.LLAMACPP else bool(server.video and server.video.search(model)),
        dialect=server.dialect,
        json=json if server.json_known else None,
    )
