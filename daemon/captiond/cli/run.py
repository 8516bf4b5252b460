"""`captiond run`: the service, in the foreground."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from captiond.cli.app import App, example
from captiond.errors import ConfigError, DatabaseUnavailable, InstanceError, UsageError

if TYPE_CHECKING:
    from captiond.config.models import Settings
    from captiond.store.engine import Database
    from captiond.store.instance import InstanceLock

WAIT_SECONDS = 0.5
"""Between two tries to get the database."""
CHECK_SECONDS = 2.0
"""The start waits so long for the check of the database: 1 GB and more. The night's backup checks all of it."""
CHECK_AFTER_CRASH_SECONDS = 20.0
"""The same after a run that did not end in order; systemd waits for 90 s."""


@click.command(
    epilog=example("captiond run ~/Pictures", "captiond --config /etc/captiond/config.toml run"),
)
@click.argument("dirs", nargs=-1, metavar="[DIR]...", type=click.Path(path_type=Path))
@click.pass_obj
def run(app: App, dirs: tuple[Path, ...]) -> int:
    """Watch folders and caption what comes, until SIGTERM or Ctrl-C.

    DIRs are watched with the default recipe, beside the roots of the configuration. SIGHUP reads the configuration
    again; a broken one leaves the old one in force. What is in the queue when it ends is done at the next start.
    """
    from captiond import log
    from captiond.service import Service
    from captiond.store.instance import InstanceLock

    for given in dirs:
        if not given.is_dir():
            raise UsageError(f"{given} is no folder: make it first, or name another")
    settings = _with_dirs(app.loaded.settings, dirs)
    if not settings.watch:
        raise ConfigError("there is nothing to watch: name a folder (`captiond run DIR`), or add a [[watch]] table")
    log.configure(settings.log.level, settings.log.format)
    log.log_uncaught()
    lock = InstanceLock(app.database_path)
    _acquire(lock)
    try:
        db = _opened(app)
        service = Service(db, settings, lambda: _with_dirs(app.reload().settings, dirs))
        code, clean = service.run()
        if not clean:
            # A thread hangs in a dead file system or a decoder; its job is back in the queue, and waiting for it is vain.
            os._exit(code)
        return code
    finally:
        lock.release()


def _opened(app: App) -> Database:
    """The database; one that can't be used now, on a full disk say, is waited for: systemd gives up after a few starts."""
    from captiond import log
    from captiond.store.engine import ended_in_order

    seconds = CHECK_SECONDS if ended_in_order(app.database_path) else CHECK_AFTER_CRASH_SECONDS
    told = False
    while True:
        try:
            database = app.database(create=True, migrate=True)
            database.ensure_sound(seconds)
            return database
        except DatabaseUnavailable as error:
            if not told:
                told = True
                log.get("service").error("database_trouble", error=str(error))
            time.sleep(WAIT_SECONDS)


def _with_dirs(settings: Settings, dirs: tuple[Path, ...]) -> Settings:
    """The settings with the folders of the command line as further roots."""
    from captiond.config.models import Watch

    known = {Path(os.path.normpath(watch.path)) for watch in settings.watch}
    added = []
    for given in dirs:
        path = Path(os.path.abspath(given))
        if path not in known:
            known.add(path)
            added.append(Watch(path=path))
    return settings.model_copy(update={"watch": [*settings.watch, *added]})


def _acquire(lock: InstanceLock) -> None:
    """Hold the database; a `captiond caption` that has it is waited for, another service is an error."""
    from captiond import log

    told = False
    while True:
        try:
            lock.acquire("run")
        except InstanceError:
            holder = lock.holder()
            if holder is not None and holder.get("command") != "caption":
                raise
            if holder is not None and not told:
                told = True
                log.get("service").info("waiting_for_caption", pid=holder.get("pid"))
            time.sleep(WAIT_SECONDS)
        else:
            return
