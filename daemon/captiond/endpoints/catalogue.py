"""The list of models that a server gives, in any of the shapes that servers use, and how to find one in it. No I/O.

Understood are Oxen.ai's and OpenRouter's lists, which tell inputs and prices; OpenAI's, vLLM's and Ollama's, which tell
names; llama.cpp's, which tells both forms at once; and Ollama's own at /api/tags.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final

from captiond.endpoints import abilities
from captiond.endpoints.prices import MILLION, Price
from captiond.errors import BadResponse

NEAREST: Final = 3
"""Names that are offered in place of one that is not there."""

_AWAKE = {"active"}
_ON_THE_WAY = {"deploying", "starting", "pending"}
_ASLEEP = {"inactive", "deactivating", "asleep", "stopped"}
_HIDDEN_PREFIX = "models/"  # Gemini lists `models/gemini-…`, and is asked for `gemini-…`
_HIDDEN_TAG = ":latest"  # so does Ollama


class Sleep(StrEnum):
    """Whether a model of one's own can be called now. Models that are always there have none of these."""

    AWAKE = "awake"
    WAKING = "waking"
    ASLEEP = "asleep"
    BROKEN = "error"


@dataclass(frozen=True, slots=True)
class Model:
    """One model as its server lists it. What the server does not tell is None.

    `inputs` and `outputs` are words such as text, image, video. Prices are USD for a million tokens, for a call beside
    them, or for a second of the model's time. `path` is where it is called, as `/chat/completions`.
    """

    id: str
    name: str | None = None
    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    input_usd: float | None = None
    output_usd: float | None = None
    call_usd: float | None = None
    second_usd: float | None = None
    custom: bool = False
    sleep: Sleep | None = None
    path: str | None = None

    def captions(self, kind: str | None = None) -> bool:
        """Whether it can describe this kind of file, or anything, for all that is told: what is not told may be."""
        if self.path is not None and not self.path.rstrip("/").endswith("/chat/completions"):
            return False
        if self.outputs is not None and "text" not in self.outputs:
            return False
        return kind is None or self.inputs is None or kind in self.inputs

    @property
    def price(self) -> Price | None:
        """What a call costs by its tokens; None where a price is missing."""
        if self.input_usd is None or self.output_usd is None:
            return None
        return Price(self.input_usd, self.output_usd, self.call_usd or 0.0)


def parse(listed: object) -> tuple[Model, ...]:
    """The models of a list, each once, in its order. Raises BadResponse for what is no list of models."""
    if isinstance(listed, Mapping):
        groups = [listed[key] for key in ("data", "models") if isinstance(listed.get(key), list)]
        if not groups:
            raise BadResponse("what it sent at /models is no list of models")
    elif isinstance(listed, list):
        groups = [listed]
    else:
        raise BadResponse("what it sent at /models is no list of models")
    found: dict[str, Model] = {}
    for group in groups:
        for entry in group:
            model = _model(entry) if isinstance(entry, Mapping) else None
            if model is not None:
                found.setdefault(model.id, model)
    return tuple(found.values())


def find(models: Iterable[Model], name: str) -> Model | None:
    """The model of this name, as servers understand names: `llava` is Ollama's `llava:latest`."""
    by_id = {model.id: model for model in models}
    for form in (name, _HIDDEN_PREFIX + name, name + _HIDDEN_TAG):
        if form in by_id:
            return by_id[form]
    return None


def nearest(models: Sequence[Model], name: str) -> list[str]:
    """The ids most like a name, the most likely first; also those in which it differs by the maker's name alone."""
    by_key: dict[str, str] = {}
    for model in models:
        for key in (model.id, model.id.rpartition("/")[2]):
            by_key.setdefault(key.casefold(), model.id)
    wanted = (name.casefold(), name.rpartition("/")[2].casefold())
    close = [key for one in dict.fromkeys(wanted) for key in get_close_matches(one, by_key, n=NEAREST, cutoff=0.5)]
    return list(dict.fromkeys(by_key[key] for key in close))[:NEAREST]


def missing(models: Sequence[Model], name: str) -> str | None:
    """What is to be said of a configured model that is not in the list; None when it is, or the list is empty."""
    if not models or find(models, name) is not None:
        return None
    near = nearest(models, name)
    return f"{name} is not in the endpoint's list of models" + (f"; the nearest are {', '.join(near)}" if near else "")


def _model(entry: Mapping[str, Any]) -> Model | None:
    identity = entry.get("id") or entry.get("name") or entry.get("model")
    if not isinstance(identity, str) or not identity.strip():
        return None
    name = entry.get("display_name") or entry.get("name")
    inputs = abilities.words_of(entry, "input")
    outputs = abilities.words_of(entry, "output")
    path = entry.get("endpoint")
    return Model(
        id=identity,
        name=name if isinstance(name, str) and name != identity else None,
        inputs=inputs,
        outputs=outputs,
        **_prices(entry.get("pricing")),
        custom=entry.get("model_type") == "custom",
        sleep=_sleep(entry),
        path=path if isinstance(path, str) else None,
    )


def _prices(pricing: object) -> dict[str, float | None]:
    """Oxen.ai's prices per token or per second; OpenRouter's `prompt`, `completion` and `request`, texts, per token or call."""
    if not isinstance(pricing, Mapping):
        return {}
    told = [pricing.get("input_cost_per_token"), pricing.get("output_cost_per_token")]
    if told == [None, None]:
        told = [pricing.get("prompt"), pricing.get("completion")]
    tokens = [None if price is None else price * MILLION for price in map(_amount, told)]
    return {
        "input_usd": tokens[0],
        "output_usd": tokens[1],
        "call_usd": _amount(pricing.get("request")),
        "second_usd": _amount(pricing.get("cost_per_second")),
    }


def _amount(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = float(value)
    except ValueError:
        return None
    return amount if math.isfinite(amount) and amount >= 0 else None  # OpenRouter's -1: it depends


def _sleep(entry: Mapping[str, Any]) -> Sleep | None:
    """A model of one's own is awake when one of its deployments is; without any it has to be woken too."""
    deployments = entry.get("deployments")
    if not isinstance(deployments, list):
        return None
    states = {str(one.get("status", "")).lower() for one in deployments if isinstance(one, Mapping)}
    if states & _AWAKE:
        return Sleep.AWAKE
    if states & _ON_THE_WAY:
        return Sleep.WAKING
    if states & _ASLEEP:
        return Sleep.ASLEEP
    if "error" in states:
        return Sleep.BROKEN
    return Sleep.ASLEEP if entry.get("model_type") == "custom" and not states else None
