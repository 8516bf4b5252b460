"""The budgets while calls are made: what the database says was spent, and what is in flight beside it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from captiond import budget, log
from captiond.budget import Account
from captiond.days import begin_of, day_of, month_of, next_day
from captiond.paths import to_text
from captiond.store import files, spending

if TYPE_CHECKING:
    from captiond.config.models import Settings
    from captiond.dispatch.routes import Route
    from captiond.dispatch.tasks import Task
    from captiond.store.engine import Database


_UNCOUNTED = 5
"""Calls of unknown cost in spite of a price, and none of a known one: some that time out are no more than that."""


class Budgets:
    """Asked by the dispatcher before it claims and before it calls. Without any limit nothing is looked up.

    What was spent is read anew after calls were recorded and when a day begins, so that a restart, a changed clock and
    another process are all the same to it.
    """

    def __init__(self, settings: Settings, routes: Iterable[Route]) -> None:
        self._scopes = budget.scopes(settings)
        self._routes = tuple(routes)
        self._accounts: list[Account] = []
        self._means: dict[tuple[str, str], float] = {}
        self._roots: dict[str, int] = {}
        self._due = True
        self._day = (0.0, 0.0)
        self._told: set[tuple[str, str]] = set()
        self._log = log.get("budget")

    def called(self) -> None:
        """Calls were recorded: what was spent has changed."""
        self._due = True

    def look(self, db: Database) -> bool:
        """Read what was spent, if it may have changed. True if calls may start that could not before."""
        now = time.time()
        if not self._scopes or (not self._due and self._day[0] <= now < self._day[1]):
            return False
        today = day_of(now)
        with db.read() as conn:
            spent = spending.since(conn, month_of(today))
            self._roots = {row.path: row.id for row in files.roots(conn)}
        self._due, self._day = False, (begin_of(today), begin_of(next_day(today)))
        before = {account.scope for account in self._accounts if account.hold}
        self._accounts = budget.accounts(self._scopes, spent, today)
        self._means = budget.means(spent)
        self._tell(before)
        self._tell_unknown(spent)
        return bool(before - {account.scope for account in self._accounts if account.hold})

    def held(self, endpoint: str, root: str | None = None) -> Account | None:
        """The budget that is spent and lets no call start, to this endpoint for this root (as the OS names it)."""
        return budget.holding(self._accounts, endpoint, None if root is None else to_text(root))

    def held_roots(self) -> list[int]:
        """The roots whose own budget is spent: their jobs are not claimed."""
        held = [account.scope.root for account in self._accounts if account.scope.root is not None and account.hold]
        return [self._roots[root] for root in held if root in self._roots]

    def allows(self, task: Task, flying: Iterable[Task]) -> bool:
        """Whether a call for this task may start beside those that are in flight."""
        if not self._accounts:
            return True
        root = None if task.job.root is None else to_text(task.job.root)
        mine = [account for account in self._accounts if account.scope.covers(task.endpoint, root)]
        return all(self._room(account, task, flying) > 0 for account in mine)

    def _room(self, account: Account, task: Task, flying: Iterable[Task]) -> float:
        beside = [
            other
            for other in flying
            if account.scope.covers(other.endpoint, None if other.job.root is None else to_text(other.job.root))
        ]
        return account.room(len(beside), sum(map(self._mean, beside)), self._mean(task))

    def _mean(self, task: Task) -> float:
        return self._means.get((task.endpoint, task.route.name), 0.0)

    def _tell(self, before: set[budget.Scope]) -> None:
        """A budget that is spent is said once, and so is that it goes on."""
        for account in self._accounts:
            hold, name = account.hold, str(account.scope)
            if hold is not None and account.scope not in before:
                self._log.warning(
                    "budget_spent",
                    budget=name,
                    spent=str(hold),
                    until=hold.until,
                    remedy=f"nothing: its files wait until {hold.until}; or raise `{hold.limit}`",
                )
            elif hold is None and account.scope in before:
                self._log.info("budget_renewed", budget=name)

    def _tell_unknown(self, spent: Iterable[spending.Spent]) -> None:
        """A limit in dollars can't be kept where what calls cost is not known: said once for each budget and endpoint."""
        unknown: Counter[str] = Counter()
        for row in spent:
            unknown[row.endpoint] += row.unpriced if row.cost_usd is None else 0
        for route in self._routes:
            name = route.endpoint.name
            priced = route.endpoint.price(route.model) is not None
            if unknown[name] < (_UNCOUNTED if priced else 1):
                continue
            missing = "`per_call` in its price" if priced else f"[endpoints.{name}.price]"
            why = "its answers count no tokens" if priced else "dollars can't be counted without a price"
            for scope in self._scopes:
                if scope.budget.in_usd and scope.endpoint in (None, name) and (str(scope), name) not in self._told:
                    self._told.add((str(scope), name))
                    self._log.warning(
                        "budget_without_price",
                        budget=str(scope),
                        endpoint=name,
                        model=route.model,
                        remedy=f"set {missing}, or `calls_per_day`: {why}",
                    )
