"""What becomes of a job whose work failed, by whose fault it is: see `errors.Fault`.

FILE              GiveUp    the same bytes would fail again
ANSWER, PASSING   Retry     the attempt counts; later, until they are used up, then GiveUp
ENDPOINT          GiveBack  the attempt is returned; the endpoint's pause holds the job back
ROOT              GiveBack  the attempt is returned; Drop when the file is gone
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from captiond.errors import Failure, Fault, Stopped, Vanished
from captiond.policy.waits import grown, jittered, told

if TYPE_CHECKING:
    from captiond.config.models import Queue

ROOT_WAIT = 2.0
"""Seconds until a file that changed while it was read, whose root seems to be away, or for which the machine lacked memory
or descriptors, is opened again: without a pause it would come round as fast as it is opened. A changed one need not be
quiet: it is hashed anew."""


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


def after_failure(
    failure: Failure, *, attempts: int, now: float, queue: Queue, chance: float, held: bool = False
) -> Decision:
    """What becomes of a job.

    Args:
        attempts: how many there were with the one that failed.
        now: of the database's clock.
        chance: uniform in [0, 1).
        held: the endpoint is paused by now: a failure that may be its own is not the job's (`HealthMonitor.after_call`).
    """
    if isinstance(failure, Vanished):
        return Drop()
    if failure.fault is Fault.FILE:
        return GiveUp()
    if failure.fault is Fault.ENDPOINT or (held and failure.fault is Fault.PASSING):
        return GiveBack(now)
    if failure.fault is Fault.ROOT:
        return GiveBack(now if isinstance(failure, Stopped) else now + ROOT_WAIT)
    if attempts >= min(failure.tries or queue.max_attempts, queue.max_attempts):
        return GiveUp()
    wait = grown(queue.backoff_seconds, attempts - 1, queue.backoff_max_seconds)
    return Retry(now + max(jittered(wait, chance), told(failure)))
