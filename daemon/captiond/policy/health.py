"""How an endpoint is, and what follows from one call for it.

    healthy --its own failure--> paused --time is up--> probing --an answer--> healthy
                                    ^----a failure---------'

Its own failure is one that says so (`Fault.ENDPOINT`), or the last of CIRCUIT_FAILURES calls in a row that ended in a
server error, a timeout or a page that is no answer: one of them may be the file's, five in a row are the server's.

While it probes, one call is in flight at most. Calls that began before a pause was over say nothing of the time after
it: their failures are no strikes, their answers do not end it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from captiond.errors import Asleep, BadResponse, CallTimeout, Failure, Fault, RateLimited, ServerError, Unavailable
from captiond.policy.waits import grown, jittered, told

if TYPE_CHECKING:
    from captiond.config.models import Queue

CIRCUIT_FAILURES = 5
"""So many calls in a row that fail in a way that may be the file's or the server's open the circuit."""

PERSON_PAUSE = 60.0
"""Seconds of the first pause for what a person must mend (key, credit, rights, model, address); doubles each time."""

PERSON_PAUSE_MAX = 3_600.0
"""The longest of these pauses: an hour costs 24 refused calls a day, and notices new credit within the hour."""

SHORTEST_TOLD_PAUSE = 1.0
"""Seconds that a Retry-After of nothing becomes, so that it can't make a loop without rest."""

_EITHERS = (ServerError, CallTimeout, BadResponse)
"""The file's fault or the server's."""

_PASSES_BY_ITSELF = (RateLimited, Unavailable, Asleep, *_EITHERS)


class HealthState(StrEnum):
    """How an endpoint is."""

    HEALTHY = "healthy"
    PAUSED = "paused"
    PROBING = "probing"


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """How an endpoint is, and why.

    `strikes` counts the pauses in a row; `paused_until` is the end of the last one, and stays after it; `reason` is the
    failure's code and `detail` its message, both None while it is healthy. `failed` counts the calls in a row that failed
    through the file's fault or the server's.
    """

    state: HealthState = HealthState.HEALTHY
    strikes: int = 0
    paused_until: float = float("-inf")
    reason: str | None = None
    detail: str | None = None
    failed: int = 0


HEALTHY = EndpointHealth()


def after_call(
    health: EndpointHealth, failure: Failure | None, *, started_at: float, now: float, queue: Queue, chance: float
) -> EndpointHealth:
    """The endpoint's health after one call that began at `started_at`; `failure` is None for a good answer.

    An answer that can't be used, and a request that was judged and refused with a status (400, 413), show that the
    server lives: they end a pause like a good answer.
    """
    if failure is None or failure.fault is Fault.ANSWER:
        return after_success(health, started_at=started_at)
    if failure.fault is Fault.FILE and failure.http_status is not None:
        return after_success(health, started_at=started_at)
    if isinstance(failure, _EITHERS):
        if started_at < health.paused_until:
            return at(health, now)
        health = replace(health, failed=health.failed + 1)
        if at(health, now).state is HealthState.HEALTHY and health.failed < CIRCUIT_FAILURES:
            return health
    elif failure.fault is not Fault.ENDPOINT:
        return at(health, now)
    return after_endpoint_failure(health, failure, started_at=started_at, now=now, queue=queue, chance=chance)


def after_success(health: EndpointHealth, *, started_at: float) -> EndpointHealth:
    """Healthy again, if the call began after the pause."""
    if started_at < health.paused_until:
        return health
    if health.state is HealthState.HEALTHY and not health.failed:
        return health
    return EndpointHealth(paused_until=health.paused_until)


def after_endpoint_failure(
    health: EndpointHealth, failure: Failure, *, started_at: float, now: float, queue: Queue, chance: float
) -> EndpointHealth:
    """Paused, and longer than the last time.

    Retry-After rules where it is told, up to a day. Else what passes by itself waits `pause_seconds`, doubling up to
    `pause_max_seconds`; what a person must mend waits a minute, doubling up to an hour. The doubling starts anew when
    the one kind follows the other.
    """
    if started_at < health.paused_until:
        return _at_least_astold(health, failure, now)
    by_itself = isinstance(failure, _PASSES_BY_ITSELF)
    strikes = health.strikes if by_itself == _passes(health) else 0
    if not by_itself:
        wait = max(grown(PERSON_PAUSE, strikes, PERSON_PAUSE_MAX), told(failure))
    elif failure.retry_after is not None:
        wait = max(told(failure), min(queue.pause_seconds, SHORTEST_TOLD_PAUSE))
    else:
        wait = jittered(grown(queue.pause_seconds, strikes, queue.pause_max_seconds), chance)
    detail = failure.message
    if isinstance(failure, _EITHERS) and health.failed > 1:
        detail = f"{health.failed} calls in a row failed; the last: {detail}"
    return EndpointHealth(HealthState.PAUSED, strikes + 1, now + wait, failure.code, detail, health.failed)


def at(health: EndpointHealth, now: float) -> EndpointHealth:
    """The health as it is at `now`: a pause whose time is up is a probe."""
    if health.state is HealthState.PAUSED and now >= health.paused_until:
        return replace(health, state=HealthState.PROBING)
    return health


def slots(health: EndpointHealth, *, concurrency: int, in_flight: int, now: float) -> int:
    """How many more calls may start now. `in_flight` counts all that were started and have not ended."""
    state = at(health, now).state
    if state is HealthState.PAUSED:
        return 0
    return max(0, (1 if state is HealthState.PROBING else concurrency) - in_flight)


def _at_least_astold(health: EndpointHealth, failure: Failure, now: float) -> EndpointHealth:
    """A late failure of an earlier call: no strike, but a Retry-After in it still holds while the pause does."""
    until = now + told(failure)
    if health.state is HealthState.PAUSED and failure.retry_after is not None and until > health.paused_until:
        return replace(health, paused_until=until)
    return health


def _passes(health: EndpointHealth) -> bool:
    """Whether what paused the endpoint passes by itself, without a person."""
    return health.reason in {cls.code for cls in _PASSES_BY_ITSELF}
