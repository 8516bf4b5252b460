"""`captiond check`: look at everything that can be wrong."""

from __future__ import annotations

import os
import time
from typing import Any

import click

from captiond.cli.app import App, as_json, example
from captiond.cli.output import safe, say, say_json, style

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command(
    epilog=example("captiond check", "captiond check --call"),
)
@click.option(
    "--call",
    is_flag=True,
    help="Also ask each endpoint a few small real questions: what it can do is found out and kept. It may cost something.",
)
@as_json
@click.pass_obj
def check(app: App, call: bool, as_json: bool) -> int:
    """Look at everything that can be wrong before it is, and say what to do about it.

    Looked at are the configuration, the installed unit, clock, disks, database, folders, rights, inotify's limits,
    decoders, keys and endpoints. Nothing is changed; with --call, what the endpoints can do is kept in the database for the
    service.

    Ends with 0 if all is well or only warned of, 1 if anything fails, 78 if the configuration is wrong.

    With --json: an array of objects with check, level (ok, warn, fail), message, remedy.
    """
    from captiond.checks.finding import Level, Situation
    from captiond.checks.table import findings

    situation = Situation(app.loaded, app.resolved, os.environ, call, time.time())
    told: list[dict[str, Any]] = []
    for name, finding in findings(situation):
        told.append({"check": name, "level": finding.level, "message": finding.message, "remedy": finding.remedy})
        if not as_json:
            _say(told[-1])
    if as_json:
        say_json(told)
    return 1 if any(one["level"] == Level.FAIL for one in told) else 0


def _say(one: dict[str, Any]) -> None:
    level = str(one["level"])
    say(f"{style(f'{level:<4}', fg=COLOURS[level], bold=True)}  {one['check']:<9} {safe(one['message'])}")
    if one["remedy"]:
        say(f"{'':16}remedy: {safe(one['remedy'])}")
