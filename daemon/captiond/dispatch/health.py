"""How each endpoint is, kept by the dispatcher: `policy` decides, this remembers, logs and tells the database."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from captiond import log, policy
from captiond.dispatch.tasks import Task
from captiond.errors import Failure
from captiond.policy import EndpointHealth, HealthState
from captiond.store import calls

if TYPE_CHECKING:
    from captiond.config.models import Queue
    from captiond.endpoints.base import Endpoint
    from captiond.store.engine import Database

PUBLISH_SECONDS = 1.0
"""The database is told at most so often, and only what changed."""


class HealthMonitor:
    """The health of the endpoints. It runs on the monotonic clock: a change of the date pauses nothing."""

    def __init__(self, endpoints: Iterable[Endpoint], settings: Queue) -> None:
        self._concurrency = {endpoint.name: endpoint.concurrency for endpoint in endpoints}
        self._settings = settings
        self._health = dict.fromkeys(self._concurrency, EndpointHealth())
        self._published: dict[str, tuple[str, str | None, float | None, int]] = {}
        self._publish_at = 0.0
        self._log = log.get("endpoint")

    def of(self, name: str) -> EndpointHealth:
        """The endpoint's health now."""
        return policy.at(self._health[name], time.monotonic())

    def healthy(self, name: str) -> bool:
        """Neither paused nor on trial."""
        return self.of(name).state is HealthState.HEALTHY

    def slots(self, name: str, in_flight: int) -> int:
        """How many more calls may start now."""
        return policy.slots(
            self._health[name], concurrency=self._concurrency[name], in_flight=in_flight, now=time.monotonic()
        )

    def after_call(self, task: Task, failure: Failure | None) -> None:
        """A call of this task ended, well when `failure` is None."""
        before = self._health[task.endpoint]
        health = self._health[task.endpoint] = policy.after_call(
            before,
            failure,
            started_at=task.asked_at,
            now=time.monotonic(),
            queue=self._settings,
            chance=random.random(),
        )
        if health.state is HealthState.PAUSED and before.paused_until != health.paused_until:
            # Told once a trouble, not with every trial that fails: `status` has the time of the next one.
            write = self._log.debug if before.reason == health.reason and health.strikes > 1 else self._log.warning
            write(
                "endpoint_paused",
                endpoint=task.endpoint,
                reason=health.detail,
                remedy=failure.remedy if failure else None,
                seconds=round(health.paused_until - time.monotonic()),
            )
        elif health.state is HealthState.HEALTHY and before.state is not HealthState.HEALTHY:
            self._log.info("endpoint_healthy", endpoint=task.endpoint)

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
        rows: dict[str, tuple[str, str | None, float | None, int]] = {}
        for name in self._health:
            health = self.of(name)
            paused = health.state is HealthState.PAUSED
            until = round(time.time() + health.paused_until - passed) if paused else None
            rows[name] = (health.state.value, health.detail, until, in_flight.get(name, 0))
        if rows == self._published:
            return
        with db.write() as conn:
            for name, (state, reason, until_at, flying) in rows.items():
                calls.set_endpoint(conn, name, state, reason, until_at, flying, now=time.time())
        self._published = rows
