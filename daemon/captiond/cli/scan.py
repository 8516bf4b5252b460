"""`captiond scan`: compare the roots with the database now."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from captiond.cli.app import App, as_json, example
from captiond.cli.output import note, number, safe, say, say_json, style
from captiond.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from captiond.config.models import Watch
    from captiond.policy.sidecars import Asked
    from captiond.store.engine import Database
    from captiond.watch.once import Scanned


@click.command(
    epilog=example("captiond scan", "captiond scan /srv/media/incoming --json"),
)
@click.argument("roots", metavar="[ROOT]...", nargs=-1, type=click.Path(readable=False))
@click.option("--dry-run", is_flag=True, help="Tell what the new files would cost; write nothing.")
@click.option("--go", is_flag=True, help="Start a first backlog that waits for your word.")
@as_json
@click.pass_obj
def scan(app: App, roots: tuple[str, ...], dry_run: bool, go: bool, as_json: bool) -> int:
    """Compare the roots, or all of them, with the database now: what is new, has changed, moved, gone or come back.

    New files are queued when they have been quiet for their root's settle time, and sidecars that a person has edited are
    taken in. The comparison is made here, also while
    the service runs, which then does the work. Ends with 1 if a root is offline.

    A root's first backlog of more calls than `confirm_above` (under [queue]) waits until --go is said, once.

    With --dry-run: how many files there are, how many calls the service would make for them by itself (for new and changed
    ones, and those in its queue), and their tokens and cost, as `captiond caption --dry-run` estimates them.

    With --json: an array of objects with root, online, reason, remedy, seen, new, changed, moved, gone, back, other,
    sidecars, queued, held, unreadable, examples, not_taken, settled, seconds. With --dry-run --json: an object with files, calls,
    copies, known, sidecars (of the known, those that a changed sidecar answers), left_out, prompt_tokens,
    completion_tokens, cost_usd, parts.
    """
    from captiond import log
    from captiond.backlog import confirm_above
    from captiond.store.instance import InstanceLock
    from captiond.watch.once import scan as scan_once

    if go and dry_run:
        raise UsageError("--go starts the work and --dry-run does none: choose one")
    settings = app.loaded.settings
    known = _known(app)
    chosen = _chosen(known, roots)
    if dry_run:
        return _dry_run(app, known, chosen, as_json=as_json)
    log.configure("warning" if settings.log.level == "info" else settings.log.level, settings.log.format)
    database = app.database(create=True)
    serviced = InstanceLock(app.database_path).holder() is not None
    found: list[Scanned] = []
    asked = _asked(app)
    if go:
        _go(database, chosen)
    for watch in chosen:
        one = scan_once(
            watch,
            db=database,
            suffix=settings.sidecar.suffix,
            roots=known,
            record=not serviced,
            confirm=confirm_above(settings, app.resolved.asked[watch.recipe]),
            asked=asked.get(watch.recipe),
        )
        found.append(one)
        if not as_json:
            _say(one)
    if as_json:
        say_json([dataclasses.asdict(one) for one in found])
    queued = sum(one.queued for one in found if not one.held)
    if queued and not serviced:
        note(f"{number(queued, 'file')} queued; no service runs: they are done when `captiond run` starts")
    if not serviced and any(one.sidecars for one in found):
        note("what was taken in is in the database; the sidecars are written anew when `captiond run` starts")
    return 0 if all(one.online for one in found) else 1


def _asked(app: App) -> dict[str, Asked]:
    """What each recipe asks, by its name, for sidecars to be judged by; empty where they are off."""
    if not app.loaded.settings.sidecar.enabled:
        return {}
    from captiond.wiring import wire

    wiring = wire(app.loaded.settings)
    try:
        return {name: route.asked for name, route in wiring.first.items()}
    finally:
        for endpoint in wiring.endpoints.values():
            endpoint.close()


def _go(database: Database, chosen: list[Watch]) -> None:
    """Let the roots' backlogs go, now and from now on."""
    from captiond import backlog
    from captiond.paths import root_text
    from captiond.store import files

    for watch in chosen:
        with database.write() as conn:
            root_id = files.upsert_root(conn, root_text(watch.path), watch.recipe)
        released = backlog.go(database, root_id)
        if released:
            note(f"{watch.path}: {number(released, 'file')} that waited for your word may go")


