"""What was spent, by day, endpoint, recipe and root: kept up by a trigger on `call`, see `views.SPENDING_TRIGGER`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from captiond.store import tables as t


@dataclass(frozen=True, slots=True)
class Spent:
    """The calls of one day at one endpoint for one recipe and root, or a sum of such.

    `unpriced` calls are of unknown cost: they are in no sum of `usd`. `root` is text, None: under no root.
    """

    day: str
    endpoint: str
    recipe: str
    root: str | None
    calls: int
    unpriced: int
    prompt_tokens: int
    completion_tokens: int
    usd: float

    @property
    def cost_usd(self) -> float | None:
        """What is known of the cost; None where nothing is: unknown is not free."""
        return self.usd if self.calls > self.unpriced else None


_COLUMNS = ("day", "endpoint", "recipe", "calls", "unpriced", "prompt_tokens", "completion_tokens")
_SINCE = (
    select(*(t.spending.c[name] for name in _COLUMNS), t.spending.c.cost_usd.label("usd"), t.root.c.path.label("root"))
    .outerjoin_from(t.spending, t.root, t.root.c.id == t.spending.c.root_id)
    .where(t.spending.c.day >= bindparam("first"))
    .order_by(t.spending.c.day, t.spending.c.endpoint, t.spending.c.recipe, t.root.c.path)
)


def since(conn: Connection, day: str) -> list[Spent]:
    """What was spent from this day on, `2026-11-22`."""
    return [Spent(**row) for row in conn.execute(_SINCE, {"first": day}).mappings()]


def total(rows: Iterable[Spent]) -> Spent:
    """The sum of these; its day, endpoint, recipe and root tell nothing."""
    found = list(rows)
    return Spent(
        "",
        "",
        "",
        None,
        calls=sum(row.calls for row in found),
        unpriced=sum(row.unpriced for row in found),
        prompt_tokens=sum(row.prompt_tokens for row in found),
        completion_tokens=sum(row.completion_tokens for row in found),
        usd=sum(row.usd for row in found),
    )


def grouped(rows: Iterable[Spent], key: Callable[[Spent], str | None]) -> dict[str | None, Spent]:
    """The sum of each group, by its key; the dearest first."""
    groups: dict[str | None, list[Spent]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    sums = {name: total(members) for name, members in groups.items()}
    return dict(sorted(sums.items(), key=lambda item: (-item[1].usd, -item[1].calls, item[0] or "")))
