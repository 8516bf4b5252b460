"""Where an endpoint's API key comes from.

In this order, the first that is there:

1. the file that `api_key_file` names;
2. the systemd credential `<endpoint>-api-key` (`LoadCredential=`, see systemd.exec(5));
3. the environment variable that `api_key_env` names (for hub.oxen.ai without one: OXEN_API_KEY);
4. the systemd credential `api-key`, for an endpoint whose configuration asks for a key, or that is the only one.

The last one is no key for just any endpoint, so that a provider's key is not sent to another server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from captiond.config.models import OXEN_BASE_URL, OXEN_KEY_ENV
from captiond.config.models import Endpoint as EndpointSettings
from captiond.redact import register_secret

PLACEHOLDER = "none"
"""Sent to servers that need no key: the client library wants one."""

_HEADER_SAFE = re.compile(r"[\x21-\x7e]+")
_OXEN_HOST = urlsplit(OXEN_BASE_URL).hostname


@dataclass(frozen=True, slots=True)
class Key:
    """A key, or why there is none.

    `problem` is set when one is configured and not there: then no request may be made. Both are None for an endpoint
    that needs no key. `origin` says in a few words where it came from.
    """

    value: str | None = field(default=None, repr=False)
    origin: str | None = None
    problem: str | None = None
    file: Path | None = None
    """Where it stands, if it came from a file."""

    def __post_init__(self) -> None:
        # From its first moment no log line and no failure's detail can hold it.
        if self.value is not None:
            register_secret(self.value)


def find(name: str, settings: EndpointSettings, environ: Mapping[str, str], *, only_endpoint: bool = False) -> Key:
    """The key of the endpoint called `name`."""
    key = _find(name, settings, environ, only_endpoint=only_endpoint)
    if key.value is not None and not _HEADER_SAFE.fullmatch(key.value):
        return Key(origin=key.origin, problem=f"{key.origin} holds white space or characters that no key has")
    return key


def _find(name: str, settings: EndpointSettings, environ: Mapping[str, str], *, only_endpoint: bool) -> Key:
    missing: list[str] = []
    if settings.api_key_file is not None:
        return _of_file(settings.api_key_file, f"api_key_file {settings.api_key_file}")
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    own = f"{name}-api-key"
    if credentials and (Path(credentials) / own).is_file():
        return _of_file(Path(credentials) / own, f"the systemd credential {own}")
    on_oxen = urlsplit(settings.base_url).hostname == _OXEN_HOST
    variable = settings.api_key_env or (OXEN_KEY_ENV if on_oxen else None)
    if variable:
        value = environ.get(variable, "").strip()
        if value:
            return Key(value, f"the environment variable {variable}")
        missing.append(f"the environment variable {variable} is not set")
    if credentials and (variable or only_endpoint) and (Path(credentials) / "api-key").is_file():
        return _of_file(Path(credentials) / "api-key", "the systemd credential api-key")
    return Key(problem="; ".join(missing) or None)


def _of_file(path: Path, origin: str) -> Key:
    try:
        value = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        return Key(origin=origin, problem=f"{origin} can't be read: {error.strerror or error}")
    except UnicodeDecodeError:
        return Key(origin=origin, problem=f"{origin} is not text")
    return Key(value, origin, file=path) if value else Key(origin=origin, problem=f"{origin} is empty")
