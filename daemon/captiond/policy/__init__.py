"""What follows from a failure, and how much an endpoint is asked. Pure: the time and a random number come in as arguments.

`jobs` decides of a job, `health` of an endpoint, `concurrency` how many calls it gets at once, `pace` how many a minute,
`hours` when; `waits` is how long. `now` is seconds: of the database's clock for a job; of the monotonic clock for an
endpoint, which then survives every change of the date. `chance` is uniform in [0, 1).
"""

from __future__ import annotations

from captiond.policy.concurrency import Concurrency, after_good, after_limited
from captiond.policy.health import HEALTHY, EndpointHealth, HealthState, after_call, at, slots
from captiond.policy.hours import seconds_closed
from captiond.policy.jobs import Decision, Drop, GiveBack, GiveUp, Retry, after_failure
from captiond.policy.pace import Pace, PaceLimits

__all__ = [
    "HEALTHY",
    "Concurrency",
    "Decision",
    "Drop",
    "EndpointHealth",
    "GiveBack",
    "GiveUp",
    "HealthState",
    "Pace",
    "PaceLimits",
    "Retry",
    "after_call",
    "after_failure",
    "after_good",
    "after_limited",
    "at",
    "seconds_closed",
    "slots",
]
