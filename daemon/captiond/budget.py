"""How much may still be spent, by whom, and until when not. Pure: days come as text, sums as values.

A budget is of everything, of one endpoint or of one root; a call needs room in each that covers it. Room is what the limit
leaves after what was spent and what the calls in flight will take. So calls go on while less than the limit is spent, and the
last ones may cross it: by no more than is in flight. What asks nobody for money, the local model and the built-in describer,
is covered by none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from captiond.config.models import BUILTIN, LOCAL
from captiond.days import next_day, next_month
from captiond.paths import root_text

if TYPE_CHECKING:
    from captiond.config.models import Budget, Settings
    from captiond.store.spending import Spent

FREE: Final = frozenset({LOCAL, BUILTIN})
"""The endpoints in this process."""
NOISE: Final = 1e-9
"""US dollars, and calls, that binary fractions are off by: a tenth ten times is a little less than one."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a budget is of: one endpoint, one root (its path as text), or everything."""

    budget: Budget
    endpoint: str | None = None
    root: str | None = None

    def covers(self, endpoint: str, root: str | None) -> bool:
        """Whether calls to an endpoint for files of a root are counted here."""
        return endpoint not in FREE and self.endpoint in (None, endpoint) and self.root in (None, root)

    def __str__(self) -> str:
        if self.endpoint is not None:
            return f"the budget of endpoint {self.endpoint}"
        return "the budget" if self.root is None else f"the budget of root {self.root}"


@dataclass(frozen=True, slots=True)
class Hold:
    """A limit that is reached: its name as a setting, what was used of it, and the first day on which it holds no more."""

    limit: str
    used: float
    allowed: float
    until: str

    def __str__(self) -> str:
        when = "this month" if self.limit == "usd_per_month" else "today"
        if self.limit == "calls_per_day":
            return f"{self.used:,.0f} of {self.allowed:,.0f} calls {when}"
        return f"{self.used:.2f} of {self.allowed:.2f} USD {when}"


@dataclass(frozen=True, slots=True)
class Account:
    """A budget and what was used of it, by calls that have ended."""

    scope: Scope
    usd_today: float = 0.0
    usd_month: float = 0.0
    calls_today: int = 0
    today: str = "1970-01-01"

    @property
    def hold(self) -> Hold | None:
        """The limit that is reached; of several the one that lasts longest. None: calls may go on."""
        budget, holds = self.scope.budget, []
        for limit, used, allowed, until in (
            ("calls_per_day", float(self.calls_today), budget.calls_per_day, next_day),
            ("usd_per_day", self.usd_today, budget.usd_per_day, next_day),
            ("usd_per_month", self.usd_month, budget.usd_per_month, next_month),
        ):
            if allowed is not None and used >= allowed - NOISE:
                holds.append(Hold(limit, used, float(allowed), until(self.today)))
        return max(holds, key=lambda hold: hold.until, default=None)

    def room(self, in_flight: int, reserved_usd: float, each_usd: float) -> float:
        """How many more calls may start; infinite without a limit that tells.

        Args:
            in_flight: calls that were started and have not ended.
            reserved_usd: what they are expected to cost, 0 where nothing is known.
            each_usd: what one more is expected to cost.
        """
        budget, rooms = self.scope.budget, [math.inf]
        if budget.calls_per_day is not None:
            rooms.append(budget.calls_per_day - self.calls_today - in_flight)
        for used, allowed in ((self.usd_today, budget.usd_per_day), (self.usd_month, budget.usd_per_month)):
            if allowed is not None:
                rooms.append(_calls_for(allowed - used - reserved_usd, each_usd))
        return max(0, min(rooms))


def _calls_for(left: float, each: float) -> float:
    """How many calls of a price it takes to spend what is left."""
    if left <= NOISE:
        return 0
    return math.ceil(left / each - NOISE) if each > NOISE else math.inf


def scopes(settings: Settings) -> list[Scope]:
    """Every budget that has a limit."""
    found = [Scope(settings.budget)]
    found += [Scope(endpoint.budget, endpoint=name) for name, endpoint in settings.endpoints.items()]
    found += [Scope(watch.budget, root=root_text(watch.path)) for watch in settings.watch]
    return [scope for scope in found if scope.budget.limits]


def accounts(budgets: Iterable[Scope], spent: Sequence[Spent], today: str) -> list[Account]:
    """What was used of each budget, by the sums of this month's days."""
    return [_account(scope, [row for row in spent if scope.covers(row.endpoint, row.root)], today) for scope in budgets]


def _account(scope: Scope, spent: Sequence[Spent], today: str) -> Account:
    of_today = [row for row in spent if row.day == today]
    return Account(
        scope,
        usd_today=sum(row.usd for row in of_today),
        usd_month=sum(row.usd for row in spent),
        calls_today=sum(row.calls for row in of_today),
        today=today,
    )


def means(spent: Iterable[Spent]) -> dict[tuple[str, str], float]:
    """USD of a call by endpoint and recipe, over the calls whose cost is known."""
    sums: dict[tuple[str, str], tuple[float, int]] = {}
    for row in spent:
        usd, calls = sums.get((row.endpoint, row.recipe), (0.0, 0))
        sums[row.endpoint, row.recipe] = usd + row.usd, calls + row.calls - row.unpriced
    return {key: usd / calls for key, (usd, calls) in sums.items() if calls > 0}


def holding(found: Iterable[Account], endpoint: str, root: str | None) -> Account | None:
    """The account that lets no call to this endpoint for this root start today; of several the one that lasts longest."""
    held = [account for account in found if account.scope.covers(endpoint, root) and account.hold is not None]
    return max(held, key=lambda account: account.hold.until if account.hold else "", default=None)
