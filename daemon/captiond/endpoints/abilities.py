"""What a model can take and give, as far as anything tells. No I/O.

The configuration goes first, then what a probe or an answer found out, then the server's list, then the table of `servers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self


class Dialect(StrEnum):
    """How a server wants a video: all take pictures as `image_url`."""

    OPENAI = "openai"
    """`video_url`, where it takes any."""
    LLAMACPP = "llamacpp"
    """A part of its own, `input_video`, with base64 that is no data URL."""
    VLLM = "vllm"
    """`video_url`; frames too, as a list of JPEG pictures in one of them."""


class JsonForm(StrEnum):
    """The strongest `response_format` that a server takes."""

    SCHEMA = "json_schema"
    OBJECT = "json_object"
    OFF = "off"


class Told(StrEnum):
    """Who tells of an ability."""

    CONFIG = "config"
    PROBE = "probe"
    ANSWER = "answer"
    LIST = "list"
    TABLE = "table"


BY: Mapping[Told, str] = {
    Told.CONFIG: "by the configuration",
    Told.PROBE: "by `captiond check --call`",
    Told.ANSWER: "by the endpoint's own words",
    Told.LIST: "by the endpoint's list of models",
    Told.TABLE: "as servers of this kind do",
}


@dataclass(frozen=True, slots=True)
class Abilities:
    """What one model at one endpoint can do; None: nobody tells.

    `video` is whether it takes a video in the form of its `dialect`. `told` says who tells, by the ability's name.
    """

    image: bool | None = None
    video: bool | None = None
    dialect: Dialect | None = None
    json: JsonForm | None = None
    told: Mapping[str, Told] = field(default_factory=dict)

    @classmethod
    def of(cls, told: Told, **values: Any) -> Self:
        """Abilities that are all told by one; what is None is not told."""
        return cls(**values, told={name: told for name, value in values.items() if value is not None})

    def over(self, other: Abilities) -> Abilities:
        """These; what they do not tell is as another's."""
        values = {
            name: getattr(self if getattr(self, name) is not None else other, name)
            for name in ("image", "video", "dialect", "json")
        }
        return Abilities(**values, told={**other.told, **self.told})

    @property
    def takes_videos(self) -> bool:
        """Whether a video can be sent as such: only where that is told."""
        return self.video is True

    @property
    def takes_frame_lists(self) -> bool:
        """Whether frames go as one video: where that is spoken, by a model that takes videos, or where it is configured."""
        configured = self.told.get("dialect") is Told.CONFIG
        return self.dialect is Dialect.VLLM and (self.takes_videos or configured)

    def by(self, name: str) -> str:
        """Who tells of an ability, in words; empty if nobody does."""
        return BY[self.told[name]] if name in self.told else ""


def listed(models: object, model: str) -> tuple[Abilities, Mapping[str, Any] | None]:
    """A model's abilities by `GET /models`, and its entry there, None where it has none.

    Understands Oxen.ai's `capabilities.input`, OpenRouter's `architecture.input_modalities` and `supported_parameters`, and
    llama.cpp's, which lists the inputs in the former way and in words of Ollama's.
    """
    for entry in _entries(models):
        if model in (entry.get("id"), entry.get("name"), *_texts(entry.get("aliases"))):
            inputs = words_of(entry, "input")
            found = Abilities.of(
                Told.LIST,
                image="image" in inputs if inputs else None,
                # What llama.cpp lists of videos says nothing: see `words_of`.
                video="video" in inputs if inputs and entry.get("owned_by") != "llamacpp" else None,
                json=_json(entry.get("supported_parameters")),
            )
            return found, entry
    return Abilities(), None


def words_of(entry: Mapping[str, Any], side: str) -> tuple[str, ...] | None:
    """What one model of a list takes (`side` is "input") or gives ("output"), None where its entry does not tell."""
    if entry.get("owned_by") == "llamacpp" and not isinstance(entry.get("architecture"), Mapping):
        return ("text", "image") if side == "input" else ("text",)  # before it told: see docs/endpoints.md
    for group, key in (("capabilities", side), ("architecture", f"{side}_modalities")):
        told = entry.get(group)
        told = told.get(key) if isinstance(told, Mapping) else None
        if isinstance(told, list):
            words = tuple(word.lower() for word in told if isinstance(word, str))
            # llama.cpp lists "video" whenever it takes pictures, also where the ffmpeg programs that it needs are missing.
            return tuple(word for word in words if word != "video" or entry.get("owned_by") != "llamacpp")
    return None


def _json(parameters: object) -> JsonForm | None:
    if not isinstance(parameters, list):
        return None
    if "structured_outputs" in parameters:
        return JsonForm.SCHEMA
    return JsonForm.OBJECT if "response_format" in parameters else JsonForm.OFF


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _entries(models: object) -> Iterable[Mapping[str, Any]]:
    if isinstance(models, Mapping):
        models = models.get("data") or models.get("models")
    return [entry for entry in models if isinstance(entry, Mapping)] if isinstance(models, list) else []