def _dry_run(app: App, known: dict[str, Watch], chosen: list[Watch], *, as_json: bool) -> int:
    from captiond.cli.forecast import tell_forecast
    from captiond.forecast import of_roots
    from captiond.paths import to_text
    from captiond.store import files
    from captiond.targets import targets
    from captiond.watch.health import classify

    mounts: dict[str, str | None] = {}
    if app.exists():
        with app.database().read() as conn:
            mounts = {row.path: row.mount_point for row in files.roots(conn, watched=True)}
    online = []
    for watch in chosen:
        path = os.path.abspath(watch.path)
        found = classify(path, mounts.get(to_text(path)), probe=True)
        if found.online:
            online.append(path)
        else:
            note(f"{path} is offline ({found.reason}), and not counted; {found.remedy}")
    settings = app.loaded.settings.model_copy(update={"watch": list(known.values())})
    # A root within another is counted by itself.
    found_in = (
        target
        for path in online
        for target in targets(settings, [path])
        if target.watch is not None and os.path.abspath(target.watch.path) == path
    )
    tell_forecast(app, lambda database, routes: of_roots(database, routes, found_in, settings.sidecar), as_json=as_json)
    return 1 if len(online) < len(chosen) else 0


def _known(app: App) -> dict[str, Watch]:
    """The roots by path: those of the configuration, and those that a service was given by hand."""
    from captiond.config.models import Watch
    from captiond.paths import from_text
    from captiond.store import files

    known = {os.path.abspath(watch.path): watch for watch in app.loaded.settings.watch}
    if app.exists():
        with app.database().read() as conn:
            for row in files.roots(conn, watched=True):
                path = from_text(row.path)
                if path not in known:
                    known[path] = Watch(path=Path(path), recipe=row.recipe)
    return known


def _chosen(known: dict[str, Watch], roots: tuple[str, ...]) -> list[Watch]:
    if not known:
        raise ConfigError("there is no root to compare: add a [[watch]] table, or start `captiond run DIR`")
    if not roots:
        return list(known.values())
    by_real_path = {os.path.realpath(path): watch for path, watch in known.items()}
    chosen: dict[str, Watch] = {}
    for root in roots:
        watch = known.get(os.path.abspath(root)) or by_real_path.get(os.path.realpath(root))
        if watch is None:
            raise UsageError(f"{root} is no root; there are: {', '.join(sorted(known))}")
        chosen[os.fspath(watch.path)] = watch
    return list(chosen.values())


def _say(one: Scanned) -> None:
    name = style(safe(one.root), bold=True)
    if not one.online:
        say(f"{name}  {style('offline', fg='red')}: {safe(one.reason)}; {safe(one.remedy)}")
        return
    counts = ("new", "changed", "moved", "gone", "back")
    parts = [f"{getattr(one, count):,} {count}" for count in counts]
    if one.sidecars:
        parts.append(f"{number(one.sidecars, 'sidecar')} taken in")
    if one.unreadable:
        parts.append(f"{number(one.unreadable, 'folder')} unreadable")
    say(f"{name}  {number(one.seen, 'file')} seen: {', '.join(parts)}; {one.seconds:.1f} s")
    if one.held:
        wait = f"{number(one.held, 'file')} of its first backlog wait for your word"
        note(f"{safe(one.root)}: {wait}: captiond scan --go {safe(one.root)}")
    for text in one.examples:
        note(f"can't be read: {safe(text)}")
    if one.not_taken:
        left = f"{number(one.not_taken, 'file')} under {safe(one.root)} could not be taken in"
        note(f"{left}: check the disk, and the log for gate_crashed; the service, or the next scan, tries again")
    if not one.settled:
        note(f"files under {safe(one.root)} are still changing: the service, or the next scan, takes them in")
