"""What follows from a failure: for the job, and for the endpoint. Pure: the time and a random number come in as arguments.

A job's failure ends in one of four ways, by whose fault it is (`errors.Fault`):

    FILE              GiveUp    the same bytes would fail again
    ANSWER, PASSING   Retry     the attempt counts; later, until they are used up, then GiveUp
    ENDPOINT          GiveBack  the attempt is returned; the endpoint's pause holds the job back
    ROOT              GiveBack  the attempt is returned; Drop when the file is gone

An endpoint is healthy, paused or probing:

    healthy --its own failure--> paused --time is up--> probing --an answer--> healthy
                                    ^----its own failure----'

While it probes, one call is in flight at most. Calls that began before a pause was over say nothing of the time after
it: their failures are no strikes, their answers do not end it.

`chance` is uniform in [0, 1). `now` is seconds: of the database's clock for a job; of the monotonic clock for an
endpoint, which then survives every change of the date.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from captiond.errors import Asleep, Failure, Fault, RateLimited, Stopped, Unavailable, Vanished

if TYPE_CHECKING:
    from captiond.config.models import Queue

LONGEST_WAIT = 86_400.0
"""Seconds. No endpoint makes a job or itself wait longer, whatever its Retry-After says: quotas end with the day."""

ROOT_WAIT = 2.0
"""Seconds until a file that changed while it was read, or whose root seems to be away, is opened again: without a pause it
would come round as fast as it is opened. A changed one need not be quiet: it is hashed anew."""

PERSON_PAUSE = 60.0
"""Seconds of the first pause for what a person must mend (key, credit, rights, model, address); doubles each time."""

PERSON_PAUSE_MAX = 3_600.0
"""The longest of these pauses: an hour costs 24 refused calls a day, and notices new credit within the hour."""

SHORTEST_TOLD_PAUSE = 1.0
"""Seconds that a Retry-After of nothing becomes, so that it can't make a loop without rest."""

_PASSES_BY_ITSELF = (RateLimited, Unavailable, Asleep)


@dataclass(frozen=True, slots=True)
class Retry:
    """Queue the job again; the attempt counts."""

    due_at: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The job failed for good."""


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Queue the job again and return the attempt. Due now is behind all that wait already with the same priority."""

    due_at: float


@dataclass(frozen=True, slots=True)
class Drop:
    """The file is gone: there is nothing left to do."""


Decision = Retry | GiveUp | GiveBack | Drop


def after_failure(failure: Failure, *, attempts: int, now: float, queue: Queue, chance: float) -> Decision:
    """What becomes of a job. `attempts` counts the one that failed."""
    if isinstance(failure, Vanished):
        return Drop()
    if failure.fault is Fault.FILE:
        return GiveUp()
    if failure.fault is Fault.ENDPOINT:
        return GiveBack(now)
    if failure.fault is Fault.ROOT:
        return GiveBack(now if isinstance(failure, Stopped) else now + ROOT_WAIT)
    if attempts >= min(failure.tries or queue.max_attempts, queue.max_attempts):
        return GiveUp()
    wait = _grown(queue.backoff_seconds, attempts - 1, queue.backoff_max_seconds)
    return Retry(now + max(_jittered(wait, chance), _told(failure)))


class HealthState(StrEnum):
    """How an endpoint is."""

    HEALTHY = "healthy"
    PAUSED = "paused"
    PROBING = "probing"


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """How an endpoint is, and why.

    `strikes` counts the pauses in a row; `paused_until` is the end of the last one, and stays after it; `reason` is the
    failure's code and `detail` its message, both None while it is healthy.
    """

    state: HealthState = HealthState.HEALTHY
    strikes: int = 0
    paused_until: float = float("-inf")
    reason: str | None = None
    detail: str | None = None


HEALTHY = EndpointHealth()


def after_call(
    health: EndpointHealth, failure: Failure | None, *, started_at: float, now: float, queue: Queue, chance: float
) -> EndpointHealth:
    """The endpoint's health after one call that began at `started_at`; `failure` is None for a good answer.

    An answer that can't be used, and a request that was judged and refused with a status (400, 413), show that the
    server lives: they end a pause like a good answer. A server error, a timeout or a page that is no answer show
    neither that it is well nor that it is away: the state stays, and while probing the next job is the next probe.
    """
    if failure is None or failure.fault is Fault.ANSWER:
        return after_success(health, started_at=started_at)
    if failure.fault is Fault.FILE and failure.http_status is not None:
        return after_success(health, started_at=started_at)
    if failure.fault is Fault.ENDPOINT:
        return after_endpoint_failure(health, failure, started_at=started_at, now=now, queue=queue, chance=chance)
    return at(health, now)


def after_success(health: EndpointHealth, *, started_at: float) -> EndpointHealth:
    """Healthy again, if the call began after the pause."""
    if health.state is HealthState.HEALTHY or started_at < health.paused_until:
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
        return _at_least_as_told(health, failure, now)
    by_itself = isinstance(failure, _PASSES_BY_ITSELF)
    strikes = health.strikes if by_itself == _passes(health) else 0
    if not by_itself:
        wait = max(_grown(PERSON_PAUSE, strikes, PERSON_PAUSE_MAX), _told(failure))
    elif failure.retry_after is not None:
        wait = max(_told(failure), min(queue.pause_seconds, SHORTEST_TOLD_PAUSE))
    else:
        wait = _jittered(_grown(queue.pause_seconds, strikes, queue.pause_max_seconds), chance)
    return EndpointHealth(HealthState.PAUSED, strikes + 1, now + wait, failure.code, failure.message)


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


def _at_least_as_told(health: EndpointHealth, failure: Failure, now: float) -> EndpointHealth:
    """A late failure of an earlier call: no strike, but a Retry-After in it still holds while the pause does."""
    until = now + _told(failure)
    if health.state is HealthState.PAUSED and failure.retry_after is not None and until > health.paused_until:
        return replace(health, paused_until=until)
    return health


def _passes(health: EndpointHealth) -> bool:
    """Whether what paused the endpoint passes by itself, without a person."""
    return health.reason in {cls.code for cls in _PASSES_BY_ITSELF}


def _grown(first: float, times: int, longest: float) -> float:
    """`first` doubled so many times, at most `longest`; 64 doublings exceed any wait."""
    return float(min(first * 2.0 ** min(max(times, 0), 64), longest))


def _jittered(wait: float, chance: float) -> float:
    """Between half of the wait and the whole: many jobs that failed together do not come back together."""
    return wait * (0.5 + 0.5 * chance)


def _told(failure: Failure) -> float:
    """The endpoint's Retry-After in seconds, within reason; 0 if there is none."""
    asked = failure.retry_after
    return min(asked, LONGEST_WAIT) if asked is not None and asked > 0 else 0.0
