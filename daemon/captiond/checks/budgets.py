"""Whether the budgets can be kept, and what is left of them."""

from __future__ import annotations

from collections.abc import Iterator

from captiond import budget
from captiond.checks.finding import Finding, Situation, ok, warn
from captiond.days import day_of, month_of
from captiond.paths import root_text
from captiond.store import spending
from captiond.store.engine import Database


def budgets(situation: Situation) -> Iterator[Finding]:
    """Each budget that has a limit; one in dollars needs a price for what it covers."""
    found = budget.scopes(situation.settings)
    today = day_of(situation.now)
    spent = _spent(situation, month_of(today)) if found else []
    for account in budget.accounts(found, spent, today):
        if account.hold is None:
            yield ok(f"{account.scope} has room")
        else:
            remedy = f"nothing: files wait until {account.hold.until}; or raise `{account.hold.limit}`"
            yield warn(f"{account.scope} is spent: {account.hold}", remedy)
    for scope in found:
        if scope.budget.in_usd:
            yield from _without_price(scope, situation)


def _spent(situation: Situation, since: str) -> list[spending.Spent]:
    path = situation.database
    if not path.exists() or not path.stat().st_size:
        return []
    with Database.open(f"sqlite:///{path}") as database, database.read() as conn:
        return spending.since(conn, since)


def _without_price(scope: budget.Scope, situation: Situation) -> Iterator[Finding]:
    """The models that the budget covers, and whose calls are of unknown cost."""
    roots = {root_text(watch.path): watch.recipe for watch in situation.settings.watch}
    recipes = situation.wiring.choices if scope.root is None else [roots[scope.root]]
    asked = {(route.endpoint, route.model) for name in recipes for route in situation.wiring.choices[name].routes}
    for endpoint, model in sorted(asked, key=lambda one: (one[0].name, one[1])):
        if scope.endpoint in (None, endpoint.name) and endpoint.price(model, wait=True) is None:
            yield warn(
                f"{scope} can't be kept in dollars: what {model} costs at {endpoint.name} is not known",
                f"set [endpoints.{endpoint.name}.price], or limit `calls_per_day`",
            )
