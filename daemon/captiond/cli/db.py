"""`captiond db`: the database as a whole."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import click

from captiond.cli.app import App, as_json, example
from captiond.cli.lazy import Lazy, LazyGroup
from captiond.cli.output import note, number, safe, say, say_json, size
from captiond.errors import CaptiondError

COMMANDS = {
    "upgrade": Lazy("captiond.cli.db:upgrade", "Bring the database to the schema of this version."),
    "backup": Lazy("captiond.cli.db:backup", "Copy the database, also while the service runs."),
    "rebuild": Lazy("captiond.cli.db:rebuild", "Make the database anew from the sidecars, without a call."),
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    epilog=example("captiond db backup /backup/captions.db"),
)
def db() -> None:
    """Upgrade, back up or rebuild the database."""


@click.command(epilog=example("captiond db upgrade"))
@as_json
@click.pass_obj
def upgrade(app: App, as_json: bool) -> None:
    """Bring the database to the schema of this version.

    A backup is made first, beside it. `captiond run` does the same when it starts. The service must not run meanwhile.

    With --json: an object with database, before, after (schema revisions), backup (a path or null).
    """
    from captiond.store.instance import InstanceLock
    from captiond.store.migrate import HEAD
    from captiond.store.schema import revision_of

    path = app.database_path
    before = revision_of(path) if app.exists() else None
    backup: Path | None = None
    if before is None:
        note(app.missing())
    elif before != HEAD:
        lock = InstanceLock(path)
        lock.acquire("db upgrade")
        try:
            app.database(migrate=True)
        finally:
            lock.release()
        backup = path.with_name(f"{path.name}.before-{HEAD}")
    else:
        app.database()
    after = HEAD if before else None
    if as_json:
        say_json({"database": path, "before": before, "after": after, "backup": backup})
    elif before == HEAD:
        say(f"{safe(path)} is at the present schema ({HEAD}): nothing to do")
    elif before:
        say(f"{safe(path)} upgraded from schema {before} to {HEAD}; as it was: {safe(backup)}")


@click.command(
    epilog=example("captiond db backup /backup/captions-$(date +%F).db"),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite an older backup of that name.")
@as_json
@click.pass_obj
def backup(app: App, file: Path, force: bool, as_json: bool) -> None:
    """Copy the database to FILE, whole and consistent, also while the service writes to it.

    A plain copy of the file would miss what still stands in its -wal file. FILE must not exist; with --force an older
    backup is replaced, and no other kind of file ever.

    With --json: an object with database, backup, bytes.
    """
    target = Path(os.path.abspath(file))
    if target.is_dir():
        raise CaptiondError(f"{target} is a folder: name a file in it")
    if os.path.lexists(target) and not force:
        raise CaptiondError(f"{target} exists: name another file, or give --force to replace an older backup")
    app.database().backup(target)
    written = target.stat().st_size
    if as_json:
        say_json({"database": app.database_path, "backup": target, "bytes": written})
    else:
        say(f"{safe(target)}: {size(written)}")


@click.command(epilog=example("captiond db rebuild"))
@click.option("--skip-missing", is_flag=True, help="Go on without roots that are not there.")
@as_json
@click.pass_obj
def rebuild(app: App, skip_missing: bool, as_json: bool) -> None:
    """Make the database anew from the sidecars of all roots. No call is made.

    For a database that is corrupt or lost. The captions that are shown come back, also a person's, and the sums of what was
    spent, if the old one still tells them; history and calls do not. The old database stays beside the new one under
    another name. The service must not run meanwhile. Files without a sidecar are queued by its next comparison.

    With --json: an object with database, kept (where the old one is now, or null), roots (path, files, captions,
    not_believed).
    """
    from captiond import rebuild as rebuilding
    from captiond.store.instance import InstanceLock

    path = app.database_path
    lock = InstanceLock(path)
    lock.acquire("db rebuild")
    try:
        found, kept = rebuilding.rebuild(path, app.loaded.settings, lambda _: None, skip_missing=skip_missing)
    finally:
        lock.release()
    if as_json:
        say_json({"database": path, "kept": kept, "roots": [dataclasses.asdict(one) for one in found]})
        return
    for one in found:
        ignored = f"; {number(one.not_believed, 'sidecar')} not believed" if one.not_believed else ""
        say(f"{safe(one.root)}: {number(one.captions, 'caption')} of {number(one.files, 'file')}{ignored}")
    say(f"{safe(path)} is new" + (f"; the old one: {safe(kept)}" if kept else ""))
