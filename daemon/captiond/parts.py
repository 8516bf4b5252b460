"""What every command that captions needs, wired once: endpoints and routes from the settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from captiond.config.resolve import resolve
from captiond.dispatch import routes
from captiond.endpoints import weights
from captiond.endpoints.build import build

if TYPE_CHECKING:
    from captiond.config.models import Settings
    from captiond.endpoints.base import Endpoint


@dataclass(frozen=True, slots=True)
class Parts:
    """Endpoints by name, routes by recipe, and the one line that says what better endpoint there could be."""

    settings: Settings
    endpoints: Mapping[str, Endpoint]
    routes: Mapping[str, routes.Route]
    notice: str | None


def wire(settings: Settings, environ: Mapping[str, str] = os.environ) -> Parts:
    """Build what the settings name; nothing is asked of any endpoint yet."""
    has_weights = settings.local.model_path is not None or weights.present(weights.directory(environ))
    resolved = resolve(settings, environ, weights_present=has_weights)
    full = settings.model_copy(update={"endpoints": dict(resolved.endpoints)})
    endpoints = {name: build(name, full, environ) for name in sorted(set(resolved.asked.values()))}
    return Parts(settings, endpoints, routes.build(full, resolved.asked, endpoints), resolved.notice)
