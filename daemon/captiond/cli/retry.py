"""`captiond retry`: queue failed files again."""

from __future__ import annotations

import time

import click

from captiond.cli.app import App, as_json, example
from captiond.cli.names import texts
from captiond.cli.output import note, number, safe, say, say_json

_LEFT = "they are tried again when they or captiond change; name a file to try it now"


@click.command(
    epilog=example("captiond retry --all", "captiond retry /srv/media/incoming/2026"),
)
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(readable=False))
@click.option("--all", "everything", is_flag=True, help="All that failed.")
@as_json
@click.pass_obj
def retry(app: App, paths: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Queue failed files again, with fresh attempts, before the backlog.

    A PATH is a file, or a folder with all that failed below it. Files that are gone stay as they are. Unsupported ones
    are taken up by themselves when they or captiond change; one that is named by its own PATH is tried now.

    With --json: an object with queued, the number of files.
    """
    if everything == bool(paths):
        raise click.UsageError("name files or folders, or give --all" if not paths else "give paths or --all, not both")
    queued = _requeue(app, paths) if app.exists() else 0
    if as_json:
        say_json({"queued": queued})
    else:
        say(f"{number(queued, 'file')} queued again")
    if not app.exists():
        note(app.missing())
    elif queued:
        _service_hint(app)


def _requeue(app: App, paths: tuple[str, ...]) -> int:
    from captiond import jobs
    from captiond.fetch import printable
    from captiond.paths import is_url
    from captiond.store import details
    from captiond.values import JobState, Priority

    database = app.database()
    file_ids: set[int] | None = None
    if paths:
        file_ids = set()
        with database.read() as conn:
            for path in paths:
                names = texts(path)
                found = {file_id for text in names for file_id in details.ended_under(conn, text, JobState.FAILED)}
                own = {details.find(conn, text) for text in names}
                left = {file_id for text in names for file_id in details.ended_under(conn, text, JobState.UNSUPPORTED)}
                found |= left & own
                if left - own:
                    note(f"{number(len(left - own), 'file')} below {safe(path)} unsupported, and left alone: {_LEFT}")
                elif not found:
                    note(f"nothing failed at {safe(printable(path) if is_url(path) else path)}")
                file_ids |= found
        if not file_ids:
            return 0
    with database.write() as conn:
        return jobs.requeue(conn, file_ids=file_ids, now=time.time(), priority=Priority.PERSON)


def _service_hint(app: App) -> None:
    from captiond.store.instance import InstanceLock

    if InstanceLock(app.database_path).holder() is None:
        note("no service runs: they are done when `captiond run` starts")
