"""The record of every request to an endpoint, and how each endpoint is now."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from captiond.store import tables as t
from captiond.store.clean import cleaned
from captiond.values import Call, Job


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint as the service last told: healthy, paused or probing. Times are seconds since 1970."""

    name: str
    state: str
    reason: str | None
    paused_until: float | None
    in_flight: int
    updated_at: float
    concurrency: int | None


@dataclass(frozen=True, slots=True)
class Recent:
    """A call of a short while ago: when it began (seconds since 1970), and the tokens that were told."""

    endpoint: str
    started_at: float
    tokens: int


_RECORD = insert(t.call)


def record(conn: Connection, job: Job, content_id: int | None, call: Call) -> int:
    """Keep the record of one request for a job, answered or not; returns its id."""
    row = {
        "job_id": job.id,
        "content_id": content_id,
        "recipe": job.recipe,
        "root_id": job.root_id,
        "endpoint": call.endpoint,
        "model": cleaned(call.model),
        "started_at": call.started_at,
        "seconds": call.seconds,
        "outcome": call.outcome,
        "http_status": call.http_status,
        "prompt_tokens": call.usage.prompt_tokens,
        "completion_tokens": call.usage.completion_tokens,
        "cost_usd": call.usage.cost_usd,
        "bytes_sent": call.bytes_sent,
        "finish_reason": cleaned(call.finish_reason),
        "rejected": cleaned(call.rejected),
    }
    return int(conn.execute(_RECORD.returning(t.call.c.id), row).scalar_one())


def counts_since(conn: Connection, since: float) -> dict[str, int]:
    """How many calls were made to each endpoint since then (seconds since 1970)."""
    made = select(t.call.c.endpoint, func.count()).where(t.call.c.started_at >= since).group_by(t.call.c.endpoint)
    return {row[0]: row[1] for row in conn.execute(made)}


def recent(conn: Connection, since: float) -> list[Recent]:
    """The calls that began since then (seconds since 1970)."""
    c = t.call.c
    tokens = func.coalesce(c.prompt_tokens, 0) + func.coalesce(c.completion_tokens, 0)
    return [Recent(*row) for row in conn.execute(select(c.endpoint, c.started_at, tokens).where(c.started_at >= since))]


_FORGET = delete(t.call).where(
    t.call.c.id.in_(
        select(t.call.c.id)
        .where(t.call.c.started_at < bindparam("before"))
        .order_by(t.call.c.started_at)
        .limit(bindparam("most"))
    )
)


def forget_old(conn: Connection, before: float, most: int) -> int:
    """Delete at most so many calls from before then (seconds since 1970); returns how many. Their day's sums stay."""
    return conn.execute(_FORGET, {"before": before, "most": most}).rowcount


def spent_on(conn: Connection, request: str) -> tuple[float, int]:
    """US dollars and tokens of all calls for one request, as far as the endpoint told them."""
    tokens = func.coalesce(t.call.c.prompt_tokens, 0) + func.coalesce(t.call.c.completion_tokens, 0)
    total = select(func.coalesce(func.sum(t.call.c.cost_usd), 0.0), func.coalesce(func.sum(tokens), 0))
    row = conn.execute(total.join(t.job, t.job.c.id == t.call.c.job_id).where(t.job.c.request == request)).one()
    return float(row[0]), int(row[1])


_new = insert(t.endpoint)
_SET = _new.on_conflict_do_update(
    index_elements=[t.endpoint.c.name],
    set_={
        name: _new.excluded[name]
        for name in ("state", "reason", "paused_until", "in_flight", "concurrency", "updated_at")
    },
)


def set_endpoint(
    conn: Connection,
    name: str,
    state: str,
    reason: str | None,
    paused_until: float | None,
    in_flight: int,
    concurrency: int,
    *,
    now: float,
) -> None:
    """Tell how an endpoint is, for other processes to read. `concurrency` is what it gets at once for now."""
    row = {"state": state, "reason": cleaned(reason), "paused_until": paused_until, "in_flight": in_flight}
    conn.execute(_SET, {"name": name, **row, "concurrency": concurrency, "updated_at": now})


def endpoints(conn: Connection) -> list[EndpointRow]:
    """Every endpoint that a service ever told of, by name; `updated_at` tells how old that is."""
    return [EndpointRow(**row) for row in conn.execute(select(t.endpoint).order_by(t.endpoint.c.name)).mappings()]
