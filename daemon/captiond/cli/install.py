"""`captiond install` and `captiond uninstall`: the systemd service of this machine, or of a person."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from captiond.cli.app import App, as_json, example
from captiond.cli.output import note, safe, say, say_json
from captiond.errors import ConfigError, InstallError, UsageError

if TYPE_CHECKING:
    from captiond.installation.layout import Layout
    from captiond.installation.plan import Known
    from captiond.installation.steps import Step

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _whose(command: _Command) -> _Command:
    """The options that say which service is meant."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Print what would be done; do nothing."),
        click.option(
            "--root",
            type=click.Path(path_type=Path, file_okay=False, exists=True, resolve_path=True),
            default="/",
            metavar="DIR",
            help="Another system's root folder, as in DESTDIR: nothing of it is running.",
        ),
        click.option("--instance", metavar="NAME", help="One of several services, captiond@NAME."),
        click.option(
            "--user", "personal", is_flag=True, help="Your own service, under your own systemd; without root."
        ),
    ):
        command = option(command)
    return command


@click.command(
    epilog=example(
        "sudo /opt/captiond/bin/captiond install", "captiond install --user --now", "captiond install --dry-run"
    ),
)
@_whose
@click.option("--now", is_flag=True, help="Start the service, too; or restart it.")
@click.option(
    "--program",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The captiond that the service runs, if it is not this one.",
)
@as_json
@click.pass_obj
def install(
    app: App,
    *,
    personal: bool,
    instance: str | None,
    root: Path,
    dry_run: bool,
    now: bool,
    program: Path | None,
    as_json: bool,
) -> None:
    """Install captiond as a systemd service: user, folders, unit and a first configuration.

    A configuration that is there is left as it is. The watched folders that it names are opened in the service's sandbox:
    after a change to them, call this again. What it does is the same the second time; nothing but its own files is
    written over.

    With --json: an object with dry_run, steps (objects with step, what), config, unit.
    """
    from captiond.installation import plan, units
    from captiond.installation.program import reachable, running

    layout = _layout(app, personal, instance, root, dry_run)
    if program is None:
        program = running()
        if not personal:
            reachable(program)
    elif not program.is_absolute():
        raise UsageError(f"--program {program}: name it with its whole path")
    elif not personal and units.hidden(program):
        raise InstallError(
            f"{program} is hidden from the service by its sandbox: put it elsewhere, as in /opt/captiond"
        )
    known = _known(layout)
    if now and not known.roots:
        raise ConfigError(f"there is nothing to watch yet: add a [[watch]] table to {layout.config}, then --now")
    _do(plan.install(layout, program, known, now=now), layout, dry_run=dry_run, as_json=as_json)
    if not dry_run:
        _what_next(layout, known, now=now)


@click.command(
    epilog=example("sudo /opt/captiond/bin/captiond uninstall", "captiond uninstall --user"),
)
@_whose
@click.option("--purge-state", is_flag=True, help="Remove the database, the configuration and the key as well.")
@click.option("--purge-user", is_flag=True, help="Remove the system user as well.")
@as_json
@click.pass_obj
def uninstall(
    app: App,
    *,
    personal: bool,
    instance: str | None,
    root: Path,
    dry_run: bool,
    purge_state: bool,
    purge_user: bool,
    as_json: bool,
) -> None:
    """Stop the service and take its unit away.

    The watched folders and their sidecars are never touched. Database, configuration, key and the system user stay,
    unless you say otherwise; so do drop-ins of your own.

    With --json: an object with dry_run, steps (objects with step, what), config, unit.
    """
    from captiond.installation import plan

    layout = _layout(app, personal, instance, root, dry_run)
    known = _known(layout) if purge_state else plan.Known()
    steps = plan.uninstall(layout, known, state=purge_state, user=purge_user)
    _do(steps, layout, dry_run=dry_run, as_json=as_json)
    if purge_state and known.database is not None and not known.database.is_relative_to(layout.state):
        note(f"the database {known.database} is not in {layout.state} and stays")


def _layout(app: App, personal: bool, instance: str | None, root: Path, dry_run: bool) -> Layout:
    """Where everything goes. Raises UsageError and InstallError for what can't be done as this user, or here."""
    from captiond.installation.layout import of_person, of_system

    if app.config is not None:
        raise UsageError("an installed service has its configuration where systemd's unit names it: leave --config out")
    if personal:
        if instance is not None or root != Path("/"):
            raise UsageError("--user is for one service of your own: it goes without --instance and --root")
        if os.environ.get("SUDO_USER"):
            raise UsageError("--user installs the service of the one who calls it: call it without sudo")
        return of_person(os.environ)
    layout = of_system(instance, root)
    if not dry_run and root == Path("/"):
        if os.geteuid() != 0:
            raise InstallError("a service of the machine is installed by root: call it with sudo, or take --user")
        if not Path("/run/systemd/system").is_dir():
            raise InstallError("systemd does not run this machine: for another system's folder there is --root DIR")
    return layout


def _known(layout: Layout) -> Known:
    """What the configuration that is there says. Raises ConfigError."""
    from captiond.config.load import load
    from captiond.installation.plan import Known

    path = layout.at(layout.config)
    if not path.exists():
        return Known()
    # Without this shell's variables: the service does not see them.
    return Known.of(load(path, {}, Path("/")).settings)


def _do(steps: Iterator[Step], layout: Layout, *, dry_run: bool, as_json: bool) -> None:
    """Do each step and say so; or only say so."""
    told = []
    # The whole plan is made first: what stands in its way is found before anything is done.
    plan = list(steps)
    if not plan:
        note(f"{layout.unit} is not installed: nothing to do")
    for step in plan:
        verb, what = step.told()
        if not dry_run:
            step.do()
        told.append({"step": verb, "what": what})
        if not as_json:
            say(f"{verb:<6}  {safe(what)}")
    if as_json:
        say_json({"dry_run": dry_run, "steps": told, "config": layout.config, "unit": layout.unit})
    elif dry_run:
        note("this was a dry run: nothing was done")


def _what_next(layout: Layout, known: Known, *, now: bool) -> None:
    """What is left for the person to do."""
    systemctl = "systemctl --user" if layout.personal else "systemctl"
    if not known.roots:
        again = "" if layout.drop_in is None else "; then call this again, for it opens them to the service"
        note(f"next: name the folders to watch in {layout.config}, under [[watch]]{again}")
    if not layout.at(layout.key).exists():
        line = ", as OXEN_API_KEY=..." if layout.personal else ""
        note(f"an endpoint's key goes into {layout.key}{line}, readable by its owner alone")
    if not now:
        note(f"to start: {systemctl} start {layout.unit.removesuffix('.service')}")
    if layout.personal:
        note("to have it run while you are not logged in: loginctl enable-linger")
