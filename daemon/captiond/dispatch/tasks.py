"""Claimed jobs on their way through the pools: the dispatcher's own notes of them."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from captiond.errors import Failure
from captiond.paths import to_text
from captiond.values import Call, Encoded, ImagePart, Job, Opened, Usage, VideoPart

if TYPE_CHECKING:
    from captiond.dispatch.record import Plan
    from captiond.dispatch.routes import Route
    from captiond.dispatch.work import HasFormer
    from captiond.media.spec import EncodeSpec


class Stage(StrEnum):
    """Where a task is."""

    READING = "reading"
    FOLLOWING = "following"
    ENCODING = "encoding"
    READY = "ready"
    ASKING = "asking"
    HANGING = "hanging"
    """Reading or encoding, for so long that another thread has taken the place: see `hangs`."""


@dataclass(slots=True, eq=False)
class Task:
    """Mutable, and touched by the dispatcher's thread alone; workers get its frozen parts."""

    job: Job
    route: Route
    others: tuple[str, ...] = ()
    """The recipe's further endpoints."""
    stage: Stage = Stage.READING
    opened: Opened | None = None
    encoded: Encoded | None = None
    spec: EncodeSpec | None = None
    caption: str | None = None
    calls: int = 0
    usage: Usage = Usage()
    bytes_sent: int = 0
    url_failed: Failure | None = None
    claimed_at: float = field(default_factory=time.time)
    asked_at: float = 0.0
    refused_as: str | None = None
    """How the endpoint refused the last form as too large, without saying how small it has to be."""
    counted: Call | None = None
    """The last call that the endpoint's health and this task's sums know of: a transaction may be tried again."""
    held: bool = False
    """Whether the endpoint was paused by then: see `HealthMonitor.after_call`."""
    seconds: dict[str, float] = field(default_factory=dict)
    followers: list[Task] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        return self.route.endpoint.name

    @property
    def key(self) -> tuple[str, str]:
        """What one paid answer belongs to: the bytes and the recipe's digest."""
        assert self.opened is not None
        return self.opened.sha256, self.route.digest

    def count(self, call: Call) -> None:
        """A request was made for this task."""
        self.calls += 1
        self.seconds["call"] = self.seconds.get("call", 0.0) + call.seconds
        self.usage, self.bytes_sent = call.usage, call.bytes_sent

    def log(self, logger: Any, outcome: str, *, via: str | None, failure: Failure | None) -> None:
        """The canonical line: all of one job in one line of the log. What the model said goes into a line at debug."""
        line: dict[str, Any] = {
            "path": to_text(self.job.path),
            "outcome": outcome,
            "via": via,
            "reason": failure.code if failure else None,
            "detail": (failure.cause if failure.quotes else failure.message) if failure else None,
            "remedy": failure.remedy if failure and outcome in ("failed", "unsupported") else None,
            "recipe": self.route.name,
            "endpoint": self.endpoint,
            "model": self.route.model,
            "attempt": self.job.attempts,
            "calls": self.calls,
            "waited_s": round(max(0.0, self.claimed_at - self.job.due_at), 3),
            **{f"{name}_s": round(seconds, 3) for name, seconds in self.seconds.items()},
        }
        if self.opened is not None:
            line |= {"sha256": self.opened.sha256, "kind": self.opened.kind.value, "bytes": self.opened.bytes}
        if self.encoded is not None:
            facts, parts = self.encoded.facts, () if self.encoded.url else self.encoded.parts
            pictures = [part for part in parts if isinstance(part, ImagePart)]
            line |= {"width": facts.width or None, "height": facts.height or None, "pictures": len(pictures)}
            line |= {"damaged": facts.damaged or None, "readable_s": facts.readable_seconds}
            line |= {"small_video": True if any(isinstance(part, VideoPart) for part in parts) else None}
        if self.calls:
            line |= {
                "sent_bytes": self.bytes_sent,
                "by_url": True if self.encoded is not None and self.encoded.url is not None else None,
                "prompt_tokens": self.usage.prompt_tokens,
                "completion_tokens": self.usage.completion_tokens,
                "cost_usd": self.usage.cost_usd,
            }
        # What was put back through no fault of its own is not finished: while an endpoint is away it happens often.
        quiet = logger.debug if outcome in ("given_back", "absent") else logger.info
        write = logger.warning if outcome == "failed" else quiet
        write("job", **{key: value for key, value in line.items() if value is not None})
        if failure is not None and failure.quotes:
            logger.debug("answer", path=line["path"], detail=failure.message)
        elif self.caption is not None:
            logger.debug("answer", path=line["path"], caption=self.caption)


class Tasks:
    """All that is between a claim and its ending. Touched by the dispatcher's thread alone."""

    def __init__(self, endpoints: Iterable[str]) -> None:
        self._by_job: dict[int, Task] = {}
        self._leaders: dict[tuple[str, str], Task] = {}
        self.ready: dict[str, deque[Task]] = {name: deque() for name in endpoints}
        self.publishing: dict[int, Plan | HasFormer] = {}
        """The sidecars that are being written, or taken away from where their file was, by file."""
        self.publish_again: set[int] = set()
        """Those of them that want a newer sidecar by now: it is written when the one before it is recorded."""

    def __len__(self) -> int:
        return len(self._by_job)

    def all(self) -> list[Task]:
        """Every task, in the order of their claims."""
        return list(self._by_job.values())

    def get(self, job_id: int) -> Task | None:
        """The task of this job; None when it has ended."""
        return self._by_job.get(job_id)

    def add(self, task: Task) -> None:
        """A job was claimed."""
        self._by_job[task.job.id] = task

    def remove(self, task: Task) -> None:
        """The task has ended."""
        self._by_job.pop(task.job.id, None)

    def make_ready(self, task: Task) -> None:
        """Its media are encoded: it waits for a request slot, before all of lower priority."""
        task.stage = Stage.READY
        waiting = self.ready[task.endpoint]
        if task not in waiting:
            lower = (at for at, other in enumerate(waiting) if other.job.priority < task.job.priority)
            waiting.insert(next(lower, len(waiting)), task)

    def leader(self, task: Task) -> Task:
        """The task that asks for these bytes under this digest: this one, unless another does already."""
        return self._leaders.setdefault(task.key, task)

    def stop_leading(self, task: Task) -> None:
        """From here on a file with the same bytes finds the caption in the database, or asks for itself."""
        if task.opened is not None and self._leaders.get(task.key) is task:
            del self._leaders[task.key]

    def at(self, *stages: Stage) -> Counter[str]:
        """How many tasks are at these stages, by endpoint; without stages: all but those that hang."""
        wanted = stages or [stage for stage in Stage if stage is not Stage.HANGING]
        return Counter(task.endpoint for task in self._by_job.values() if task.stage in wanted)
