"""`captiond config`: the settings in force."""

from __future__ import annotations

import click

from captiond.cli.app import App, as_json, example
from captiond.cli.output import note, safe, say, say_json, style, width_of

WIDEST = 60
"""Columns for keys and values before the origin; longer ones push it to the right."""


@click.command(
    epilog=example("captiond config", "captiond --config ./captiond.toml config --json"),
)
@as_json
@click.pass_obj
def config(app: App, as_json: bool) -> None:
    """Show every setting in force and where it came from: its default, a line of the file, or the environment.

    Secrets are shown as **********. A wrong configuration is listed with all its errors, and ends with 78.

    With --json: an array of objects with key, value, origin.
    """
    from captiond.config.describe import toml
    from captiond.config.load import effective

    settings = effective(app.loaded)
    if as_json:
        say_json([{"key": key, "value": value, "origin": origin} for key, value, origin in settings])
        return
    lines = [
        (safe(f"{key} = {'(not set)' if value is None else toml(value)}"), origin) for key, value, origin in settings
    ]
    widest = min(max(width_of(text) for text, _ in lines), WIDEST)
    for text, origin in lines:
        padding = " " * max(0, widest - width_of(text))
        say(
            text
            + padding
            + style(f"  # {safe(origin)}", dim=origin == "default", fg=None if origin == "default" else "cyan")
        )
    if app.loaded.path is None:
        note("no configuration file was found: these are the defaults and the environment")
