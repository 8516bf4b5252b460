"""What each outcome of the workers means: recorded in the caller's transaction, and what to do after its commit.

The steps that come back are not taken until the commit stands. A transaction that fails (a full disk) is tried again
with the same outcomes, so everything here may run twice.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from captiond import adoption, captions, jobs, log, policy
from captiond.config.models import VideoMode
from captiond.dispatch import knowledge, record
from captiond.dispatch.published import Published
from captiond.dispatch.routes import other_form
from captiond.dispatch.steps import Encode, End, Publish, Step, TakeAway
from captiond.dispatch.tasks import Stage, Task, Tasks
from captiond.dispatch.work import HasFailed, HasFormer, Outcome, WasAnswered, WasEncoded, WasPublished, WasRead
from captiond.endpoints.sizes import NO_LIMITS, about_number
from captiond.errors import (
    BadRequest,
    CannotFetch,
    Failure,
    Fault,
    Internal,
    NoImages,
    ServerError,
    Stopped,
    TooLarge,
    Unreadable,
    Waiting,
)
from captiond.store import calls, files
from captiond.values import Call, ImagePart

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from captiond.by_url import Urls
    from captiond.config.models import Settings
    from captiond.dispatch.health import HealthMonitor
    from captiond.media.spec import EncodeSpec

_NOT_BY_URL = (CannotFetch, BadRequest, TooLarge, ServerError)
"""What a server may answer to a URL that it can't fetch, told with a status."""

VANISHED_SECONDS = 5.0
"""Until then the watcher of the root knows whether the file is gone or the whole root is away."""


