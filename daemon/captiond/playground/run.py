"""Tries prompts, models and recipes on files, and keeps nothing: no database, no sidecar.

The files go the way that the service's files go: read, encoded in a decoder process, asked, judged. A file has a thread
with a decoder of its own; its calls are made by the endpoint's threads, as many at once as its `concurrency`.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

from captiond import fetch, recipes
from captiond.dispatch import routes
from captiond.errors import Asleep, Failure, Internal, RateLimited, Stopped
from captiond.media import reader
from captiond.media.guard import Guard, GuardLimits
from captiond.media.spec import EncodeSpec
from captiond.paths import is_url, to_text
from captiond.playground.questions import Question
from captiond.values import Answer, Encoded, FileContext, ImagePart, Opened, Reply, Usage

if TYPE_CHECKING:
    from captiond.config.models import Settings
    from captiond.endpoints.base import Endpoint

FILES_AT_ONCE = 16
"""The most files that are read and held at a time."""
PATIENCE_SECONDS = 30.0
"""An endpoint that asks to wait longer than this is not waited for."""
LONGEST_SECONDS = 600.0
"""So long in all one call is waited for: a model that was asleep takes some minutes."""
PREVIEW = EncodeSpec(max_edge=720, max_bytes=150_000, video="frames", max_frames=4, frame_edge=360)
"""The pictures that a page shows of a file."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one question brought for one file: a reply or a failure. `seconds` are the call's, without any wait before it.

    An answer that can't be used has its usage too: it is paid for. `usd` is None where neither endpoint nor list tells.
    """

    question: Question
    reply: Reply | None = None
    failure: Failure | None = None
    usage: Usage = Usage()
    usd: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """All outcomes of one file, in the order of the questions; `previews` where they were asked for."""

    path: str
    outcomes: tuple[Outcome, ...]
    previews: tuple[ImagePart, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sent:
    """A question on its way."""

    question: Question
    spec: EncodeSpec
    form: Encoded
    call: Future[Outcome]

    def other_form(self) -> EncodeSpec | None:
        """A smaller form of the file to ask with, where the endpoint found this one too large: as the service does it."""
        failure = self.call.result().failure
        if failure is None:
            return None
        return routes.other_form(self.spec, self.form, failure, auto_video=self.question.route.auto_video)


class Playground:
    """Asks the questions. A context manager: at its end, every call and decoder is ended too."""

    def __init__(
        self,
        settings: Settings,
        asked: Sequence[Question],
        endpoints: Mapping[str, Endpoint],
        *,
        previews: bool = False,
    ) -> None:
        self._questions = asked
        self._endpoints = endpoints
        self._previews = previews
        self._limits = GuardLimits(settings.media.decode_seconds, settings.media.decode_memory_mb)
        self._ended = threading.Event()
        self._guards = threading.local()
        self._all_guards: list[Guard] = []
        most = max((endpoint.concurrency for endpoint in endpoints.values()), default=1)
        self._at_once = min(FILES_AT_ONCE, most + 1)
        self._files = ThreadPoolExecutor(self._at_once, "file")
        self._callers = {name: ThreadPoolExecutor(end.concurrency, f"ask-{name}") for name, end in endpoints.items()}
        for question in asked:
            question.route.endpoint.price(question.model)  # so that it is there when the first answer is

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for endpoint in self._endpoints.values():
            endpoint.abort()
        for guard in list(self._all_guards):
            guard.close()
        for pool in (self._files, *self._callers.values()):
            pool.shutdown(cancel_futures=True)
        for endpoint in self._endpoints.values():
            endpoint.close()

    def run(self, paths: Iterable[str]) -> Iterator[Tried]:
        """Each file's outcomes, in the order of the files, as soon as they are there."""
        under_way: deque[Future[Tried]] = deque()
        for path in paths:
            under_way.append(self._files.submit(self._tried, path))
            if len(under_way) >= self._at_once:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    # --- a file's thread

    def _tried(self, path: str) -> Tried:
        # Neither who reads nor the endpoint is told a URL's password.
        path, login = fetch.split_login(path) if is_url(path) else (path, None)
        try:
            with _local(path, login) as file:
                opened = reader.read(file, None)
                return self._asked(path, opened)
        except Failure as failure:
            told: Failure = failure
        except Exception as error:  # noqa: BLE001 - a bug in one file's way costs that file
            told = Internal(f"{type(error).__name__}: {error}")
        return Tried(to_text(path), tuple(Outcome(question, failure=told) for question in self._questions))

    def _asked(self, path: str, opened: Opened) -> Tried:
        context = FileContext(path=to_text(path), root=to_text(os.path.dirname(path)))
        forms: dict[EncodeSpec, Encoded | Failure] = {}

        def sent(question: Question, spec: EncodeSpec | None = None) -> _Sent | Outcome:
            """Encodes the file for a question, once for all that want the same form, and asks it."""
            try:
                spec = spec or question.route.spec_for(opened.kind)
                form = forms[spec] = forms.get(spec) or self._encoded(opened, spec)
                if isinstance(form, Failure):
                    raise form
            except Failure as failure:
                return Outcome(question, failure=failure)
            caller = self._callers[question.route.endpoint.name]
            return _Sent(question, spec, form, caller.submit(self._ask, question, form, context))

        outcomes = []
        for first in [sent(question) for question in self._questions]:
            one = first
            while isinstance(one, _Sent):
                outcome, smaller = one.call.result(), one.other_form()
                one = outcome if smaller is None else sent(one.question, smaller)
            outcomes.append(self._priced(one))
        preview = self._encoded(opened, PREVIEW) if self._previews else None
        shown = preview.parts if isinstance(preview, Encoded) else ()
        return Tried(to_text(path), tuple(outcomes), tuple(part for part in shown if isinstance(part, ImagePart)))

    def _encoded(self, opened: Opened, spec: EncodeSpec) -> Encoded | Failure:
        guard: Guard | None = getattr(self._guards, "mine", None)
        if guard is None:
            guard = self._guards.mine = Guard(self._limits)
            self._all_guards.append(guard)
        if self._ended.is_set():
            guard.close()
        try:
            return guard.encode(opened, spec)
        except Failure as failure:
            return failure

    # --- an endpoint's thread

    def _ask(self, question: Question, form: Encoded, context: FileContext) -> Outcome:
        """One call; a second one when the endpoint asks for a moment, or its model has to wake."""
        give_up = time.monotonic() + LONGEST_SECONDS
        while True:
            outcome = self._called(question, form, context)
            failure = outcome.failure
            wait = failure.retry_after if isinstance(failure, RateLimited | Asleep) else None
            if wait is None or wait > PATIENCE_SECONDS or time.monotonic() + wait > give_up:
                return outcome
            if self._ended.wait(max(wait, 0.1)):
                return Outcome(question, failure=Stopped())

    @staticmethod
    def _called(question: Question, form: Encoded, context: FileContext) -> Outcome:
        started = time.perf_counter()
        answer: Answer | None = None
        failure: Failure
        route = question.route
        try:
            request = recipes.request(route.recipe, model=route.model, encoded=form, context=context)
            answer = route.endpoint.ask(request)
            reply = recipes.reply(route.recipe, answer)
            return Outcome(question, reply, None, answer.usage, None, time.perf_counter() - started)
        except Failure as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - a bug in one call costs that call
            failure = Internal(f"{type(error).__name__}: {error}")
        usage = answer.usage if answer else Usage()
        return Outcome(question, None, failure, usage, None, time.perf_counter() - started)

    # --- prices

    @staticmethod
    def _priced(outcome: Outcome) -> Outcome:
        """With its cost: as the call was billed, else by the list of models, which may have come after the answer."""
        usage = outcome.usage
        if usage.cost_usd is not None or usage == Usage():
            return replace(outcome, usd=usage.cost_usd)
        price = outcome.question.route.endpoint.price(outcome.question.model, wait=True)
        return replace(outcome, usd=price.cost(usage) if price else None)


@contextmanager
def _local(path: str, login: str | None) -> Iterator[str]:
    """The file itself, or a URL's content in a folder that is gone at the end."""
    if not is_url(path):
        yield path
        return
    with TemporaryDirectory(prefix="captiond-try-") as folder:
        yield str(fetch.fetch(path, Path(folder) / "download", login))
