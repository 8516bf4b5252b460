"""What `--dry-run` tells, of `captiond caption` and `captiond scan` alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from captiond.cli.output import note, number, safe, say, say_json, table, usd

if TYPE_CHECKING:
    from captiond.cli.app import App
    from captiond.dispatch.routes import Route
    from captiond.forecast import Forecast, Inventory, Part
    from captiond.store.engine import Database

    Count = Callable[[Database | None, Mapping[str, Route]], Inventory]


def tell_forecast(app: App, count: Count, *, as_json: bool) -> None:
    """Count the files, estimate their cost, and say so. The database is only read, and need not be there."""
    from captiond.dispatch import knowledge
    from captiond.forecast import forecast
    from captiond.wiring import wire

    database = app.database() if app.exists() else None
    wiring = wire(app.loaded.settings)
    if wiring.notice:
        note(wiring.notice)
    try:
        if database is not None:
            with database.read() as conn:
                knowledge.load(conn, wiring.first.values())
        made = forecast(database, app.loaded.settings, count(database, wiring.first))
    finally:
        for endpoint in wiring.endpoints.values():
            endpoint.close()
    if as_json:
        say_json(dataclasses.asdict(made))
    else:
        _say(made)


def _say(made: Forecast) -> None:
    counts = [number(made.calls, "call")]
    counts += [f"{made.copies:,} the same as another"] if made.copies else []
    of_sidecars = f" ({made.sidecars:,} by a changed sidecar)" if made.sidecars else ""
    counts += [f"{made.known:,} with an answer already{of_sidecars}"] if made.known else []
    counts += [f"{made.left_out:,} that can't be captioned or failed before"] if made.left_out else []
    say(f"{number(made.files, 'file')}: {', '.join(counts)}")
    table([_row(part) for part in made.parts])
    if made.calls:
        tokens = f"{made.prompt_tokens:,} + {made.completion_tokens:,} tokens"
        say(f"about {tokens}, {_cost(made.cost_usd)}. Nothing was asked, and nothing written.")


def _row(part: Part) -> list[str]:
    basis = f"by a sample of {part.sampled:,}" if part.basis == "sample" else f"by {part.basis}"
    return [
        safe(part.recipe),
        safe(part.endpoint),
        safe(part.model),
        number(part.calls, part.kind),
        f"{part.prompt_tokens:,} + {part.completion_tokens:,} tokens",
        _cost(part.cost_usd),
        "free" if part.basis == "free" else basis if part.basis != "guess" else "a guess",
    ]


def _cost(amount: float | None) -> str:
    return "of unknown cost: set its `price`" if amount is None else usd(amount)
