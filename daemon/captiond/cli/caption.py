"""`captiond caption`: caption these now, and wait."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Self

import click

from captiond.cli.app import App, as_json, example
from captiond.cli.explain import explained
from captiond.cli.output import flat, interactive, note, number, safe, say, say_json, style, usd

if TYPE_CHECKING:
    from captiond.request import Ended, Progress


@click.command(
    epilog=example("captiond caption photo.jpg holiday/", "captiond caption --json https://example.org/cat.jpg"),
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH|URL...")
@click.option("--inline", is_flag=True, help="Fetch URLs here and send their bytes.")
@click.option("--again", is_flag=True, help="Ask for a new answer, whatever there is; each costs a call.")
@click.option("--dry-run", is_flag=True, help="Tell what it would cost; ask and write nothing.")
@as_json
@click.pass_obj
def caption(app: App, paths: tuple[str, ...], *, inline: bool, again: bool, dry_run: bool, as_json: bool) -> int:
    """Caption files, folders (with all in them) and http(s) URLs now, and wait for it.

    They are stored like the service does it, also where they are under no root, and what has an answer already costs
    nothing. While the service runs it does the work, and these come first. Ends with 1 if any failed.

    With --again a model is asked anew for files that have an answer, also where a person has written the caption, and that is
    paid for. The new answer is the caption from then on, of all files with these bytes; what was there stays as history
    (captiond show --history).

    Of a URL the endpoint gets the URL itself, and the bytes if it can't fetch it. What it is not to know (an address of
    this network, a user name and password) or can't decode is fetched here at once.

    With --dry-run: how many files and calls it would be, after copies and what has an answer, and their tokens and cost:
    estimated by what past answers took, else by encoding some of the files. The prices are asked for, nothing else.

    With --json: an array with an object a file: path, state, and either the sidecar's keys or reason, message, remedy.
    With --dry-run --json: an object with files, calls, copies, known, sidecars (of the known, those that a changed sidecar
    answers), left_out, prompt_tokens, completion_tokens, cost_usd, parts.
    """
    if dry_run:
        return _dry_run(app, paths, again=again, as_json=as_json)
    from captiond import log
    from captiond.paths import is_url
    from captiond.request import Request
    from captiond.targets import targets

    settings = app.loaded.settings
    # What fails is told below, once.
    log.configure("debug" if settings.log.level == "debug" else "error", settings.log.format)
    request = Request(app.database(create=True, migrate=True), settings, note, inline, again)
    there = [path for path in paths if is_url(path) or os.path.lexists(path)]
    told = [_missing(path) for path in paths if path not in there]
    asked = list(targets(settings, there))
    request.tell_not_sent(asked)
    ids = request.enqueue(asked)
    if there and not ids:
        note("there is no image or video in it")
    elif again:
        note(f"{number(len(ids), 'file is', 'files are')} asked for again: a call for each that differs")
    try:
        with _Bar(len(ids)) as bar:

            def tell(progress: Progress) -> None:
                told.extend(_told(app, job, quiet=as_json) for job in progress.finished)
                bar.show(progress)

            last = request.follow(ids, tell)
    except KeyboardInterrupt:
        request.abandon()
        raise
    if last.blocked:
        left = last.total - last.done - last.failed
        note(f"{last.blocked}\n{number(left, 'file')} not captioned: still in the queue, for `captiond run`")
    if as_json:
        say_json(told)
    spend = f", {usd(last.usd)}" if last.usd else ""
    failed = last.failed + len(paths) - len(there)
    unsupported = f", {last.unsupported:,} unsupported" if last.unsupported else ""
    note(f"{last.done:,} captioned, {failed - last.unsupported:,} failed{unsupported}{spend}")
    return 1 if failed or last.blocked else 0


def _dry_run(app: App, paths: tuple[str, ...], *, again: bool, as_json: bool) -> int:
    from captiond.cli.forecast import tell_forecast
    from captiond.forecast import of_request
    from captiond.paths import is_url
    from captiond.targets import targets

    settings = app.loaded.settings
    there = [path for path in paths if is_url(path) or os.path.lexists(path)]
    for path in paths:
        if path not in there:
            _missing(path)
    tell_forecast(
        app,
        lambda database, routes: of_request(database, routes, targets(settings, there), settings.sidecar, again=again),
        as_json=as_json,
    )
    return 1 if len(there) < len(paths) else 0


def _missing(path: str) -> dict[str, Any]:
    note(f"{path}: no such file or folder")
    return {"path": path, "state": "failed", "reason": "missing", "message": "no such file or folder", "remedy": ""}


def _told(app: App, job: Ended, *, quiet: bool) -> dict[str, Any]:
    """Say what became of one file; returns the same for --json."""
    from captiond import captions

    if job.done:
        with app.database().read() as conn:
            document = captions.document(conn, job.file_id) or {}
        if not quiet:
            say(f"{style(safe(job.path), bold=True)}: {flat(document.get('caption', ''))}")
        return {"path": job.path, "state": "done"} | document
    message, remedy = explained(job.reason, job.detail)
    if not quiet:
        note(f"{job.path}: {message}" + (f" ({remedy})" if remedy else ""))
    return {"path": job.path, "state": job.state.value, "reason": job.reason, "message": message, "remedy": remedy}


class _Bar:
    """Progress, rate, time left and spend on a terminal; nothing elsewhere."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if interactive(sys.stderr):
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[spend]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._progress.add_task("captioning", total=self._total, rate="", spend="")
            self._progress.start()
        return self

    def show(self, progress: Progress) -> None:
        """Draw it anew."""
        if self._progress is None:
            return
        task = self._progress.tasks[0]
        done = progress.done + progress.failed
        rate = f"{done / task.elapsed:.1f}/s" if done and task.elapsed else ""
        spend = usd(progress.usd) if progress.usd else f"{progress.tokens:,} tokens"
        self._progress.update(self._task, completed=done, rate=rate, spend=spend)

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
