"""`captiond show`: everything known of one file."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from captiond.cli.app import App, as_json, example
from captiond.cli.explain import explained
from captiond.cli.names import texts
from captiond.cli.output import iso, note, say_json
from captiond.errors import CaptiondError
from captiond.paths import is_url

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from captiond.store.details import Details

RECENT_CALLS = 5
"""Shown without --history."""


@click.command(
    epilog=example("captiond show /srv/media/incoming/photo.jpg", "captiond show 42 --history --json"),
)
@click.argument("file", metavar="PATH|ID", type=click.Path(readable=False))
@click.option("--history", is_flag=True, help="Also earlier captions, jobs and calls.")
@as_json
@click.pass_obj
def show(app: App, file: str, history: bool, as_json: bool) -> None:
    """Show everything known of a file: its content, captions, job, calls and sidecar.

    PATH may be of a file that is gone, or a URL that was captioned; ID is the number that `show` and `status` print. A
    file that is named like a number goes before the ID.

    With --json: an object with file, content, captions (the file's own first), job, calls, sidecar; of a live photo
    also live_photo, with the paths of still and clip; with --history also jobs, and all captions and calls.
    """
    if not app.exists():
        raise CaptiondError(app.missing())
    with app.database().read() as conn:
        details = _find(conn, file, app)
    document = _document(details, history=history)
    days = app.loaded.settings.database.keep_days
    if history and days and any(row["created_at"] < str(iso(time.time() - days * 86400)) for row in details.captions):
        note(
            f"calls and jobs of more than {days} days ago are not kept (`database.keep_days`): only the sums of each day"
        )
    if as_json:
        say_json(document)
    else:
        from captiond.cli.show_text import print_details

        print_details(document)


def _find(conn: Connection, asked: str, app: App) -> Details:
    from captiond.store import details as store

    names = texts(asked)
    ids = (store.find(conn, name) for name in names)
    found = next((file_id for file_id in ids if file_id is not None), None)
    if found is None and asked.isascii() and asked.isdigit() and not os.path.lexists(asked):
        found = int(asked) if len(asked) < 19 else None
        details = store.of_file(conn, found) if found is not None else None
        if details is None:
            raise CaptiondError(
                f"no file has the ID {asked}, and there is no {names[0]}; looked in {app.database_path}"
            )
        return details
    details = store.of_file(conn, found) if found is not None else None
    if details is None:
        raise CaptiondError(f"nothing is known of {names[0]} {_why(asked)}; looked in {app.database_path}")
    return details


def _why(asked: str) -> str:
    if is_url(asked):
        return "(this URL was never captioned)"
    if not os.path.lexists(asked):
        return "(there is no such file either)"
    if os.path.isdir(asked):
        return "(it is a folder: `captiond search --under` lists what is in it)"
    return "(it is under no root, excluded, still being written, or not scanned yet: `captiond scan` looks now)"


def _document(details: Details, *, history: bool) -> dict[str, Any]:
    file = details.file
    current = next((row for row in details.captions if row["id"] == file["caption_id"]), None)
    others = [row for row in details.captions if row is not current and (history or row["superseded_by"] is None)]
    document: dict[str, Any] = {
        "file": {
            "id": file["id"],
            "path": f"{file['folder']}/{file['name']}",
            "present": bool(file["present"]),
            "media": bool(file["media"]),
            "bytes": file["size"],
            "modified_at": iso(file["mtime_ns"] / 1e9),
            "root": details.root["path"] if details.root else None,
        },
        "content": _content(details.content),
        "captions": [_caption(row, row is current) for row in ([current] if current else []) + others],
        "job": _job(details.jobs[0]) if details.jobs else None,
        "calls": [_call(row) for row in (details.calls if history else details.calls[:RECENT_CALLS])],
        "sidecar": _sidecar(details.sidecar),
    }
    if details.live_photo is not None:
        document["live_photo"] = dict(zip(("still", "clip"), details.live_photo, strict=True))
    if history:
        document["jobs"] = [_job(row) for row in details.jobs]
    return document


def _content(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        key: row[key] for key in ("sha256", "kind", "mime", "bytes", "width", "height", "duration_seconds", "facts")
    }


def _caption(row: Mapping[str, Any], current: bool) -> dict[str, Any]:
    keys = (
        "category", "tags", "fields", "language", "source", "recipe", "recipe_digest", "model", "created_at",
        "prompt_tokens", "completion_tokens", "cost_usd",
    )  # fmt: skip
    return {
        "caption": row["text"],
        **{key: row[key] for key in keys},
        "current": current,
        "superseded": row["superseded_by"] is not None,
    }


def _job(row: Mapping[str, Any]) -> dict[str, Any]:
    message, remedy = explained(row["reason"], row["detail"])
    return {
        **{key: row[key] for key in ("id", "state", "recipe", "priority", "attempts", "reason")},
        "message": message,
        "remedy": remedy,
        **{key: iso(row[key]) for key in ("created_at", "due_at", "started_at", "finished_at")},
    }


def _call(row: Mapping[str, Any]) -> dict[str, Any]:
    keys = (
        "endpoint", "model", "outcome", "http_status", "seconds", "bytes_sent", "prompt_tokens", "completion_tokens",
        "cost_usd", "finish_reason", "rejected",
    )  # fmt: skip
    return {"started_at": iso(row["started_at"]), **{key: row[key] for key in keys}}


def _sidecar(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {"path": row["path"], "state": row["state"], "reason": row["reason"], "due_at": iso(row["due_at"])}
