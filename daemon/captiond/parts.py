"""What every command that captions needs, wired once: endpoints and routes from the settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from captiond import routes
from captiond.config.resolve import resolve
from captiond.endpoints import build, weights

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


def wire(settings: Settings, state_dir: Path, environ: Mapping[str, str] = os.environ) -> Parts:
    """Build what the settings name; nothing is asked of any endpoint yet."""
    resolved = resolve(settings, environ, weights_present=weights.present(state_dir / "models"))
    full = settings.model_copy(update={"endpoints": dict(resolved.endpoints)})
    names = sorted(set(resolved.asked.values()))
    endpoints = {name: build.build(name, full, environ) for name in names}
    return Parts(settings, endpoints, routes.build(full, resolved.asked, endpoints), resolved.notice)
