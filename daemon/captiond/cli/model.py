"""`captiond model`: the local model's weights."""

from __future__ import annotations

import click

from captiond.cli.app import App, as_json, example
from captiond.cli.lazy import Lazy, LazyGroup

COMMANDS = {"pull": Lazy("captiond.cli.model:pull", "Fetch the local model's weights, once.")}


@click.group(
    cls=LazyGroup, lazy=COMMANDS, short_help="Fetch the local model's weights.", epilog=example("captiond model pull")
)
def model() -> None:
    """Fetch the local model's weights."""


@click.command(short_help=COMMANDS["pull"].short_help, epilog=example("captiond model pull"))
@as_json
@click.pass_obj
def pull(app: App, as_json: bool) -> None:
    """Fetch the weights of SmolVLM-500M-Instruct (GGUF), once, about 0.5 GB; resumable and checked.

    With --json: an object with the path and bytes of each file.
    """
