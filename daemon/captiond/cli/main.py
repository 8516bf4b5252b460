"""`captiond`: the table of commands, the options before them, and how the program ends.

This module and the commands' own import nothing heavy at their top: `captiond --help` costs what click costs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from captiond import __version__
from captiond.cli.app import App
from captiond.cli.lazy import Lazy, LazyGroup
from captiond.cli.output import complain
from captiond.errors import CaptiondError, Failure

INTERRUPTED = 130
PIPE_CLOSED = 141
"""What a shell reports of a program whose reader went away."""

COMMANDS = {
    "run": Lazy("captiond.cli.run:run", "Watch folders and caption what comes: the service, in the foreground."),
    "caption": Lazy("captiond.cli.caption:caption", "Caption files, folders or URLs now, and wait."),
    "try": Lazy("captiond.cli.playground:try_", "Try prompts and models on some files, side by side."),
    "search": Lazy("captiond.cli.search:search", "Find files by what their captions say."),
    "show": Lazy("captiond.cli.show:show", "Show everything known of a file."),
    "status": Lazy("captiond.cli.status:status", "Show the queue, the roots, the endpoints and the newest errors."),
    "retry": Lazy("captiond.cli.retry:retry", "Queue failed files again."),
    "scan": Lazy("captiond.cli.scan:scan", "Compare the roots with the database now."),
    "models": Lazy("captiond.cli.models:models", "List the models that the endpoints offer, with their prices."),
    "check": Lazy("captiond.cli.check:check", "Look at everything that can be wrong, each with its remedy."),
    "config": Lazy("captiond.cli.config:config", "Show the settings in force, and where each came from."),
    "db": Lazy("captiond.cli.db:db", "Upgrade, back up or rebuild the database."),
    "install": Lazy("captiond.cli.install:install", "Install the systemd service: user, folders, unit, configuration."),
    "uninstall": Lazy("captiond.cli.install:uninstall", "Take the service away; captions and files stay."),
    "model": Lazy("captiond.cli.model:model", "Fetch the local model's weights."),
}
"""Every command: name, where it is, its line in --help. The order is that of the list."""


class _Ended(Exception):
    """The command was ended from outside."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _Program(LazyGroup):
    def invoke(self, ctx: click.Context) -> Any:
        # Caught here: click's own handling prints "Aborted!" and ends with 1.
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            raise _Ended(INTERRUPTED) from None
        except BrokenPipeError:
            # The interpreter flushes stdout once more at its end; let that go nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            raise _Ended(PIPE_CLOSED) from None
        return result


@click.group(
    cls=_Program,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Each command says more, with an example: captiond COMMAND --help",
)
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path, readable=False),
    help="The configuration file. Else $CAPTIOND_CONFIG, ./captiond.toml, ~/.config/captiond/config.toml, "
    "/etc/captiond/config.toml.",
)
@click.version_option(__version__, "--version", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, config: Path | None) -> None:
    """Captions every new image and video in your folders, into SQLite and JSON sidecars."""
    ctx.obj = ctx.with_resource(App(config))


def program(args: Sequence[str]) -> int:
    """Run one command; returns the exit code. Every failure that can be foreseen is one message on stderr."""
    _open_missing_streams()
    # A terminal or pipe that is not UTF-8 must not turn a name into a traceback.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # the streams of a program are TextIOWrapper
    try:
        result = cli.main(list(args), prog_name="captiond", standalone_mode=False)
    except _Ended as end:
        return end.code
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CaptiondError as error:
        complain(str(error))
        return error.exit_code
    except Failure as failure:
        complain(f"{failure.message}\n{failure.remedy}" if failure.remedy else failure.message)
        return 1
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error))
        return 1
    except Exception as error:
        if not _is_of_sqlite(error):
            from captiond import log

            log.log_uncaught()  # its message may hold a secret
            raise
        complain(f"the database can't be used: {getattr(error, 'orig', None) or error}\ncaptiond check tells more")
        return 1
    return result if isinstance(result, int) else 0


def _open_missing_streams() -> None:
    """Started without one of the three, as by `2>&-`: the next file that is opened, a database say, would take its place."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # for as long as it runs


def _is_of_sqlite(error: Exception) -> bool:
    import sqlite3

    return isinstance(error, sqlite3.Error) or isinstance(getattr(error, "orig", None), sqlite3.Error)
