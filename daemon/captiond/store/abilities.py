"""What was found out of endpoints by using them: their models' abilities, and the sizes they take.

An endpoint is known by its address, not by its name in the configuration: another server under the same name is another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from captiond.store import tables as t

ABILITY_SECONDS = 30 * 86_400.0
"""How long what was found out holds: providers change what is behind a name."""
LIMIT_SECONDS = 7 * 86_400.0
"""How long a limit holds, at most. Then one larger picture is tried again, which costs a refused call and no tokens."""


@dataclass(frozen=True, slots=True)
class Ability:
    """One ability: `value` is "yes" or "no", or the name of a dialect or a form of JSON; `source` who told."""

    name: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Limit:
    """The sizes that an endpoint takes, until then (seconds since 1970); see `endpoints.sizes.SizeLimits`."""

    picture_bytes: int | None
    request_bytes: int | None
    edge: int | None
    video_bytes: int | None
    until: float


def learn(conn: Connection, base_url: str, model: str, abilities: Iterable[Ability], now: float) -> None:
    """Keep what was found out now; what else is known of the model stays."""
    for one in abilities:
        values = {"value": one.value, "source": one.source, "checked_at": now}
        new = insert(t.ability).values(base_url=base_url, model=model, name=one.name, **values)
        conn.execute(new.on_conflict_do_update(index_elements=["base_url", "model", "name"], set_=values))


def learnt(conn: Connection, base_url: str, model: str, now: float) -> list[Ability]:
    """What was found out of a model, and is not too old."""
    query = select(t.ability.c.name, t.ability.c.value, t.ability.c.source).where(
        t.ability.c.base_url == base_url, t.ability.c.model == model, t.ability.c.checked_at > now - ABILITY_SECONDS
    )
    return [Ability(*row) for row in conn.execute(query.order_by(t.ability.c.name))]


def limit(conn: Connection, base_url: str, model: str, settings: str, limit: Limit) -> None:
    """Keep the sizes that a model takes, in place of earlier ones. `settings` are those under which it was found."""
    values = {
        "settings": settings,
        "picture_bytes": limit.picture_bytes,
        "request_bytes": limit.request_bytes,
        "edge": limit.edge,
        "video_bytes": limit.video_bytes,
        "until": limit.until,
    }
    new = insert(t.size_limit).values(base_url=base_url, model=model, **values)
    conn.execute(new.on_conflict_do_update(index_elements=["base_url", "model"], set_=values))


def limits(conn: Connection, base_url: str, model: str, settings: str, now: float) -> Limit | None:
    """The sizes that a model takes; None when none are known, they are too old, or the settings are others by now."""
    c = t.size_limit.c
    query = select(c.picture_bytes, c.request_bytes, c.edge, c.video_bytes, c.until).where(
        c.base_url == base_url, c.model == model, c.settings == settings, c.until > now
    )
    row = conn.execute(query).one_or_none()
    return Limit(*row) if row is not None else None


def forget_old(conn: Connection, now: float) -> None:
    """What no longer holds goes."""
    conn.execute(delete(t.ability).where(t.ability.c.checked_at <= now - ABILITY_SECONDS))
    conn.execute(delete(t.size_limit).where(t.size_limit.c.until <= now))
