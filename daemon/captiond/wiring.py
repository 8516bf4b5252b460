"""What every command that captions needs, wired once: endpoints and routes from the settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from captiond.config.models import OXEN, OXEN_BASE_URL, OXEN_MODEL, Endpoint
from captiond.config.resolve import Resolved, resolve
from captiond.dispatch import routes
from captiond.endpoints import keys, weights
from captiond.endpoints.build import build

if TYPE_CHECKING:
    from captiond.config.models import Settings
    from captiond.endpoints.base import Endpoint as EndpointPart


@dataclass(frozen=True, slots=True)
class Wiring:
    """Endpoints by name, whom each recipe may ask, and the one line that says what better endpoint there could be."""

    settings: Settings
    endpoints: Mapping[str, EndpointPart]
    choices: Mapping[str, routes.Choice]
    notice: str | None

    @property
    def first(self) -> Mapping[str, routes.Route]:
        """Whom each recipe asks while all endpoints are well and idle."""
        return {name: choice.first for name, choice in self.choices.items()}


def choose(settings: Settings, environ: Mapping[str, str] = os.environ) -> Resolved:
    """Which endpoint each recipe asks on this machine: by the settings, the keys and the weights that are there."""
    oxen = Endpoint(base_url=OXEN_BASE_URL, model=OXEN_MODEL)
    oxen_key = keys.find(OXEN, oxen, environ, only_endpoint=True).value is not None
    has_weights = settings.local.model_path is not None or weights.present(weights.directory(environ))
    return resolve(settings, oxen_key=oxen_key, weights_present=has_weights)


def wire(settings: Settings, environ: Mapping[str, str] = os.environ) -> Wiring:
    """Build what the settings name; nothing is asked of any endpoint yet."""
    resolved = choose(settings, environ)
    full = settings.model_copy(update={"endpoints": dict(resolved.endpoints)})
    endpoints = {name: build(name, full, environ) for name in resolved.in_use}
    return Wiring(settings, endpoints, routes.build(full, resolved.asked, endpoints), resolved.notice)
