"""The table of checks, in the order in which they are printed."""

from __future__ import annotations

from collections.abc import Iterator

from captiond.checks import budgets, database, decoders, endpoints, folders, machine, unit
from captiond.checks.finding import Check, Finding, Situation, fail, ok
from captiond.errors import CaptiondError


def configuration(situation: Situation) -> Iterator[Finding]:
    """The configuration was read without an error; where from."""
    path = situation.loaded.path
    yield ok(f"{path} is valid" if path else "no configuration file: the defaults are in force")


CHECKS: dict[str, Check] = {
    "config": configuration,
    "unit": unit.unit,
    "clock": machine.clock,
    "disk": machine.disk,
    "database": database.database,
    "instance": machine.instance,
    "user": unit.as_root,
    "folders": folders.folders,
    "sidecars": folders.sidecars,
    "watching": folders.watching,
    "inotify": folders.inotify,
    "decoders": decoders.decoders,
    "key": endpoints.key,
    "budget": budgets.budgets,
    "endpoint": endpoints.endpoint,
}
"""Every check by its name in the output."""


def findings(situation: Situation) -> Iterator[tuple[str, Finding]]:
    """Run every check, one after the other; one that can't be made is a failed one."""
    for name, check in CHECKS.items():
        try:
            for finding in check(situation):
                yield name, finding
        except (CaptiondError, OSError) as error:
            yield name, fail(str(error), "the message says what is wrong")
        except Exception as error:  # noqa: BLE001 - a bug in one check must not hide what the others find
            yield name, fail(f"the check itself failed: {type(error).__name__}: {error}", "report it")