class Outcomes:
    """Judges outcomes on the dispatcher's thread."""

    def __init__(self, settings: Settings, tasks: Tasks, health: HealthMonitor, urls: Urls) -> None:
        self._settings = settings
        self._tasks = tasks
        self._health = health
        self._urls = urls
        self._log = log.get("dispatch")
        self._published = Published(settings.sidecar, tasks)
        self.stopping = False

    def judge_unwritten(self, conn: Connection, outcome: Outcome) -> list[Step] | None:
        """What follows from an outcome that changes nothing in the database; None if it has to be recorded.

        Most files come here twice before their answer: a look-up is a tenth of the cost of a commit.
        """
        if isinstance(outcome, HasFormer):
            return [TakeAway(outcome)]
        if isinstance(outcome, WasPublished | WasAnswered | HasFailed):
            return None
        task = self._tasks.get(outcome.job_id)
        if task is None:
            return []
        if isinstance(outcome, WasEncoded):
            task.encoded, task.spec, task.seconds["encode"] = outcome.encoded, outcome.spec, outcome.seconds
            self._tasks.make_ready(task)
            return []
        if self.stopping or record.known(conn, task.job, task.route, outcome.opened) is not None:
            return None
        if outcome.standing is not None and not adoption.is_ours(conn, task.job.file_id, outcome.standing):
            return None
        return self._no_answer_yet(task, outcome)

    def _no_answer_yet(self, task: Task, outcome: WasRead) -> list[Step]:
        """These bytes have no answer: it is asked for, unless that is done already."""
        self._was_read(task, outcome)
        leader = self._tasks.leader(task)
        if leader is task:
            if outcome.encoded is not None:
                task.encoded = outcome.encoded
                self._tasks.make_ready(task)
                return []
            task.stage = Stage.ENCODING
            return [Encode(task)]
        task.stage = Stage.FOLLOWING
        if task not in leader.followers:
            leader.followers.append(task)
        return []

    def judge(self, conn: Connection, outcome: Outcome) -> list[Step]:
        """Record one outcome in the transaction of `conn`."""
        if isinstance(outcome, HasFormer):
            return [TakeAway(outcome)]
        if isinstance(outcome, WasPublished):
            return self._published.record(conn, outcome)
        task = self._tasks.get(outcome.job_id)
        if task is None:
            return []
        match outcome:
            case WasRead():
                return self._read(conn, task, outcome)
            case WasAnswered():
                return self._answered(conn, task, outcome)
            case HasFailed():
                return self._failed(conn, task, outcome)
            case WasEncoded():
                return self.judge_unwritten(conn, outcome) or []

    def crashed(self, conn: Connection, outcome: Outcome, error: Exception) -> list[Step]:
        """An outcome can't be recorded because of a bug: that fails its job, and nothing else."""
        if isinstance(outcome, WasPublished | HasFormer):
            self._tasks.publishing.pop(outcome.file_id, None)
            return []
        task = self._tasks.get(outcome.job_id)
        if task is None:
            return []
        return self._failed(conn, task, HasFailed(task.job.id, Internal(f"{type(error).__name__}: {error}")))

    def give_back(self, conn: Connection, tasks: list[Task], failure: Failure) -> list[Step]:
        """Tasks that can't go on now: they wait in the database, with their attempt returned."""
        decision = policy.GiveBack(time.time())
        return [step for task in tasks for step in self._decide(conn, task, failure, decision)]

    # --- one function an outcome

    @staticmethod
    def _was_read(task: Task, outcome: WasRead) -> None:
        task.opened, task.seconds["read"] = outcome.opened, outcome.seconds

    def _read(self, conn: Connection, task: Task, outcome: WasRead) -> list[Step]:
        self._was_read(task, outcome)
        via, reason = "known", None
        if outcome.standing is not None:
            adopted = record.beside(conn, task.job, task.route, outcome.opened, outcome.standing)
            via, reason = "known" if adopted.caption_id is None else "sidecar", adopted.reason
            if adopted.caption_id is not None and task.job.after_caption:
                # It stood there when it was asked for again; now it is history that can be looked up.
                task.job = jobs.not_answered_by(conn, task.job, adopted.caption_id)
        if reason is not None:
            self._log.warning("sidecar_refused", path=task.job.path, reason=reason)
        caption_id = record.known(conn, task.job, task.route, outcome.opened)
        if caption_id is not None:
            return self._done(conn, task, captions.content_id(conn, outcome.opened, None), caption_id, via=via)
        if self.stopping:
            return self.give_back(conn, [task], Stopped())
        return self._no_answer_yet(task, outcome)

    def _answered(self, conn: Connection, task: Task, outcome: WasAnswered) -> list[Step]:
        assert task.opened is not None
        assert task.encoded is not None
        content_id = captions.content_id(conn, task.opened, task.encoded.facts)
        after = max(one.job.after_caption for one in (task, *task.followers))
        reply, answer = outcome.reply, outcome.answer
        caption_id = record.answered(conn, task.route, content_id, reply, answer, time.time(), after=after)
        self._called(conn, task, outcome.call, None, content_id)
        self._took(conn, task)
        task.caption = outcome.reply.caption
        if task.url_failed is not None:
            self._urls.refused(task.job, task.endpoint, task.url_failed)
        return self._done(conn, task, content_id, caption_id, via="call")

    def _failed(self, conn: Connection, task: Task, failed: HasFailed) -> list[Step]:
        failure, call, held = failed.failure, failed.call, False
        if call is not None:
            content_id = captions.content_id(conn, task.opened, None) if task.opened is not None else None
            url_refused = (
                failed.by_url
                and not self.stopping
                and isinstance(failure, _NOT_BY_URL)
                and failure.http_status is not None
            )
            # What an endpoint says of a URL says nothing of its health: the bytes will.
            judged = CannotFetch(failure.detail, http_status=failure.http_status) if url_refused else failure
            held = self._called(conn, task, call, judged, content_id)
            if failure.fault is Fault.ANSWER:
                self._took(conn, task)
            elif failed.formatted and not self.stopping and knowledge.takes_no_format(conn, task, failure):
                self._tasks.make_ready(task)
                return []
            if url_refused:
                return self._with_bytes(task, failure)
            task.spec = self._other_form(conn, task, failure)
            if task.spec is not None:
                task.stage = Stage.ENCODING
                return [Encode(task)]
        elif isinstance(failure, NoImages):
            self._health.after_call(task, failure)
        if self.stopping and failure.fault is not Fault.FILE:
            failure = Stopped()
        decision = policy.after_failure(
            failure,
            attempts=task.job.attempts,
            now=time.time(),
            queue=self._settings.queue,
            chance=random.random(),
            held=held,
        )
        return self._decide(conn, task, failure, decision)

    def _with_bytes(self, task: Task, failure: Failure) -> list[Step]:
        """A URL did not do: the bytes instead, within the same attempt. If they do, it was the URL's fault.

        Words that say so are believed at once, so that the files in flight beside this one are spared the same.
        """
        assert task.encoded is not None
        task.url_failed = None if isinstance(failure, TooLarge) else failure
        if isinstance(failure, CannotFetch):
            self._urls.refused(task.job, task.endpoint, failure)
        if task.encoded.parts:
            task.encoded = replace(task.encoded, url=None)
            self._tasks.make_ready(task)
            return []
        task.spec, task.stage = None, Stage.ENCODING
        return [Encode(task)]

    # --- endings

    def _done(self, conn: Connection, task: Task, content_id: int, caption_id: int, *, via: str) -> list[Step]:
        self._tasks.stop_leading(task)
        plan = record.done(conn, task.job, content_id, caption_id, self._settings.sidecar, time.time())
        steps: list[Step] = [End(task, "done", via=via)]
        if plan is not None:
            steps.append(Publish(plan))
        for follower in task.followers:
            follower.encoded, follower.caption = task.encoded, task.caption
            steps += self._done(conn, follower, content_id, caption_id, via="copy")
        return steps

    def _decide(self, conn: Connection, task: Task, failure: Failure, decision: policy.Decision) -> list[Step]:
        self._tasks.stop_leading(task)
        job, reason, detail, now = task.job, failure.code, failure.message, time.time()
        match decision:
            case policy.GiveUp():
                ending = record.failed(conn, job, task.opened, failure, now).value
            case policy.Retry(due_at=due_at):
                ending = "retry"
                jobs.retry(conn, job, now=now, due_at=due_at, reason=reason, detail=detail)
            case policy.GiveBack(due_at=due_at):
                ending = "given_back"
                jobs.give_back(conn, job, now=now, due_at=due_at, reason=reason, detail=detail)
            case _:
                # Drop. The job stays, and is claimed again should the file come back. Whether a file of a root is gone is
                # told by its watcher alone: a share that was unmounted a moment ago looks the same from here.
                ending = "absent"
                if job.root_id is None:
                    files.mark_absent(conn, [job.file_id])
                jobs.give_back(conn, job, now=now, due_at=now + VANISHED_SECONDS, reason=reason, detail=detail)
        steps: list[Step] = [End(task, ending, failure=failure)]
        for follower in task.followers:
            if failure.fault is Fault.ROOT or isinstance(failure, Unreadable):
                # It is gone, has changed or can't be read any more: that says nothing of its copies.
                unread = Stopped("the file with the same bytes was not read to its end")
                steps += self.give_back(conn, [follower], failure if isinstance(failure, Waiting | Stopped) else unread)
            else:
                # The same bytes fail alike; but what is tried again is tried once, and its copies wait for it.
                shared = policy.GiveBack(decision.due_at) if isinstance(decision, policy.Retry) else decision
                steps += self._decide(conn, follower, failure, shared)
        return steps

    def _called(
        self, conn: Connection, task: Task, call: Call, failure: Failure | None, content_id: int | None
    ) -> bool:
        """A call was made. Returns: see `HealthMonitor.after_call`."""
        if task.counted is not call:
            task.counted = call
            task.count(call)
            task.held = self._health.after_call(task, failure, call.usage)
        calls.record(conn, task.job, content_id, call)
        return task.held

    @staticmethod
    def _took(conn: Connection, task: Task) -> None:
        """The endpoint took the media as they were."""
        if task.refused_as is not None:
            knowledge.taken(conn, task, task.refused_as)

    def _other_form(self, conn: Connection, task: Task, failure: Failure) -> EncodeSpec | None:
        """Too large, or a video that the endpoint does not take so: another form within the same attempt."""
        if task.encoded is None or task.spec is None or self.stopping:
            return None
        auto = task.route.auto_video
        if auto and knowledge.takes_no_video(conn, task, failure):
            return replace(task.spec, video=VideoMode.FRAMES)
        told = knowledge.too_large(conn, task, failure) if isinstance(failure, TooLarge) else NO_LIMITS
        pictures = all(isinstance(part, ImagePart) for part in task.encoded.parts)
        by_size = isinstance(failure, TooLarge) and pictures and not told and not about_number(failure.detail)
        task.refused_as = failure.detail if by_size else None
        return other_form(task.spec, task.encoded, failure, auto_video=auto, told=told)
