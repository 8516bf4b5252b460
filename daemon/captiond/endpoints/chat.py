"""An endpoint that speaks OpenAI's `POST /chat/completions`, through the `openai` client.

The client's own retries and redirects are off: the queue owns retries, since a new attempt needs the files read anew
and must be counted; and a redirect would post a user's pictures to another host. Its timeouts are per read; `deadline`
puts a total one under them.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import httpx2
import openai
from openai.types.chat import ChatCompletion

from captiond.config.models import Endpoint as EndpointSettings
from captiond.config.models import VideoMode
from captiond.endpoints import abilities, answers, catalogue, failures, servers
from captiond.endpoints.abilities import Abilities, Dialect, JsonForm, Told
from captiond.endpoints.body import Body
from captiond.endpoints.catalogue import Model
from captiond.endpoints.clients import CONNECT_SECONDS, Clients
from captiond.endpoints.deadline import Calls
from captiond.endpoints.keys import Key
from captiond.endpoints.known import Known
from captiond.endpoints.pricelist import PriceList
from captiond.endpoints.prices import Price
from captiond.errors import (
    Asleep,
    BadResponse,
    CallTimeout,
    CannotFetch,
    Failure,
    Forbidden,
    NoKey,
    PaymentRequired,
    RateLimited,
    ServerError,
    Stopped,
    Unauthorized,
    Unavailable,
)
from captiond.redact import hidden
from captiond.values import Answer, Kind, Request, Source

ASK_ABILITIES_SECONDS: Final = 5.0
ABILITIES_AGAIN_SECONDS: Final = 300.0
"""How long a failure to learn what the model takes is remembered."""

LIST_SECONDS: Final = 20.0
"""To list the models: providers have hundreds."""

WAKE_SECONDS: Final = 15.0
"""Between two calls to a model that is being woken, where the server names no time."""
WAKE_AGAIN_SECONDS: Final = 600.0
"""A model that sleeps still, or again, is asked to wake after so long."""


class ChatEndpoint:
    """See `base.Endpoint`."""

    wants_measures = False

    def __init__(self, name: str, settings: EndpointSettings, key: Key, *, identity: str | None = None) -> None:
        """`identity` is what of it can change an answer; default: its base_url."""
        self.name = name
        self.model = settings.model
        self.source = Source.MODEL
        self.concurrency = settings.concurrency
        self.identity = identity or _without_secrets(settings.base_url)
        self._base_url = settings.base_url
        self._timeout = settings.timeout_seconds
        self._key = key
        self._calls = Calls()
        self.known = Known()
        self._configured = _configured(settings)
        self._prices = PriceList(self.models, _price(settings))
        self._abilities = threading.Lock()
        self._listed: object = None
        self._list_at = 0.0
        self._told: dict[str, tuple[Abilities, float]] = {}
        self._wake_at: dict[str, float] = {}
        self._clients = Clients(settings, key, self._calls)

    def ask(self, request: Request) -> Answer:
        """See `base.Endpoint.ask`."""
        if self._key.problem:
            raise NoKey(self._key.problem)
        moving = request.encoded.facts.kind is Kind.VIDEO or request.encoded.facts.animated
        body = Body(request, self.abilities(request.model) if moving else Abilities())
        started = time.monotonic()
        try:
            with self._calls.within(self._timeout):
                result = self._exchange(body, request.model)
        except Failure as failure:
            failure.detail = failures.without_question(failure.detail, request)
            if request.encoded.url is None or not failures.is_about_fetching(failure):
                raise
            raise CannotFetch(failure.detail, http_status=failure.http_status) from failure
        answer = answers.read(
            result,
            model=request.model,
            source=self.source,
            seconds=time.monotonic() - started,
            bytes_sent=body.length,
        )
        return replace(answer, usage=self._prices.billed(request.model, answer.usage))

    def abilities(self, model: str) -> Abilities:
        """See `base.Endpoint.abilities`."""
        with self._abilities:
            told, until = self._told.get(model, (None, 0.0))
            if told is None or time.monotonic() >= until:
                told, until = self._told[model] = self._learn(model)
        return self._configured.over(self.known.abilities(model)).over(told)

    def models(self) -> tuple[Model, ...]:
        """See `base.Endpoint.models`."""
        if self._key.problem:
            raise NoKey(self._key.problem)
        with self._calls.within(min(LIST_SECONDS, self._timeout)):
            return catalogue.parse(self._sent(lambda client: _json_of(client, "/models")))

    def price(self, model: str, *, wait: bool = False) -> Price | None:
        """See `base.Endpoint.price`."""
        return self._prices.of(model, wait=wait)

    def abort(self) -> None:
        """See `base.Endpoint.abort`."""
        self._calls.abort()

    def close(self) -> None:
        """See `base.Endpoint.close`."""
        self._calls.abort()  # the list of prices may be on its way
        self._clients.close()

    def _exchange(self, body: Body, model: str) -> object:
        headers = {"Content-Type": "application/json", "Content-Length": str(body.length)}
        try:
            return self._sent(
                lambda client: client.post(
                    "/chat/completions", cast_to=ChatCompletion, content=iter(body), options={"headers": headers}
                )
            )
        except Asleep as failure:
            raise self._woken(model, failure) from failure

    def _sent(self, send: Callable[[openai.OpenAI], object]) -> object:
        """One exchange with the server; raises a Failure for all that it and the network do."""
        if self._calls.aborted:
            raise Stopped
        try:
            with self._clients.lent() as client:
                return send(client)
        except openai.APIStatusError as error:
            response = error.response
            raise failures.of_status(response.status_code, response.headers, response.content) from error
        except openai.APIConnectionError as error:
            raise self._connection_failure(error) from error
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError, httpx2.DecodingError) as error:
            raise BadResponse(f"wrong JSON: {failures.detail_of(str(error))}", http_status=200) from error

    def _woken(self, model: str, asleep: Asleep) -> Failure:
        """Asks for a sleeping model to be woken, once in WAKE_AGAIN_SECONDS; what the call ends with.

        By https://docs.oxen.ai, `POST /models/{id}/activate`; another server has no such address, and is only waited for.
        """
        with self._abilities:
            now = time.monotonic()
            due = now >= self._wake_at.get(model, now)
            if due:
                self._wake_at[model] = now + WAKE_AGAIN_SECONDS
        wait = WAKE_SECONDS if asleep.retry_after is None else asleep.retry_after
        woken = Asleep(f"{asleep.detail}; {model} is being woken", retry_after=wait, http_status=asleep.http_status)
        if not due:
            return woken
        try:
            # The rest of the call's own deadline holds for it.
            self._sent(
                lambda client: client.post(f"/models/{quote(model, safe=':')}/activate", cast_to=httpx2.Response)
            )
        except (Unauthorized, PaymentRequired, Forbidden, RateLimited, Stopped) as refused:
            return refused
        except Failure as failure:
            return Asleep(
                f"{asleep.detail}; {model} can't be woken from here: {failure.detail}",
                retry_after=asleep.retry_after,
                http_status=asleep.http_status,
            )
        return woken

    def _connection_failure(self, error: openai.APIConnectionError) -> Failure:
        """What went wrong on the way; the client holds the library's own exception as its cause."""
        cause = error.__cause__
        seen = failures.detail_of(str(cause or error))
        if self._calls.aborted:
            return Stopped()
        if isinstance(cause, httpx2.ConnectTimeout):
            return Unavailable(f"it could not be reached within {min(CONNECT_SECONDS, self._timeout):g} s")
        if isinstance(cause, httpx2.TimeoutException):
            return CallTimeout(f"after {self._timeout:g} s")
        if isinstance(cause, httpx2.ConnectError | httpx2.ProxyError | httpx2.UnsupportedProtocol):
            return Unavailable(seen)
        if self._calls.received:
            return BadResponse(f"the answer broke off: {seen}")
        # Not Unavailable, which costs no attempt: a file that crashes the server must not come round for ever.
        return ServerError(f"the connection ended without an answer: {seen}")

    def _learn(self, model: str) -> tuple[Abilities, float]:
        """A model's abilities by the list and the table of known servers, and until when they hold (monotonic)."""
        now = time.monotonic()
        if self._list_at <= now:
            self._listed = self._free(lambda client: _json_of(client, "/models"))
            self._list_at = now + ABILITIES_AGAIN_SECONDS if self._listed is None else float("inf")
            with suppress(BadResponse):
                self._prices.learn(catalogue.parse(self._listed))
        told, entry = abilities.listed(self._listed, model)
        server = servers.known(self._base_url, entry)
        if server is None:
            return told, self._list_at
        for question in server.ask:
            if told.image is None:
                told = question.read(self._ask_server(question, model), model).over(told)
        return told.over(servers.abilities(server, model)), self._list_at

    def _ask_server(self, question: servers.Question, model: str) -> object:
        """What a server of a known kind says of a model at an address of its own."""
        root = self._base_url.rstrip("/").removesuffix("/v1") + question.path
        if question.body is None:
            return self._free(lambda client: _json_of(client, root))
        body = question.body(model)
        return self._free(lambda client: client.post(root, cast_to=httpx2.Response, body=body).json())

    def _free(self, send: Callable[[openai.OpenAI], object]) -> object:
        """The answer to a question that costs nothing; None if there is none."""
        if self._key.problem or self._calls.aborted:
            return None
        try:
            with self._calls.within(ASK_ABILITIES_SECONDS), self._clients.lent() as client:
                return send(client)
        except (openai.OpenAIError, httpx2.HTTPError, ValueError, RecursionError):
            return None


def _json_of(client: openai.OpenAI, address: str) -> object:
    """What a server says at an address of its own, without a key that it may repeat."""
    return hidden(client.get(address, cast_to=httpx2.Response).json())


def _configured(settings: EndpointSettings) -> Abilities:
    """What the configuration says, which goes before all that is found out."""
    videos = {VideoMode.VIDEO_URL: True, VideoMode.FRAMES: False, VideoMode.OFF: False}
    return Abilities.of(
        Told.CONFIG,
        image=True if settings.image == "on" else None,
        video=videos.get(settings.video),
        dialect=None if settings.video_dialect == "auto" else Dialect(settings.video_dialect),
        json=None if settings.json_output == "auto" else JsonForm(settings.json_output),
    )


def _price(settings: EndpointSettings) -> Price | None:
    told = settings.price
    return Price(told.input_per_million, told.output_per_million, told.per_call) if told else None


def _without_secrets(base_url: str) -> str:
    parts = urlsplit(base_url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host.lower(), parts.path.rstrip("/"), "", ""))
