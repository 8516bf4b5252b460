"""An endpoint of a name: the one place that knows every kind there is. Libraries are loaded with the kind that needs them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from captiond.config.models import BUILTIN, LOCAL, Settings
from captiond.endpoints import keys, weights
from captiond.errors import ConfigError

if TYPE_CHECKING:
    from captiond.endpoints.base import Endpoint


def build(name: str, settings: Settings, environ: Mapping[str, str], *, models_dir: Path | None = None) -> Endpoint:
    """The endpoint called `name`; nothing is asked of it yet. Raises ConfigError when there is none of that name.

    A configured endpoint may be called "local" or "builtin" and is then the one. `models_dir` is where the local model's
    weights are; default: the state folder that `environ` tells.
    """
    configured = settings.endpoints.get(name)
    if configured is not None:
        from captiond.endpoints.chat import ChatEndpoint

        key = keys.find(name, configured, environ, only_endpoint=len(settings.endpoints) == 1)
        return ChatEndpoint(name, configured, key)
    if name == BUILTIN:
        from captiond.endpoints.builtin import BuiltinEndpoint

        return BuiltinEndpoint()
    if name == LOCAL:
        from captiond.endpoints.local import LocalEndpoint

        return LocalEndpoint(settings.local, models_dir or weights.directory(environ))
    known = ", ".join([*settings.endpoints, LOCAL, BUILTIN])
    raise ConfigError(f"there is no endpoint {name!r}; there are: {known}")
