"""What the pools' threads do: one function a stage, each returns a frozen outcome.

Nothing here touches the database: the dispatcher's thread records the outcomes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from captiond import fetch, log, recipes, sidecar
from captiond.dispatch.routes import Route
from captiond.errors import Failure, Internal, NoImages
from captiond.media import reader
from captiond.media.spec import EncodeSpec
from captiond.paths import is_url, to_text
from captiond.values import ANSWERED, Answer, Call, Encoded, FileContext, ImagePart, Job, Opened, Reply

if TYPE_CHECKING:
    from captiond.media.guard import Guard


@dataclass(frozen=True, slots=True)
class WasRead:
    """The file was opened, identified and hashed."""

    job_id: int
    opened: Opened
    seconds: float


@dataclass(frozen=True, slots=True)
class WasEncoded:
    """The media are ready to be sent."""

    job_id: int
    encoded: Encoded
    spec: EncodeSpec
    seconds: float


@dataclass(frozen=True, slots=True)
class WasAnswered:
    """The endpoint answered, and the answer can be used."""

    job_id: int
    answer: Answer
    reply: Reply
    call: Call


@dataclass(frozen=True, slots=True)
class HasFailed:
    """A stage failed. `call` is there when a request was made; `formatted` when a `response_format` of ours was in it."""

    job_id: int
    failure: Failure
    call: Call | None = None
    formatted: bool = False


@dataclass(frozen=True, slots=True)
class WasPublished:
    """A sidecar was written, refused, or has to wait."""

    file_id: int
    path: str
    outcome: sidecar.Outcome


Outcome = WasRead | WasEncoded | WasAnswered | HasFailed | WasPublished


def read_file(job: Job, downloads: Path) -> Outcome:
    """Open, identify and hash the job's file; a URL is fetched into `downloads` first."""
    started = time.perf_counter()

    def stage() -> Outcome:
        if is_url(job.path):
            opened = reader.read(str(fetch.fetch(job.path, downloads / str(job.id))), None)
        else:
            opened = reader.read(job.path, job.root)
        return WasRead(job.id, opened, time.perf_counter() - started)

    return _guarded(job.id, stage)


def encode(job: Job, opened: Opened, route: Route, spec: EncodeSpec | None, guard: Guard) -> Outcome:
    """Make of the file what the endpoint takes; `spec` is given when an earlier one was too large."""
    started = time.perf_counter()

    def stage() -> Outcome:
        chosen = spec or route.spec_for(opened.kind)
        encoded = guard.encode(opened, chosen)
        return WasEncoded(job.id, encoded, chosen, time.perf_counter() - started)

    return _guarded(job.id, stage)


def ask(job: Job, route: Route, encoded: Encoded) -> Outcome:
    """One call, and the judgement of its answer; no call to a model that is known to take no images."""
    return _guarded(job.id, lambda: _ask(job, route, encoded))


def _ask(job: Job, route: Route, encoded: Encoded) -> Outcome:
    abilities = route.endpoint.abilities(route.model)
    if abilities.image is False and any(isinstance(part, ImagePart) for part in encoded.parts):
        return HasFailed(job.id, NoImages(f"{route.model}, {abilities.by('image')}; {NoImages.remedy}"))
    form = recipes.response_format(route.recipe, abilities.json)
    started_at, started = time.time(), time.perf_counter()
    answer: Answer | None = None
    failure: Failure
    try:
        context = FileContext(path=to_text(job.path), root=to_text(job.root or os.path.dirname(job.path)))
        request = recipes.request(route.recipe, model=route.model, encoded=encoded, context=context)
        request = replace(request, extra_body={**form, **request.extra_body})
        answer = route.endpoint.ask(request)
        reply = recipes.reply(route.recipe, answer)
    except Failure as error:
        failure = error
    except Exception as error:
        log.get("work").exception("call_crashed", path=to_text(job.path))
        failure = Internal(type(error).__name__)
    else:
        call = _call(route, answer, started_at, time.perf_counter() - started)
        return WasAnswered(job.id, answer, reply, call)
    call = _call(route, answer, started_at, time.perf_counter() - started)
    call = replace(call, outcome=failure.code, http_status=failure.http_status, rejected=failure.rejected)
    return HasFailed(job.id, failure, call, formatted=bool(form) and "response_format" not in route.recipe.extra_body)


def _call(route: Route, answer: Answer | None, started_at: float, seconds: float) -> Call:
    """The record of a call that was answered well; also the ground of one that was not."""
    call = Call(route.endpoint.name, route.model, started_at, seconds, outcome=ANSWERED, http_status=200)
    if answer is None:
        return call
    return replace(
        call,
        model=answer.model,
        usage=answer.usage,
        bytes_sent=answer.bytes_sent,
        finish_reason=answer.finish_reason,
    )


def publish(file_id: int, path: str, target: str, body: bytes, owned: Collection[str], old: str | None) -> Outcome:
    """Write the sidecar of the file at `path`; when the file has moved, take the old one away."""
    try:
        outcome = sidecar.write(target, body, owned=owned, beside=os.path.basename(path))
        if outcome.state == "written" and old is not None and old != target:
            sidecar.remove(old, owned=owned)
    except Exception as error:
        log.get("work").exception("sidecar_crashed", path=to_text(target))
        outcome = sidecar.Outcome(state="pending", digest=None, reason=f"internal error: {type(error).__name__}")
    return WasPublished(file_id, target, outcome)


def _guarded(job_id: int, stage: Callable[[], Outcome]) -> Outcome:
    try:
        return stage()
    except Failure as failure:
        return HasFailed(job_id, failure)
    except Exception as error:
        log.get("work").exception("stage_crashed", job=job_id)
        return HasFailed(job_id, Internal(f"{type(error).__name__}: {error}"))
