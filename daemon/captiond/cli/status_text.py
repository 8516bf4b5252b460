"""What `captiond status` prints for people: the same document as its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from captiond.cli.output import local_time, number, safe, say, size, style, table, usd


def print_status(document: Mapping[str, Any]) -> None:
    """Print the document of `status`."""
    _head(document)
    _queue(document)
    _roots(document["roots"])
    _endpoints(document["endpoints"])
    _spend(document["spend_today"], document["spend_month"])
    _budgets(document["budgets"])
    _sidecars(document["sidecars"])
    _errors(document["errors"], document["queue"]["failed"])
    _unsupported(document["unsupported"], document["queue"]["unsupported"])


def _head(document: Mapping[str, Any]) -> None:
    service, database = document["service"], document["database"]
    if service["running"]:
        state = style("is running", fg="green") + f", process {service['pid']}, since {local_time(service['since'])}"
    elif service["command"]:
        state = f"is not running; `captiond {safe(service['command'])}` is at work, process {service['pid']}"
    else:
        state = style("is not running", fg="yellow") + " (what is below is as it was left)" * database["exists"]
    say(f"captiond {document['version']} {state}")
    say(f"database  {safe(database['path'])}, {size(database['bytes']) if database['exists'] else 'not there yet'}")


def _queue(document: Mapping[str, Any]) -> None:
    queue, files = document["queue"], document["files"]
    failed = f"{queue['failed']:,} failed"
    say(
        f"queue     {queue['queued']:,} queued, {queue['running']:,} running, {queue['done']:,} done, "
        + (style(failed, fg="red") if queue["failed"] else failed)
        + f", {queue['unsupported']:,} unsupported"
    )
    parts = [
        f"{number(files['captioned'], 'caption')} for {number(files['media'], 'image and video', 'images and videos')}"
    ]
    if files["absent"]:
        parts.append(f"{files['absent']:,} of them gone")
    if files["not_media"]:
        parts.append(f"{number(files['not_media'], 'other file')} left alone")
    say("files     " + ", ".join(parts))
    if files["builtin_only"]:
        say(f"          {number(files['builtin_only'], 'file')} with only the built-in describer's caption")


def _health(cell: str) -> Mapping[str, Any]:
    return {
        "fg": {"online": "green", "healthy": "green", "offline": "red", "paused": "red"}.get(cell.strip(), "yellow")
    }


def _roots(roots: list[Mapping[str, Any]]) -> None:
    say()
    say(style("roots", bold=True) if roots else "no roots are watched yet")
    rows = [
        [
            safe(root["path"]),
            root["mode"],
            root["health"],
            number(root["files"], "file"),
            f"{root['queued']:,} waiting" if root["queued"] else "",
            f"{root['failed']:,} failed" if root["failed"] else "",
            f"{root['unsupported']:,} unsupported" if root["unsupported"] else "",
            f"scanned {local_time(root['last_scan'])}"
            + (f" in {root['scan_seconds']:.1f} s" if root["scan_seconds"] else ""),
        ]
        for root in roots
    ]
    table(rows, styles={2: _health})
    for root in roots:
        if root["reason"]:
            say(f"  {safe(root['path'])}: {safe(root['reason'])}")
        if root["held"]:
            cost = "" if root["held_usd"] is None else f", about {usd(root['held_usd'])}"
            held = style(f"{number(root['held'], 'file')} of its first backlog{cost}", fg="yellow")
            say(f"  {safe(root['path'])}: {held} wait for your word: captiond scan --go {safe(root['path'])}")


def _endpoints(endpoints: list[Mapping[str, Any]]) -> None:
    say()
    say(style("endpoints", bold=True))
    rows = [
        [
            safe(endpoint["name"]),
            endpoint["health"],
            f"{number(endpoint['calls_last_minute'], 'call')} in the last minute",
            f"{endpoint['in_flight']:,} in flight" + (f" of {most:,}" if (most := endpoint["concurrency"]) else ""),
            f"until {local_time(endpoint['paused_until'])}" if endpoint["paused_until"] else "",
        ]
        for endpoint in endpoints
    ]
    table(rows, styles={1: _health})
    for endpoint in endpoints:
        if endpoint["reason"]:
            say(f"  {safe(endpoint['name'])}: {safe(endpoint['reason'])}")


def _spend(today: Mapping[str, Any], month: Mapping[str, Any]) -> None:
    say()
    say(f"today     {_amounts(today)}")
    say(f"month     {_amounts(month)}")
    rows = []
    for group, kind, name in (
        ("endpoints", "endpoint", "name"),
        ("recipes", "recipe", "name"),
        ("roots", "root", "path"),
    ):
        if len(month[group]) > 1:  # else it is all of it
            so_far = {part[name]: part for part in today[group]}
            rows += [
                [kind, _named(part[name], kind), _amounts(part), f"today {_cost(so_far.get(part[name]))}"]
                for part in month[group]
            ]
    table(rows)


def _budgets(budgets: list[Mapping[str, Any]]) -> None:
    for budget in budgets:
        limits = [
            f"{usd(budget[used])} of {usd(budget[limit])} {when}"
            for limit, used, when in (
                ("usd_per_day", "usd_today", "today"),
                ("usd_per_month", "usd_month", "this month"),
            )
            if budget[limit] is not None
        ]
        if budget["calls_per_day"] is not None:
            limits.append(f"{budget['calls_today']:,} of {number(budget['calls_per_day'], 'call')} today")
        of = budget["endpoint"] or budget["root"]
        spent = style(f": spent, its files wait until {budget['until']}", fg="yellow") if budget["spent"] else ""
        say("budget    " + (f"{safe(of)}, " if of else "") + ", ".join(limits) + spent)


def _named(name: str | None, kind: str) -> str:
    return safe(name) if name else "under no root" if kind == "root" else "not kept"


def _amounts(spend: Mapping[str, Any]) -> str:
    if not spend["calls"]:
        return "no calls"
    tokens = f"{spend['prompt_tokens']:,} + {spend['completion_tokens']:,} tokens"
    return f"{number(spend['calls'], 'call')}, {tokens}, {_cost(spend)}"


def _cost(spend: Mapping[str, Any] | None) -> str:
    """What was spent, with what is not known of it."""
    if spend is None or not spend["calls"]:
        return "nothing"
    unknown = spend["calls_of_unknown_cost"]
    if spend["cost_usd"] is None:
        return "cost not known"
    return usd(spend["cost_usd"]) + (f" and {number(unknown, 'call')} of unknown cost" if unknown else "")


def _sidecars(sidecars: Mapping[str, Any]) -> None:
    waiting = [f"{sidecars[state]:,} {state}" for state in ("pending", "refused") if sidecars[state]]
    say("sidecars  " + ", ".join([f"{sidecars['written']:,} written", *waiting]))
    for trouble in sidecars["troubles"]:
        say(f"  {safe(trouble['path'])}: {safe(trouble['reason'])}")


def _errors(errors: list[Mapping[str, Any]], failed: int) -> None:
    if not errors:
        return
    say()
    more = f", the newest {len(errors)} of {failed:,}" if failed > len(errors) else ""
    say(style(f"failed{more}", bold=True))
    for error in errors:
        when = f"{local_time(error['at'])}  ID {error['id']}"
        say(f"  {style(safe(error['path']), fg='red')}  {style(when, dim=True)}")
        say(f"    {safe(error['reason'])}: {safe(error['message'])}")
        if error["remedy"]:
            say(f"    remedy: {safe(error['remedy'])}")


def _unsupported(kinds: list[Mapping[str, Any]], files: int) -> None:
    if not kinds:
        return
    say()
    say(style("unsupported", bold=True) + ": not tried again until the file or captiond changes")
    for kind in kinds:
        say(f"  {number(kind['files'], 'file')}, such as {safe(kind['path'])}: {safe(kind['message'])}")
    if kinds[0]["remedy"]:
        say(f"  remedy: {safe(kinds[0]['remedy'])}")
    if (others := files - sum(kind["files"] for kind in kinds)) > 0:
        say(f"  and {number(others, 'other')}")
