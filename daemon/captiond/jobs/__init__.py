"""All the SQL on jobs. A job is the work to do for one file; every transition is one function here.

              enqueue                claim                finish
    (nothing) -------> queued ----------------> running ----------> done
                        ^  ^                     | |       fail
                        |  +-- retry, give_back -+ +------------> failed
                        |  +-- recover (new run) -+                  |
                        +------------- requeue ----------------------+
                        +-- reconsider -- unsupported <-- unsupported (from running)

    queued, failed, unsupported -> done: answered, for a file beside which a caption was found.
    (ended) -> (nothing): forget, for one that was followed by another long ago.
    queued -> (nothing): withdraw, for a file that needs no answer of its own; abandon, for one that nobody waits for.

A job is under the root that its file is under; where that moves to another, it goes along (`follow`).

A job may be queued and held, by its priority: not claimed until `release`, or a person asks for its file.

A file has at most one job that is queued or running (the index uq_job_open sees to it). One that is asked for while it
runs is marked `again`: whatever its ending, it goes back in the queue with fresh attempts, for the file may have
changed since it was read. One for which a person asks again (`after_caption`) has no answer in the captions that there
are by then. The attempt is counted by `claim`, so that a file that takes the process down has its limit.
"""

from __future__ import annotations

from captiond.jobs.queries import counts, downloads, failures, latest, of_ids, old, unsupported_kinds
from captiond.jobs.queueing import (
    abandon,
    answered,
    clock_set_back,
    enqueue,
    follow,
    forget,
    held,
    reconsider,
    recover,
    release,
    requeue,
    reroute,
    withdraw,
)
from captiond.jobs.running import claim, fail, finish, give_back, next_due, not_answered_by, retry, unsupported

__all__ = [
    "abandon",
    "answered",
    "claim",
    "clock_set_back",
    "counts",
    "downloads",
    "enqueue",
    "fail",
    "failures",
    "finish",
    "follow",
    "forget",
    "give_back",
    "held",
    "latest",
    "next_due",
    "not_answered_by",
    "of_ids",
    "old",
    "reconsider",
    "recover",
    "release",
    "requeue",
    "reroute",
    "retry",
    "unsupported",
    "unsupported_kinds",
    "withdraw",
]
