"""`captiond config`: the settings in force."""

from __future__ import annotations

import click

from captiond.cli.app import App, as_json, example


@click.command(
    short_help="Show the settings in force, and where each came from.",
    epilog=example("captiond config", "captiond --config ./captiond.toml config --json"),
)
@as_json
@click.pass_obj
def config(app: App, as_json: bool) -> None:
    """Show every setting in force and where it came from: its default, a line of the file, or the environment.

    Secrets are shown as **********. A wrong configuration is listed with all its errors, and ends with 78.

    With --json: an array of objects with key, value, origin.
    """
    loaded = app.loaded
