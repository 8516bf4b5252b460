"""How each endpoint is, and how many calls it may get: `policy` decides, this remembers, logs and tells the database."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from captiond import log, policy
from captiond.dispatch.holds import Held, Hold
from captiond.dispatch.tasks import Task
from captiond.errors import Failure, RateLimited
from captiond.policy import Concurrency, EndpointHealth, HealthState, Pace, PaceLimits
from captiond.store import calls
from captiond.values import Usage

if TYPE_CHECKING:
    from captiond.config.models import Endpoint as EndpointSettings
    from captiond.config.models import Queue
    from captiond.endpoints.base import Endpoint
    from captiond.store.engine import Database

PUBLISH_SECONDS = 1.0
"""The database is told at most so often, and only what changed."""

Published = tuple[str, str | None, float | None, int, int]


class HealthMonitor:
    """The health of the endpoints, and what limits their calls.

    It runs on the monotonic clock: a change of the date pauses nothing, but for `hours`.

    Args:
        endpoints: those that are asked.
        settings: what is configured of them; one that is not there has no limits of its own.
        queue: how long pauses are.
        holds: further reasons not to ask one now.
    """

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        settings: Mapping[str, EndpointSettings],
        queue: Queue,
        holds: Sequence[Hold] = (),
    ) -> None:
        self._concurrency = {endpoint.name: Concurrency.full(endpoint.concurrency) for endpoint in endpoints}
        self._limits = {
            name: PaceLimits(found.requests_per_minute, found.tokens_per_minute)
            if (found := settings.get(name))
            else PaceLimits()
            for name in self._concurrency
        }
        self._pace = {name: Pace(limits) for name, limits in self._limits.items()}
        self._queue = queue
        self._holds = holds
        self._health = dict.fromkeys(self._concurrency, EndpointHealth())
        self._held: dict[str, str] = {}
        self._published: dict[str, Published] = {}
        self._publish_at = 0.0
        self._log = log.get("endpoint")

    def remember(self, earlier: Iterable[calls.Recent]) -> None:
        """The calls of the last minute, made before this start: their limits do not begin anew with a restart."""
        ahead = time.monotonic() - time.time()
        by_endpoint: dict[str, list[tuple[float, int]]] = {}
        for call in earlier:
            by_endpoint.setdefault(call.endpoint, []).append((call.started_at + ahead, call.tokens))
        for name, limits in self._limits.items():
            self._pace[name] = Pace(limits, by_endpoint.get(name, ()))

    def of(self, name: str) -> EndpointHealth:
        """The endpoint's health now; one that is held is paused until then."""
        held = self.held(name)
        now = time.monotonic()
        if held is not None:
            return EndpointHealth(HealthState.PAUSED, 0, now + held.seconds, held.code, held.detail)
        return policy.at(self._health[name], now)

    def held(self, name: str) -> Held | None:
        """Why it is not asked although it may be well; None if nothing holds it."""
        return next((found for hold in self._holds if (found := hold.held(name)) is not None), None)

    def healthy(self, name: str) -> bool:
        """Neither paused, nor on trial, nor held."""
        return self.of(name).state is HealthState.HEALTHY

    def concurrency(self, name: str) -> int:
        """How many calls it gets at once, for now."""
        return self._concurrency[name].limit

    def slots(self, name: str, in_flight: int) -> int:
        """How many more calls may start now."""
        now = time.monotonic()
        free = policy.slots(self.of(name), concurrency=self._concurrency[name].limit, in_flight=in_flight, now=now)
        return min(free, self._pace[name].free(now)) if free else 0

    def started(self, name: str) -> None:
        """A call to it begins."""
        self._pace[name].began(time.monotonic())

    def after_call(self, task: Task, failure: Failure | None, usage: Usage = Usage()) -> bool:
        """A call of this task ended, well when `failure` is None.

        Returns: whether the endpoint is paused by now, and what failed may be its fault alone. A probe's failure counts for
            the file, which may be what makes servers fail, unless another endpoint is well: that one will tell.
        """
        name, now = task.endpoint, time.monotonic()
        self._pace[name].ended(now, (usage.prompt_tokens or 0) + (usage.completion_tokens or 0))
        self._adapt(task, failure, now)
        before = self._health[name]
        health = self._health[name] = policy.after_call(
            before, failure, started_at=task.asked_at, now=now, queue=self._queue, chance=random.random()
        )
        if health.state is HealthState.PAUSED and before.paused_until != health.paused_until:
            # Told once a trouble, not with every call in flight and every trial that fails: `status` has the next one's time.
            write = self._log.debug if before.reason == health.reason else self._log.warning
            write(
                "endpoint_paused",
                endpoint=task.endpoint,
                reason=health.detail,
                remedy=failure.remedy if failure else None,
                seconds=round(health.paused_until - time.monotonic()),
            )
        elif health.state is HealthState.HEALTHY and before.state is not HealthState.HEALTHY:
            self._log.info("endpoint_healthy", endpoint=task.endpoint)
        probe = policy.at(before, now).state is HealthState.PROBING
        return health.state is HealthState.PAUSED and not (probe and not any(map(self.healthy, task.others)))

    def _adapt(self, task: Task, failure: Failure | None, now: float) -> None:
        """Fewer calls at once for an endpoint that asks to slow down, more again while it answers."""
        before = self._concurrency[task.endpoint]
        if isinstance(failure, RateLimited):
            after = policy.after_limited(before, started_at=task.asked_at, now=now)
        elif failure is None:
            after = policy.after_good(before, started_at=task.asked_at)
        else:
            return
        self._concurrency[task.endpoint] = after
        if after.limit != before.limit:
            self._log.debug("endpoint_concurrency", endpoint=task.endpoint, now=after.limit, most=after.ceiling)

    def forgive(self, name: str) -> None:
        """What this endpoint was paused for is mended."""
        self._health[name] = EndpointHealth()
        self._log.info("endpoint_healthy", endpoint=name)

    def publish(self, db: Database, in_flight: Mapping[str, int]) -> None:
        """Each endpoint's state into the database, for `status`."""
        passed = time.monotonic()
        if passed < self._publish_at:
            return
        self._publish_at = passed + PUBLISH_SECONDS
        rows: dict[str, Published] = {}
        for name in self._health:
            health = self.of(name)
            self._tell_held(name)
            paused = health.state is HealthState.PAUSED
            until = round(time.time() + health.paused_until - passed) if paused else None
            rows[name] = (health.state.value, health.detail, until, in_flight.get(name, 0), self.concurrency(name))
        if rows == self._published:
            return
        with db.write() as conn:
            for name, (state, reason, until_at, flying, concurrency) in rows.items():
                calls.set_endpoint(conn, name, state, reason, until_at, flying, concurrency, now=time.time())
        self._published = rows

    def _tell_held(self, name: str) -> None:
        """One line when it begins to be held, and one when it is no more."""
        held = self.held(name)
        code = held.code if held else None
        if code == self._held.get(name):
            return
        if held is not None:
            self._held[name] = held.code
            self._log.info(
                "endpoint_held", endpoint=name, reason=held.code, detail=held.detail, seconds=round(held.seconds)
            )
        else:
            del self._held[name]
            self._log.info("endpoint_released", endpoint=name)
