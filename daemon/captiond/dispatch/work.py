"""What the pools' threads do: one function a stage, each returns a frozen outcome.

Nothing here touches the database: the dispatcher's thread records the outcomes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from captiond import by_url, fetch, log, recipes, sidecar
from captiond.by_url import Urls
from captiond.dispatch.routes import Route
from captiond.errors import CallTimeout, Failure, Internal, NoImages, NoKey, Unavailable
from captiond.media import reader
from captiond.media.spec import EncodeSpec
from captiond.paths import is_url, to_text
from captiond.values import ANSWERED, Answer, Call, Encoded, FileContext, ImagePart, Job, Opened, Reply, Usage

if TYPE_CHECKING:
    from captiond.dispatch.decoders import Decoders
    from captiond.dispatch.record import Former, Plan


@dataclass(frozen=True, slots=True)
class WasRead:
    """The file was opened, identified and hashed. `encoded` is there when it is a URL that is sent as such.

    `standing` is what stands in its sidecar's place.
    """

    job_id: int
    opened: Opened
    seconds: float
    encoded: Encoded | None = None
    standing: sidecar.Standing | None = None


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
    """A stage failed.

    `call` is there when a request was made; `by_url`: with a URL in it; `formatted`: with a `response_format` of ours.
    """

    job_id: int
    failure: Failure
    call: Call | None = None
    by_url: bool = False
    formatted: bool = False


@dataclass(frozen=True, slots=True)
class WasPublished:
    """A sidecar was written, refused, or has to wait. `path` is its own, `root` that of its file."""

    file_id: int
    root: str | None
    path: str
    outcome: sidecar.Outcome


@dataclass(frozen=True, slots=True)
class HasFormer:
    """A sidecar was written, and the `former` one is still to be taken away.

    What was `published` is recorded after that, so that a crash in between leaves none behind.
    """

    former: Former
    published: WasPublished

    @property
    def file_id(self) -> int:
        return self.former.file_id

    @property
    def root_id(self) -> int | None:
        return self.former.root_id

    @property
    def target(self) -> str:
        return self.former.target


Outcome = WasRead | WasEncoded | WasAnswered | HasFailed | WasPublished | HasFormer


def read_file(
    job: Job, route: Route, downloads: Path, urls: Urls, suffix: str | None, goes_on: Callable[[], None]
) -> Outcome:
    """Open, identify and hash the job's file; a URL is looked at, and fetched into `downloads` unless it is sent as such.

    `suffix` is of the sidecar beside it, which is read too; None: there are none. `goes_on` is called while it does.
    """
    started = time.perf_counter()

    def stage() -> Outcome:
        if not is_url(job.path):
            opened = reader.read(job.path, job.root, goes_on)
            standing = sidecar.read(sidecar.path_for(job.path, suffix), job.root) if suffix is not None else None
            return WasRead(job.id, opened, time.perf_counter() - started, standing=standing)
        if route.base_url is not None and urls.of_job(job, route.endpoint.name, route.base_url) is not None:
            head = fetch.peek(job.path)
            found = head and by_url.peeked(job.path, head, route.base_url, route.spec_for)
            if found:
                opened, encoded = found
                return WasRead(job.id, opened, time.perf_counter() - started, encoded)
        return WasRead(job.id, _fetched(job, downloads), time.perf_counter() - started)

    return _guarded(job.id, stage)


def encode(
    job: Job,
    opened: Opened,
    route: Route,
    spec: EncodeSpec | None,
    decoders: Decoders,
    downloads: Path,
    urls: Urls,
    *,
    goes_on: Callable[[], None],
) -> Outcome:
    """Make of the file what the endpoint takes; `spec` is given when an earlier one was too large.

    `goes_on` is called when it has a decoder, for which it may have waited long.

    A URL that was only looked at comes here when it does not do: it is fetched now.
    """
    started = time.perf_counter()

    def stage() -> Outcome:
        only_seen = is_url(opened.path)
        file = _fetched(job, downloads) if only_seen else opened
        chosen = spec or route.spec_for(file.kind)
        guard = decoders.ready()
        goes_on()
        encoded = guard.encode(file, chosen)
        url = urls.of_job(job, route.endpoint.name, route.base_url) if spec is None and not only_seen else None
        if url is not None and by_url.may_go(file, encoded, chosen):
            encoded = replace(encoded, url=url)
        return WasEncoded(job.id, encoded, chosen, time.perf_counter() - started)

    return _guarded(job.id, stage)


def _fetched(job: Job, downloads: Path) -> Opened:
    asked = downloads / job.download if job.download is not None else None
    if asked is not None and asked.exists():
        return reader.read(str(asked), None)
    return reader.read(str(fetch.fetch(job.path, downloads / str(job.id))), None)


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
        request = recipes.request(route.recipe, model=route.model, encoded=encoded, context=context, after=job.reason)
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
    if answer is None and _costs_nothing(failure) and route.endpoint.price(route.model) is not None:
        call = replace(call, usage=Usage(cost_usd=0.0))
    formatted = bool(form) and "response_format" not in route.recipe.extra_body
    return HasFailed(job.id, failure, call, by_url=encoded.url is not None, formatted=formatted)


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


def _costs_nothing(failure: Failure) -> bool:
    """Whether no provider bills a call that ended so: refused with a status, or never sent.

    One that was cut off, or broke off, may have been answered, and is billed then: what it cost is not known.
    """
    if isinstance(failure, CallTimeout):
        return False  # also one that a gateway tells: the model behind it may have answered
    return (failure.http_status or 0) >= 400 or isinstance(failure, NoKey | Unavailable)


def publish(plan: Plan) -> Outcome:
    """Write a sidecar."""
    try:
        outcome = sidecar.write(
            plan.target,
            plan.body,
            owned=plan.owned,
            beside=os.path.basename(plan.path),
            root=plan.root,
            rights=plan.rights,
        )
    except Exception as error:
        log.get("work").exception("sidecar_crashed", path=to_text(plan.target))
        outcome = sidecar.Outcome(state="pending", digest=None, reason=f"internal error: {type(error).__name__}")
    published = WasPublished(plan.file_id, plan.root, plan.target, outcome)
    return published if plan.former is None or outcome.state != "written" else HasFormer(plan.former, published)


def take_away(written: HasFormer) -> Outcome:
    """Take a sidecar away from where its file was. Tried once."""
    former = written.former
    try:
        sidecar.remove(former.target, beside=former.beside, owned=former.owned, root=former.root)
    except Exception:
        log.get("work").exception("sidecar_crashed", path=to_text(former.target))
    return written.published


def _guarded(job_id: int, stage: Callable[[], Outcome]) -> Outcome:
    try:
        return stage()
    except Failure as failure:
        return HasFailed(job_id, failure)
    except Exception as error:
        log.get("work").exception("stage_crashed", job=job_id)
        return HasFailed(job_id, Internal(f"{type(error).__name__}: {error}"))
