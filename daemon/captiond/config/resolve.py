"""Which endpoint each recipe asks, also when none is configured. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from captiond.config.models import (
    BUILTIN,
    LOCAL,
    OXEN,
    OXEN_BASE_URL,
    OXEN_KEY_ENV,
    OXEN_MODEL,
    Endpoint,
    Settings,
)

NOTICE = (
    f"no endpoint is configured and {OXEN_KEY_ENV} is not set: describing with the built-in describer, which says only "
    f"what it measures; set {OXEN_KEY_ENV}, or run `captiond model pull`, or see config.example.toml for real captions"
)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the settings mean on this machine.

    `endpoints` are the configured ones, and Oxen.ai where it is implied; "local" and "builtin" are not among them.
    `asked` has the names of every recipe's endpoints, in their order. `notice` is one line for the log when captions could
    be better.
    """

    endpoints: Mapping[str, Endpoint]
    asked: Mapping[str, tuple[str, ...]]
    notice: str | None = None

    @property
    def in_use(self) -> list[str]:
        """The names of all endpoints that a recipe may ask, in order."""
        return sorted({name for names in self.asked.values() for name in names})


def resolve(settings: Settings, *, oxen_key: bool, weights_present: bool) -> Resolved:
    """Choose each recipe's endpoint: its own, else the first configured one.

    With none configured: Oxen.ai if there is a key for it, else the local model if its weights are there, else
    the built-in describer, with a notice.
    """
    if settings.endpoints:
        usual = next(iter(settings.endpoints))
    elif oxen_key:
        usual = OXEN
    else:
        usual = LOCAL if weights_present else BUILTIN
    asked = {name: tuple(recipe.endpoint or (usual,)) for name, recipe in settings.recipes.items()}
    endpoints = dict(settings.endpoints)
    if any(OXEN in names for names in asked.values()) and OXEN not in endpoints:
        endpoints[OXEN] = Endpoint(base_url=OXEN_BASE_URL, model=OXEN_MODEL, api_key_env=OXEN_KEY_ENV)
    fell_back = usual == BUILTIN and any(recipe.endpoint is None for recipe in settings.recipes.values())
    return Resolved(endpoints, asked, NOTICE if fell_back else None)
