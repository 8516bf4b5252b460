"""What a check is given, and what it says."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from captiond.checks.trees import Tree
    from captiond.config.load import Loaded
    from captiond.config.models import Settings, Watch
    from captiond.config.resolve import Resolved
    from captiond.wiring import Wiring


ANSWER_SECONDS = 10.0
"""For a file system to say whether a folder is there."""


CLOCK_REMEDY = "set the clock: `timedatectl set-ntp true`"


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """It works, but not as well or as long as it could."""
    FAIL = "fail"
    """Something will not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `captiond check`."""

    level: Level
    message: str
    remedy: str | None = None


def ok(message: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, message)


def warn(message: str, remedy: str) -> Finding:
    """It works, but."""
    return Finding(Level.WARN, message, remedy)


def fail(message: str, remedy: str) -> Finding:
    """It will not work."""
    return Finding(Level.FAIL, message, remedy)


@dataclass(frozen=True)
class Situation:
    """What the checks look at.

    Args:
        loaded: the configuration, which is valid: a wrong one never gets here.
        resolved: which endpoint each recipe asks.
        environ: the environment.
        call: whether a real request to each endpoint is wanted.
        now: seconds since 1970.
    """

    loaded: Loaded
    resolved: Resolved
    environ: Mapping[str, str]
    call: bool
    now: float

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.loaded.settings

    @functools.cached_property
    def silent(self) -> frozenset[Path]:
        """The roots whose file system does not answer, as a dead share's: to look into one would hang for ever."""
        return frozenset(watch.path for watch in self.settings.watch if not answers(watch.path.exists))

    @functools.cached_property
    def there(self) -> list[Watch]:
        """The roots that can be looked into; the check of the folders says what is wrong with the others."""
        return [watch for watch in self.settings.watch if watch.path not in self.silent and watch.path.is_dir()]

    @functools.cached_property
    def trees(self) -> dict[Path, Tree]:
        """What lies below the roots that are there."""
        from captiond.checks import trees

        return trees.look(self.there, self.settings.sidecar.suffix)

    @functools.cached_property
    def wiring(self) -> Wiring:
        """Endpoints and routes, wired like the service does it. Raises ConfigError."""
        from captiond.wiring import wire

        return wire(self.settings, self.environ)

    @functools.cached_property
    def database(self) -> Path:
        """The database's file. Raises DatabaseError."""
        from captiond.config.load import database_url
        from captiond.store.engine import path_of

        return path_of(database_url(self.settings, self.environ))


def answers(question: Callable[[], object], seconds: float = ANSWER_SECONDS) -> bool:
    """Whether `question` returns in time. It is left behind in a thread if it does not."""
    asking = threading.Thread(target=question, daemon=True)
    asking.start()
    asking.join(seconds)
    return not asking.is_alive()


Check = Callable[[Situation], Iterator[Finding]]
