"""What every command has at hand: the configuration and the database, opened when first asked for."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click

from captiond.errors import DatabaseError

if TYPE_CHECKING:
    from captiond.config.load import Loaded
    from captiond.config.resolve import Resolved
    from captiond.store.engine import Database

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
"""The option that every command with data takes."""


def example(*lines: str) -> str:
    """The end of a command's --help: how it is called."""
    title = "Example:" if len(lines) == 1 else "Examples:"
    return "\b\n" + "\n".join([title, *(f"  {line}" for line in lines)])


class App:
    """One call of the program. Closed by click at its end."""

    def __init__(self, config: Path | None) -> None:
        self.config = config
        self._database: Database | None = None

    @functools.cached_property
    def loaded(self) -> Loaded:
        """The configuration with the origin of each setting. Raises ConfigError.

        What comes after it may hold a key: from here on the memory is private.
        """
        from captiond.hardening import keep_memory_private

        loaded = self.reload()
        keep_memory_private()
        return loaded

    def reload(self) -> Loaded:
        """The configuration, read again. Raises ConfigError; then the one that was loaded stays."""
        from captiond.config.load import load

        return load(self.config, os.environ, Path.cwd())

    @functools.cached_property
    def database_url(self) -> str:
        """Where the captions are. Raises ConfigError."""
        from captiond.config.load import database_url

        return database_url(self.loaded.settings, os.environ)

    @property
    def database_path(self) -> Path:
        """The database's file. Raises ConfigError, DatabaseError."""
        from captiond.store.engine import path_of

        return path_of(self.database_url)

    @functools.cached_property
    def resolved(self) -> Resolved:
        """Which endpoint each recipe asks on this machine. Raises ConfigError."""
        from captiond.wiring import choose

        return choose(self.loaded.settings)

    @property
    def models_dir(self) -> Path:
        """Where the local model's weights are."""
        from captiond.endpoints import weights

        return weights.directory(os.environ)

    def database(self, *, create: bool = False, migrate: bool = False) -> Database:
        """The open database. Raises DatabaseError, also when there is none and `create` is False."""
        if self._database is None:
            from captiond.store.engine import Database

            if not create and not self.exists():
                raise DatabaseError(self.missing())
            self._database = Database.open(self.database_url, migrate=migrate, create=create)
        return self._database

    def exists(self) -> bool:
        """Whether there is a database with anything in it."""
        from captiond.store.engine import is_there

        return is_there(self.database_path)

    def missing(self) -> str:
        """What is said when there is none."""
        return f"no database at {self.database_path} yet: `captiond run` or `captiond caption` makes it"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._database is not None:
            self._database.close()
