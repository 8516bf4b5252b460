"""The file and the environment as sources of pydantic-settings."""

from __future__ import annotations

import json
import os.path
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from captiond.config.lines import Key
from captiond.config.models import Settings

PREFIX = "CAPTIOND_"
DELIMITER = "__"
CONFIG_VARIABLE = "CAPTIOND_CONFIG"

Data = dict[str, Any]


class _Sourced(Settings, BaseSettings):
    """The settings as pydantic-settings reads them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=DELIMITER, case_sensitive=False)


class FileSource(TomlConfigSettingsSource):
    """A TOML file that was read already; its relative paths are relative to its folder."""

    def __init__(self, data: Mapping[str, Any], folder: Path) -> None:
        self._data = _anchored(data, folder)
        super().__init__(_Sourced)

    def _read_files(self, files: Any, deep_merge: bool = False) -> Data:
        return self._data


class EnvironmentSource(EnvSettingsSource):
    """Variables such as CAPTIOND_QUEUE__MAX_ATTEMPTS; lists and tables are JSON, relative paths are of `folder`.

    Names of variables know neither small letters nor hyphens: CAPTIOND_ENDPOINTS__MY_GPU__MODEL is of the endpoint
    that the file calls "my-gpu" or "My_GPU", and of a new one called "my_gpu" if there is none.
    """

    def __init__(self, environ: Mapping[str, str], folder: Path, file: Mapping[str, Any]) -> None:
        self._variables = {
            name.lower(): (name, value)
            for name, value in environ.items()
            if name.upper().startswith(PREFIX) and name.upper() != CONFIG_VARIABLE
        }
        self._folder = folder
        self._file = file
        super().__init__(_Sourced)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {lower: value for lower, (_, value) in self._variables.items()}

    def decode_complex_value(self, field_name: str, field: Any, value: Any) -> Any:
        """JSON, or the text itself: then validation says what is wrong with it, together with all else."""
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value

    def __call__(self) -> Data:
        data = super().__call__()
        for table in ("endpoints", "recipes"):
            if isinstance(data.get(table), dict):
                data[table] = {self._spelled(table, name): value for name, value in data[table].items()}
        return _anchored(data, self._folder)

    def names(self) -> dict[str, Key]:
        """Every variable with the key that it is for."""
        found: dict[str, Key] = {}
        for lower, (name, _) in self._variables.items():
            key: list[str] = lower[len(PREFIX) :].split(DELIMITER)
            if key[0] in ("endpoints", "recipes") and len(key) > 1:
                key[1] = self._spelled(key[0], key[1])
            found[name] = tuple(key)
        return found

    def value(self, name: str) -> str:
        """What a variable holds."""
        return self._variables[name.lower()][1]

    def _spelled(self, table: str, name: str) -> str:
        """The name as the file spells it."""
        given = self._file.get(table)
        for spelled in given if isinstance(given, Mapping) else ():
            if spelled.lower().replace("-", "_") == name.lower().replace("-", "_"):
                return cast("str", spelled)
        return name


def settings_from(file: FileSource, environment: EnvironmentSource) -> Settings:
    """The settings: the environment before the file before the defaults. Raises pydantic's ValidationError."""

    class Sourced(_Sourced):
        @classmethod
        def settings_customise_sources(cls, *_: Any, **__: Any) -> tuple[Any, ...]:
            return environment, file

    # A plain Settings, whatever it was read by.
    return Settings.model_construct(**dict(Sourced()))


def merged(file: Mapping[str, Any], environment: Mapping[str, Any]) -> Data:
    """The data as pydantic-settings puts them together: tables are joined, anything else is replaced."""
    result = dict(file)
    for name, value in environment.items():
        before = result.get(name)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        result[name] = merged(cast("Data", before), value) if both else value
    return result


def has(data: Any, key: Key) -> bool:
    """Whether the data say anything at a key."""
    for part in key:
        if isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
            continue
        if not isinstance(data, Mapping) or part not in data:
            return False
        data = data[part]
    return True


def _anchored(data: Mapping[str, Any], folder: Path) -> Data:
    """The data with every relative path made absolute, in `folder`."""
    result = dict(data)

    def absolute(path: Any) -> Any:
        if not isinstance(path, str) or not path or path.startswith("~"):
            return path
        return os.path.normpath(folder / path)

    def tables(value: Any, *names: str) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {name: absolute(item) if name in names else item for name, item in value.items()}

    if isinstance(data.get("watch"), list):
        result["watch"] = [tables(root, "path") for root in data["watch"]]
    if isinstance(data.get("endpoints"), Mapping):
        result["endpoints"] = {name: tables(item, "api_key_file") for name, item in data["endpoints"].items()}
    if "local" in data:
        result["local"] = tables(data["local"], "model_path", "mmproj_path")
    database = data.get("database")
    if isinstance(database, Mapping) and isinstance(database.get("url"), str):
        result["database"] = {**database, "url": _absolute_url(database["url"], folder)}
    return result


def _absolute_url(url: str, folder: Path) -> str:
    """`sqlite:///captions.db` with the whole path; what is no such address is left for the checks."""
    head, path = "sqlite:///", url.removeprefix("sqlite:///")
    if path == url or not path or path.startswith((":", "?", "file:")) or path.endswith("/"):
        return url
    return head + os.path.normpath(folder / os.path.expanduser(path))
