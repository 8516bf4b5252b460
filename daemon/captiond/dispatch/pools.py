"""The threads that do the work: encoders (each with a decoder process of its own), callers, and sidecar writers."""

from __future__ import annotations

import os
import queue
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from captiond import fetch
from captiond.dispatch import work
from captiond.dispatch.decoders import Decoders
from captiond.dispatch.workers import Workers
from captiond.media.spec import GuardLimits
from captiond.paths import is_url

if TYPE_CHECKING:
    from captiond.by_url import Urls
    from captiond.config.models import Media
    from captiond.dispatch.record import Plan
    from captiond.dispatch.tasks import Task
    from captiond.endpoints.base import Endpoint

PUBLISHERS = 4
"""Threads that write sidecars: more than one, so that a slow share does not hold up all. All may hang in one that is dead:
when its root is told to be away they are left behind, and others go on (see `Workers.leave`)."""


class Pools:
    """Starts each stage on the right threads; every outcome goes into `events`.

    The encoders feed the callers: with one pool for both, pictures wait in memory for a free request (measured at 64 in
    flight: 288 MiB against 1061 MiB, and 18.1 jobs/s against 14.9).
    """

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        media: Media,
        urls: Urls,
        suffix: str | None,
        events: queue.SimpleQueue[work.Outcome | None],
    ) -> None:
        self._urls = urls
        self._suffix = suffix
        self.encoders = media.workers or os.cpu_count() or 1
        self._events = events
        self._decoders = Decoders(GuardLimits(seconds=media.decode_seconds, memory_mb=media.decode_memory_mb))
        self._encode = Workers("encode", self.encoders, events.put)
        self._publish = Workers("publish", PUBLISHERS, events.put)
        self._ask = {
            endpoint.name: ThreadPoolExecutor(endpoint.concurrency, thread_name_prefix=f"ask-{endpoint.name}")
            for endpoint in endpoints
        }

    def read(self, task: Task, downloads: Path) -> None:
        """Identify and hash."""
        job, route = task.job, task.route
        heard = partial(self._encode.heard, job.id)
        self._encode.submit(job.id, lambda: work.read_file(job, route, downloads, self._urls, self._suffix, heard))

    def encode(self, task: Task, downloads: Path) -> None:
        """Make what the endpoint takes."""
        assert task.opened is not None
        job, opened, route, spec = task.job, task.opened, task.route, task.spec
        heard = partial(self._encode.heard, job.id)
        self._encode.submit(
            job.id,
            lambda: work.encode(job, opened, route, spec, self._decoders, downloads, self._urls, goes_on=heard),
        )

    def ask(self, task: Task) -> None:
        """Call the endpoint."""
        assert task.encoded is not None
        job, route, encoded = task.job, task.route, task.encoded
        self._ask[task.endpoint].submit(lambda: self._events.put(work.ask(job, route, encoded)))

    def publish(self, plan: Plan) -> None:
        """Write a sidecar."""
        self._publish.submit(plan.file_id, lambda: work.publish(plan))

    def take_away(self, written: work.HasFormer) -> None:
        """Take a sidecar away from where its file was."""
        self._publish.submit(written.file_id, lambda: work.take_away(written))

    def begun(self) -> tuple[dict[int, float], dict[int, float]]:
        """The jobs, and the files whose sidecar, a thread is on; when each was last heard of, in monotonic seconds."""
        return self._encode.begun(), self._publish.begun()

    @property
    def lack_decoders(self) -> bool:
        """Whether encoders wait for a decoder that can't be started."""
        return self._decoders.missing

    def relieve(self, jobs: Collection[int], published: Collection[int]) -> None:
        """What is read for these jobs, and the sidecars of these files, hang: other threads take their places."""
        self._encode.relieve(jobs)
        self._publish.relieve(published)

    def leave(self, tasks: Collection[Task], published: Collection[int]) -> None:
        """Do not wait for what is read for these tasks, nor for the sidecars of these files: their root is away, or hangs."""
        self._encode.leave([task.job.id for task in tasks])
        self._publish.leave(published)

    def forget(self, task: Task, downloads: Path, *, again: bool) -> None:
        """The task has ended: take away what was fetched for it, or for all its attempts unless it is done again."""
        if is_url(task.job.path):
            fetch.discard(downloads / str(task.job.id))
            if task.job.download is not None and not again:
                fetch.discard(downloads / task.job.download)

    def kill(self) -> None:
        """End the decoder processes at once; their jobs fail as stopped."""
        self._decoders.kill()

    def close(self, *, wait: bool) -> None:
        """End the threads and the decoder processes."""
        for workers in (self._encode, self._publish):
            workers.close(wait=wait)
        for pool in self._ask.values():
            pool.shutdown(wait=wait, cancel_futures=True)
        self.kill()
