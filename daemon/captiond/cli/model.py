"""`captiond model`: the local model's weights."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from captiond.cli.app import App, as_json, example
from captiond.cli.lazy import Lazy, LazyGroup
from captiond.cli.output import interactive, note, safe, say, say_json, size

if TYPE_CHECKING:
    from captiond.endpoints.weights import Progress

COMMANDS = {"pull": Lazy("captiond.cli.model:pull", "Fetch the local model's weights, once.")}

STEP = 10
"""Percent between two lines of progress where there is no terminal."""


@click.group(cls=LazyGroup, lazy=COMMANDS, epilog=example("captiond model pull"))
def model() -> None:
    """Fetch the local model's weights."""


@click.command(epilog=example("captiond model pull"))
@as_json
@click.pass_obj
def pull(app: App, as_json: bool) -> None:
    """Fetch the weights of SmolVLM-500M-Instruct (GGUF, about 0.5 GB), once, and check them.

    What is there already is not fetched again; an interrupted download goes on where it ended. With no endpoint
    configured and no key, the next `captiond run` uses them. It needs the extra "local".

    With --json: an object with files, an array of path and bytes.
    """
    from captiond.endpoints import weights

    with _progress() as progress:
        paths = weights.pull(app.models_dir, progress)
    files = [{"path": path, "bytes": path.stat().st_size} for path in paths]
    if as_json:
        say_json({"files": files})
        return
    for path in paths:
        say(f"{safe(path)}  {size(path.stat().st_size)}")


@contextlib.contextmanager
def _progress() -> Iterator[Progress]:
    """Bars on a terminal; else a line every few percent, so that a log is told and not filled."""
    if interactive(sys.stderr):
        with _bars() as progress:
            yield progress
        return
    told: dict[str, int] = {}

    def line(name: str, done: int, total: int) -> None:
        percent = 100 * done // total if total else 0
        if percent - told.get(name, -STEP) >= STEP:
            told[name] = percent - percent % STEP
            note(f"{name}: {size(done)} of {size(total) if total else 'unknown size'}")

    yield line


@contextlib.contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, int] = {}

        def update(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=None)
            bars.update(bars.tasks[tasks[name]].id, completed=done, total=total or None)

        yield update
