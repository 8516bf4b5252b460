"""Reads the configuration: the file, the environment before it, every error at once, and where each setting came from.

Importing this costs pydantic-settings: a command imports it when it needs the configuration.
"""

from __future__ import annotations

import json
import os.path
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from captiond.config import checks, report, sources
from captiond.config.checks import Problem
from captiond.config.lines import Key, key_lines, line_of
from captiond.config.models import Settings
from captiond.config.sources import CONFIG_VARIABLE, EnvironmentSource, FileSource, has
from captiond.errors import ConfigError

SYSTEM_FILE = Path("/etc/captiond/config.toml")
DEFAULT = "default"
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
"""Variables that the HTTP client heeds, also in capitals; their addresses may hold a password."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force.

    `path` is the file, None if there is none. `origins` has for every setting that is in force, by its dotted key such as
    `watch[0].path`: "default", "file PATH:LINE" or "environment VARIABLE".
    """

    settings: Settings
    path: Path | None
    origins: Mapping[str, str] = field(repr=False)


def load(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> Loaded:
    """Read the configuration.

    Args:
        explicit: the file that the command line names; None to search as the manual says.
        environ: the environment; CAPTIOND_ variables go before the file.
        cwd: the current folder: where ./captiond.toml is searched, and what relative paths in variables are relative to.

    Raises:
        ConfigError: the file can't be read, or anything in it or in the environment is wrong. The message has every
            error on its own line: key, value, place, what is allowed. No secret is in it.
    """
    found = find(explicit, environ, cwd)
    path, text = found or (None, "")
    data = _parsed(text, path)
    lines = key_lines(text)
    file = FileSource(data, path.parent if path else cwd)
    environment = EnvironmentSource(environ, cwd, data)
    origin = _Origin(path, lines, file(), environment)
    problems = list(_unused(environment))
    problems += _of_types(file())
    settings = None
    try:
        settings = sources.settings_from(file, environment)
    except ValidationError as error:
        problems += report.of_validation(error)
    problems = list({problem.key: problem for problem in reversed(problems)}.values())[::-1]
    told = {problem.key for problem in problems}
    whole = sources.merged(file(), environment())
    problems += [problem for problem in (*checks.problems(whole), *_keys_as_files(whole)) if problem.key not in told]
    if problems or settings is None:
        raise ConfigError(_message(problems, origin))
    for key, value in leaves(settings):
        report.register(key, _plain(value))
    for name in PROXIES:
        report.register((name,), environ.get(name) or environ.get(name.upper()))
    return Loaded(settings, path, {report.dotted(key): origin.of(key) for key, _ in leaves(settings)})


def find(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> tuple[Path, str] | None:
    """The file and its text: the first that exists of the manual's list. Raises ConfigError if it can't be read."""
    if explicit is not None:
        return _read(cwd / explicit, "--config names it")
    named = environ.get(CONFIG_VARIABLE)
    if named:
        return _read(cwd / named, f"{CONFIG_VARIABLE} names it")
    home = _home(environ)
    own = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    for path in (cwd / "captiond.toml", own / "captiond" / "config.toml", SYSTEM_FILE):
        found = _read(path, None)
        if found:
            return found
    return None


def state_dir(environ: Mapping[str, str]) -> Path:
    """Where captiond keeps what is its own: $STATE_DIRECTORY (set by systemd), else $XDG_STATE_HOME/captiond."""
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    return Path(environ.get("XDG_STATE_HOME") or _home(environ) / ".local" / "state") / "captiond"


def database_url(settings: Settings, environ: Mapping[str, str]) -> str:
    """The database's address: the configured one, else captions.db in the state folder."""
    return settings.database.url or f"sqlite:///{state_dir(environ).absolute() / 'captions.db'}"


def effective(loaded: Loaded) -> list[tuple[str, Any, str]]:
    """Every setting in force: dotted key, value as JSON can hold it (secrets hidden), where it came from."""
    return [
        (name, report.masked(key, _plain(value)), loaded.origins.get(name, "command line"))
        for key, value in leaves(loaded.settings)
        for name in [report.dotted(key)]
    ]


def leaves(value: Any, key: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Every setting with its key: tables are entered, lists of texts and `extra_body` are values."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from leaves(getattr(value, name), (*key, name))
    elif isinstance(value, dict) and value and all(isinstance(item, BaseModel) for item in value.values()):
        for name, item in value.items():
            yield from leaves(item, (*key, name))
    elif isinstance(value, list) and value and all(isinstance(item, BaseModel) for item in value):
        for index, item in enumerate(value):
            yield from leaves(item, (*key, index))
    else:
        yield key, value


class _Origin:
    """Where a key's value comes from."""

    def __init__(self, path: Path | None, lines: dict[Key, int], data: Any, environment: EnvironmentSource) -> None:
        self._path, self._lines, self._data = path, lines, data
        self._variables = environment.names()
        self._overriding = environment()

    def of(self, key: Key) -> str:
        """The origin of one setting."""
        if has(self._overriding, key):
            return f"environment {self.variable(key)}"
        if has(self._data, key):
            return f"file {self.place(key)}"
        return DEFAULT

    def variable(self, key: Key) -> str | None:
        """The variable that sets a key, or a table around it."""
        setting = [name for name, own in self._variables.items() if key[: len(own)] == own or own[: len(key)] == key]
        return max(setting, key=lambda name: len(self._variables[name]), default=None)

    def near(self, key: Key) -> str | None:
        """Where to look for an error at a key, which may be missing: the table that lacks it, else the file."""
        for length in range(len(key), 0, -1):
            if has(self._overriding, key[:length]):
                return self.variable(key[:length])
            if has(self._data, key[:length]):
                return self.place(key)
        return self.variable(key) or (str(self._path) if self._path else None)

    def place(self, key: Key) -> str:
        line = line_of(self._lines, key)
        return f"{self._path}:{line}" if line else str(self._path)

    def order(self, key: Key) -> tuple[bool, int]:
        """Errors of the file in its order, then those of the environment."""
        return has(self._overriding, key), line_of(self._lines, key) or 0


def _message(problems: list[Problem], origin: _Origin) -> str:
    count = "an error" if len(problems) == 1 else f"{len(problems)} errors"
    ordered = sorted(problems, key=lambda problem: origin.order(problem.key))
    lines = [f"  {report.line(problem, origin.near(problem.key))}" for problem in ordered]
    return "\n".join([f"the configuration has {count}:", *lines])


def _of_types(data: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the file's own types: TOML has numbers, so "8" is none. What is missing may come later."""
    try:
        # JSON's strictness is TOML's: paths and choices are texts there too. Dates are left to the lenient pass.
        Settings.model_validate_json(json.dumps(data, default=str), strict=True)
    except ValidationError as error:
        missing = {tuple(item["loc"]) for item in error.errors() if item["type"] == "missing"}
        return [problem for problem in report.of_validation(error) if problem.key not in missing]
    return []


def _keys_as_files(data: Mapping[str, Any]) -> Iterator[Problem]:
    """A key that was written where its file belongs: it would be shown as the file's name."""
    endpoints = data.get("endpoints")
    for name, endpoint in endpoints.items() if isinstance(endpoints, Mapping) else ():
        file = endpoint.get("api_key_file") if isinstance(endpoint, Mapping) else None
        if isinstance(file, str) and checks.like_a_key(os.path.basename(file)) and not os.path.lexists(file):
            text = "must be a file that holds the key, not the key itself; there is no file of this name"
            yield Problem(("endpoints", name, "api_key_file"), text)


def _unused(environment: EnvironmentSource) -> Iterator[Problem]:
    """CAPTIOND_ variables that set nothing: a misspelled one would else go unseen."""
    data = environment()
    for name, key in environment.names().items():
        if not has(data, key):
            near = report.suggestion(str(key[0]), Settings.model_fields)
            if str(key[0]) in Settings.model_fields:
                near = "; a list is given whole, as JSON" if key[0] == "watch" else ""
            yield Problem(key, f"{name} is no setting{near}", environment.value(name))


def _parsed(text: str, path: Path | None) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", str(error))
        what = str(error)[: where.start()] if where else str(error)
        line = where[1] if where and where[1] else text.count("\n") + 1
        raise ConfigError(f"{path}:{line}: this is no valid TOML: {what[:1].lower()}{what[1:]}") from None
    except RecursionError:
        raise ConfigError(f"{path}: lists or tables are nested too deep") from None


def _read(path: Path, named_by: str | None) -> tuple[Path, str] | None:
    """The file's absolute path and text; None if it does not exist and nobody named it."""
    path = Path(os.path.abspath(path.expanduser()))
    try:
        return path, path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except (FileNotFoundError, NotADirectoryError):
        if named_by is None:
            return None
        raise ConfigError(f"there is no configuration file {path} ({named_by})") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text, as TOML must be (byte {error.start + 1})") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"the configuration file {path} can't be read: {reason}") from None


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or os.path.expanduser("~"))


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
