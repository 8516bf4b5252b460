"""`captiond status`: how the service, its queue, its roots and its endpoints are."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from captiond import days
from captiond.cli.app import App, as_json, example
from captiond.cli.explain import explained
from captiond.cli.output import iso, note, say_json
from captiond.errors import Unsupported

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from captiond.store.spending import Spent

NEWEST = 10
"""Errors and sidecars in trouble that are named."""
MINUTE = 60.0


@click.command(
    epilog=example("captiond status", "captiond status --json"),
)
@click.option(
    "--errors", metavar="N", type=click.IntRange(min=0), default=NEWEST, show_default=True, help="The most errors."
)
@as_json
@click.pass_obj
def status(app: App, errors: int, as_json: bool) -> None:
    """Show whether the service runs, the queue, each root and endpoint, what was spent, and the newest errors.

    Spent today and this month, by local time, and each endpoint's, recipe's and root's part of it.

    With --json: an object with version, database, service, queue, files, roots, endpoints, spend_today, spend_month,
    budgets, sidecars, errors, unsupported.
    """
    document = _document(app, errors)
    if not app.exists():
        note(app.missing())
    if as_json:
        say_json(document)
    else:
        from captiond.cli.status_text import print_status

        print_status(document)


def _document(app: App, errors: int) -> dict[str, Any]:
    from captiond import __version__
    from captiond.store.instance import InstanceLock

    path = app.database_path
    exists = app.exists()
    holder = InstanceLock(path).holder()
    runs = holder is not None and holder.get("command") == "run"
    document: dict[str, Any] = {
        "version": __version__,
        "database": {"path": path, "exists": exists, "bytes": path.stat().st_size if exists else 0},
        "service": {
            "running": runs,
            "pid": holder.get("pid") if holder else None,
            "command": holder.get("command") if holder else None,
            "since": holder.get("since") if holder else None,
        },
    }
    if not exists:
        return document | _nothing(app)
    with app.database().read() as conn:
        return document | _of_database(app, conn, errors, works=holder is not None)


def _nothing(app: App) -> dict[str, Any]:
    """The same keys as with a database, all zero."""
    from captiond.store.totals import FileTotals
    from captiond.values import JobState

    return {
        "queue": {state.value: 0 for state in JobState},
        "files": dataclasses.asdict(FileTotals()),
        "roots": [],
        "endpoints": [_endpoint(name, None, 0, works=False) for name in _asked(app)],
        "spend_today": _spend([]),
        "spend_month": _spend([]),
        "budgets": _budgets(app, [], days.day_of(time.time())),
        "sidecars": {"written": 0, "pending": 0, "refused": 0, "troubles": []},
        "errors": [],
        "unsupported": [],
    }


def _of_database(app: App, conn: Connection, errors: int, *, works: bool) -> dict[str, Any]:
    from captiond import jobs
    from captiond.store import calls, spending, totals

    now = time.time()
    today = days.day_of(now)
    spent = spending.since(conn, days.month_of(today))
    rates = calls.counts_since(conn, now - MINUTE)
    known = {row.name: row for row in calls.endpoints(conn)}
    return {
        "queue": jobs.counts(conn),
        "files": dataclasses.asdict(totals.files(conn)),
        "roots": _roots(app, conn, spent),
        "endpoints": [_endpoint(name, known.get(name), rates.get(name, 0), works=works) for name in _asked(app)],
        "spend_today": _spend([row for row in spent if row.day == today]),
        "spend_month": _spend(spent),
        "budgets": _budgets(app, spent, today),
        "sidecars": _sidecars(conn),
        "errors": [_error(row) for row in jobs.failures(conn, errors)],
        "unsupported": [_unsupported(row) for row in jobs.unsupported_kinds(conn, NEWEST)],
    }


def _asked(app: App) -> list[str]:
    """The endpoints of the configuration in force; others that the database remembers are history."""
    return sorted({*app.loaded.settings.endpoints, *app.resolved.in_use})


def _roots(app: App, conn: Connection, spent: Sequence[Spent]) -> list[dict[str, Any]]:
    from captiond import backlog, budget, jobs
    from captiond.store import files, totals

    present = totals.files_by_root(conn)
    means = budget.means(spent)
    found = []
    for row in files.roots(conn, watched=True):
        counts, endpoints = jobs.counts(conn, row.id), app.resolved.asked.get(row.recipe, ())
        held = backlog.waiting(conn, row.id, backlog.confirm_above(app.loaded.settings, endpoints))
        each = means.get((endpoints[0], row.recipe)) if endpoints else None
        found.append(
            {
                "path": row.path,
                "recipe": row.recipe,
                "mode": row.mode,
                "health": row.state,
                "reason": row.reason,
                "files": present.get(row.id, 0),
                "queued": counts["queued"] + counts["running"],
                "held": held,
                "held_usd": None if each is None or not held else round(each * held, 4),
                "failed": counts["failed"],
                "unsupported": counts["unsupported"],
                "last_scan": iso(row.scanned_at),
                "scan_seconds": row.scan_seconds,
            }
        )
    return found


def _endpoint(name: str, row: Any, calls_last_minute: int, *, works: bool) -> dict[str, Any]:
    """`works`: somebody works on the database; else nothing can be in flight, whatever the row says."""
    return {
        "name": name,
        "health": row.state if row else "unknown",
        "reason": row.reason if row else None,
        "paused_until": iso(row.paused_until) if row else None,
        "calls_last_minute": calls_last_minute,
        "in_flight": row.in_flight if row and works else 0,
        "concurrency": row.concurrency if row else None,
    }


def _spend(rows: Sequence[Spent]) -> dict[str, Any]:
    """The sum, and each endpoint's, recipe's and root's part, the dearest first."""
    from captiond.store import spending

    def parts(name: str, key: Callable[[Spent], str | None]) -> list[dict[str, Any]]:
        return [{name: part, **_amounts(spent)} for part, spent in spending.grouped(rows, key).items()]

    return {
        **_amounts(spending.total(rows)),
        "endpoints": parts("name", lambda row: row.endpoint),
        "recipes": parts("name", lambda row: row.recipe),
        "roots": parts("path", lambda row: row.root),
    }


