"""The HTTP side of the fake endpoint: reads each request whole, has it checked, and answers as it was told."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from fake_behaviour import Behaviour, error, raw, send
from fake_protocol import Recorded, Violation, check_headers, inspect_request, sent_urls

if TYPE_CHECKING:
    from fake_endpoint import FakeEndpoint

PIECE = 1 << 20


def fetched(url: str) -> tuple[str, bytes]:
    """What is at a URL, as a provider gets it: with its own words for who it is, and no proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers={"User-Agent": "fake-endpoint"}), timeout=10) as response:
        return response.headers.get_content_type(), response.read()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], fake: FakeEndpoint) -> None:
        self.fake = fake
        super().__init__(address, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that goes away is no error of the test
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, *_: Any) -> None:
        """Says nothing: the recorded requests are the log."""

    def setup(self) -> None:
        super().setup()
        self.server.fake.opened(self.connection)

    def finish(self) -> None:
        self.server.fake.closed(self.connection)
        super().finish()

    def do_GET(self) -> None:
        fake = self.server.fake
        path = self.path.partition("?")[0]
        if path == "/stats":
            return self._json(fake.stats())
        if path in fake.pages:
            return self._json(fake.pages[path])
        if not path.endswith("/models"):
            return self._answer(error(404))
        fake.asked_for_models()
        if isinstance(fake.models, Behaviour):
            return self._answer(fake.models)
        if not self._key_is_right():
            return self._answer(error(401, "Invalid API key", kind="unauthenticated"))
        return self._json({"object": "list", "data": fake.models})

    def do_POST(self) -> None:
        fake = self.server.fake
        if self.path == "/reset":
            fake.reset_counts()
            return self._json({})
        if self.path in fake.pages:
            self._body(int(self.headers.get("Content-Length") or 0), keep=False)
            return self._json(fake.pages[self.path])
        if self.path.endswith("/activate"):
            self._body(int(self.headers.get("Content-Length") or 0), keep=False)
            return self._answer(fake.activate(unquote(self.path.split("/")[-2])))
        number, script = fake.next()
        recorded = Recorded(
            number, time.time(), time.monotonic(), self.client_address[1], self.path,
            {name.lower(): value for name, value in self.headers.items()}, 0,
        )  # fmt: skip
        fake.entered(+1)
        try:
            if isinstance(script, Behaviour) and script.early:
                fake.requests.append(recorded)
                return self._answer(script, recorded)
            recorded, refused = self._read(recorded)
            fake.requests.append(recorded)
            self._answer(
                refused or (script if isinstance(script, Behaviour) else script(recorded)),
                recorded,
            )
        finally:
            fake.entered(-1)

    def _read(self, recorded: Recorded) -> tuple[Recorded, Behaviour | None]:
        """The request with its content, and the answer to give if it is not a right one."""
        fake = self.server.fake
        if not recorded.path.endswith("/chat/completions"):
            return recorded, error(404, f"no such path: {recorded.path}", kind="resource_not_found")
        try:
            check_headers(recorded.headers)
        except Violation as violation:
            self.close_connection = True
            return replace(recorded, violation=str(violation)), error(
                400, str(violation), kind="invalid_params", early=True
            )
        length = int(recorded.headers["content-length"])
        body = self._body(length, keep=not fake.fast)
        recorded = replace(recorded, body_bytes=length, urls=sent_urls(body))
        if not self._key_is_right():
            return recorded, error(401, "Invalid API key", kind="unauthenticated")
        if fake.fast:
            return recorded, None
        try:
            if recorded.urls and isinstance(fake.fetches, Behaviour):
                return recorded, fake.fetches
            recorded = replace(recorded, **inspect_request(body, fetched, fake.dialect))
            return recorded, fake.sleeps(recorded.model or "")
        except OSError as failure:
            return recorded, error(
                400, f"Error while downloading {recorded.urls[0]}: {failure}", kind="invalid_image_url"
            )
        except Violation as violation:
            return replace(recorded, violation=str(violation)), error(400, str(violation), kind="invalid_params")

    def _body(self, length: int, *, keep: bool) -> bytes:
        if keep:
            body = self.rfile.read(length)
            if len(body) < length:
                self._gone()
            return body
        piece = memoryview(bytearray(min(PIECE, length)))
        while length:
            got = self.rfile.readinto(piece[: min(PIECE, length)])
            if not got:
                self._gone()
            length -= got
        return b""

    def _gone(self) -> None:
        self.server.fake.disconnected()
        raise ConnectionResetError("the client went away in the middle of its body")

    def _key_is_right(self) -> bool:
        key = self.server.fake.key
        return key is None or self.headers.get("Authorization") == f"Bearer {key}"

    def _answer(self, behaviour: Behaviour, recorded: Recorded | None = None) -> None:
        recorded = recorded or Recorded(0, time.time(), time.monotonic(), 0, self.path, {}, 0)
        if not send(behaviour, recorded, self.server.fake.wire(self.connection)):
            self.close_connection = True

    def _json(self, value: Any) -> None:
        self._answer(raw(json.dumps(value).encode()))