def _budgets(app: App, spent: Sequence[Spent], today: str) -> list[dict[str, Any]]:
    """Every budget with a limit; `until` is the day on which one that is spent goes on."""
    from captiond import budget

    settings = app.loaded.settings
    found = []
    for account in budget.accounts(budget.scopes(settings), spent, today):
        scope, hold = account.scope, account.hold
        found.append(
            {
                "endpoint": scope.endpoint,
                "root": scope.root,
                **scope.budget.model_dump(),
                "usd_today": round(account.usd_today, 10),
                "usd_month": round(account.usd_month, 10),
                "calls_today": account.calls_today,
                "spent": None if hold is None else hold.limit,
                "until": None if hold is None else hold.until,
            }
        )
    return found


def _amounts(spent: Spent) -> dict[str, Any]:
    """The cost is None where none is known: unknown is not free."""
    return {
        "calls": spent.calls,
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        "cost_usd": None if spent.cost_usd is None else round(spent.cost_usd, 10),
        "calls_of_unknown_cost": spent.unpriced,
    }


def _sidecars(conn: Connection) -> dict[str, Any]:
    from captiond.store import totals

    troubles = [
        {"path": f"{folder}/{name}", "state": state, "reason": reason}
        for folder, name, state, reason in totals.sidecar_troubles(conn, NEWEST)
    ]
    return {"written": 0, "pending": 0, "refused": 0, **totals.sidecars(conn), "troubles": troubles}


def _error(row: Any) -> dict[str, Any]:
    message, remedy = explained(row.reason, row.detail)
    return {
        "path": row.path,
        "id": row.file_id,
        "reason": row.reason,
        "message": message,
        "remedy": remedy,
        "at": iso(row.finished_at),
    }


def _unsupported(row: Any) -> dict[str, Any]:
    message, remedy = explained(Unsupported.code, row.detail)
    return {"reason": Unsupported.code, "message": message, "remedy": remedy, "files": row.files, "path": row.path}
