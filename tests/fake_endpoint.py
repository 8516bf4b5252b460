"""A real loopback server that speaks `POST /chat/completions`, checks every request, and misbehaves on demand.

    with FakeEndpoint() as fake:
        fake.script(error(429, retry_after=2), ok("A red square."))   # the next requests, in order
        fake.default = echo()                                         # all others; a function of the request will do too
        … base_url = fake.base_url …
        assert fake.requests[0].media[0].width == 640
        assert not fake.violations

By hand and for benchmarks, in a process of its own: `python tests/fake_endpoint.py --port 8000 --delay 0.3 --fast`;
`GET /stats` answers its counters as JSON, `POST /reset` starts them again. `FakeProcess` does that from Python.
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from fake_behaviour import (  # the tests' one import for everything about the fake
    CAPTION,
    REFUSAL,
    Behaviour,
    Script,
    Wire,
    bad_json,
    close,
    completion,
    cut,
    drip,
    echo,
    error,
    filtered,
    hang,
    html,
    http_date,
    no_choices,
    ok,
    raw,
    reasoning,
    redirect,
    refusal,
    reset,
    truncated,
)
from fake_protocol import Media, Recorded, echo_text
from fake_server import Server

__all__ = [
    "CAPTION", "REFUSAL", "Behaviour", "FakeEndpoint", "FakeProcess", "Media", "Recorded", "bad_json", "close",
    "completion", "cut", "drip", "echo", "echo_text", "error", "filtered", "hang", "html", "http_date", "model_entry",
    "no_choices", "ok", "raw", "reasoning", "redirect", "refusal", "reset", "truncated",
]  # fmt: skip

CERTIFICATE = Path(__file__).parent / "data" / "loopback.pem"
"""For 127.0.0.1 and localhost, with its key: for these tests alone. A client trusts it by $SSL_CERT_FILE."""


def model_entry(
    model: str = "fake-vision-1", *inputs: str, price: float = 1e-6, deployment: str | None = None
) -> dict[str, Any]:
    """One model as `GET /models` of Oxen.ai lists it; `inputs` default to text and image.

    With the status of a `deployment` it is a custom model.
    """
    return {
        "id": model,
        "display_name": model,
        "model_type": "custom" if deployment else "base",
        "deployments": [{"status": deployment}] if deployment else [],
        "endpoint": "/chat/completions",
        "capabilities": {
            "input": list(inputs or ("text", "image")),
            "output": ["text"],
        },
        "pricing": {
            "method": "token",
            "input_cost_per_token": price,
            "output_cost_per_token": price * 4,
        },
    }


class FakeEndpoint:
    """The server; a context manager. All lists may be read at any time.

    Args:
        key: the bearer token that it wants; None takes any request.
        fast: read each body and answer without looking into it (for benchmarks).
        default: the answer to a request that no script is left for.
        models: what `GET /models` lists; a Behaviour answers that instead.
        asleep: models that answer no call until `POST /models/{id}/activate` came, and then for `waking` calls more.
        dialect: how it takes videos, see `fake_protocol.inspect_request`.
        tls: speak HTTPS, with the certificate of tests/data/loopback.pem: see CERTIFICATE.
    """

    def __init__(
        self,
        *,
        key: str | None = None,
        fast: bool = False,
        default: Script | None = None,
        models: list[dict[str, Any]] | Behaviour | None = None,
        asleep: tuple[str, ...] = (),
        waking: int = 0,
        dialect: str = "openai",
        tls: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.key = key
        self.fast = fast
        self.dialect = dialect
        self.default: Script = default or ok()
        self.models: list[dict[str, Any]] | Behaviour | None = [model_entry()] if models is None else models
        self.fetches: Behaviour | None = None
        """It fetches the URLs that it is sent, unless this is set: it answers so to them instead."""
        self.activated: list[str] = []
        self.activation: Behaviour | None = None
        self.pages: dict[str, Any] = {}
        """What other addresses answer, as `/api/show`: JSON, to GET and POST alike."""
        self.requests: list[Recorded] = []
        self._asleep = dict.fromkeys(asleep, waking)
        self.in_flight = 0
        self.max_in_flight = 0
        self.models_asked = 0
        self.disconnects = 0
        self.connections = 0
        self._scripts: deque[Script] = deque()
        self._numbers = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._released = threading.Event()
        self._open: set[socket.socket] = set()
        self._scheme = "https" if tls else "http"
        self._server = Server((host, port), self)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="fake", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._server.server_address[:2]
        return str(host), port

    @property
    def base_url(self) -> str:
        """What an endpoint's `base_url` is set to."""
        return "{}://{}:{}/v1".format(self._scheme, *self.address)

    @property
    def violations(self) -> list[str]:
        """What was wrong in the requests so far."""
        return [recorded.violation for recorded in list(self.requests) if recorded.violation]

    def script(self, *behaviours: Script) -> None:
        """Queues the answers to the next requests, one each."""
        with self._lock:
            self._scripts.extend(behaviours)

    def release(self) -> None:
        """Lets every hanging request go on, now and from now on."""
        self._released.set()

    def reset_counts(self) -> None:
        """Forgets the requests and counters so far."""
        with self._lock:
            self.requests.clear()
            self.max_in_flight = self.in_flight
            self.models_asked = self.disconnects = self.connections = 0

    def stats(self) -> dict[str, Any]:
        """The counters as JSON; `arrivals` are seconds since 1970, in order of arrival."""
        requests = sorted(self.requests, key=lambda r: r.arrived)
        return {
            "requests": len(requests),
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "connections": self.connections,
            "body_bytes": sum(r.body_bytes for r in requests),
            "violations": self.violations,
            "arrivals": [r.arrived for r in requests],
        }

    def start(self) -> Self:
        """Serves in a thread."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stops at once: every connection is closed."""
        self._stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):  # the client was quicker
                    connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- for the server ---

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
            self.connections += 1

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def asked_for_models(self) -> None:
        with self._lock:
            self.models_asked += 1

    def activate(self, model: str) -> Behaviour:
        """Wakes a model, as Oxen.ai does it; `activation` is answered instead where it is set."""
        with self._lock:
            self.activated.append(model)
        if self.activation is not None:
            return self.activation
        if model not in self._asleep:
            return error(404, f"Model not found: {model}", kind="resource_not_found")
        return raw(json.dumps(model_entry(model, deployment="deploying")).encode())

    def sleeps(self, model: str) -> Behaviour | None:
        """What a call to a model gets while it sleeps."""
        with self._lock:
            left = self._asleep.get(model)
            if left is None or (model in self.activated and left == 0):
                return None
            if model in self.activated:
                self._asleep[model] = left - 1
                return error(400, f"Model {model} is deploying", retry_after=0)
        return error(400, f"Model {model} is inactive", retry_after=0)

    def next(self) -> tuple[int, Script]:
        with self._lock:
            self._numbers += 1
            return (
                self._numbers,
                self._scripts.popleft() if self._scripts else self.default,
            )

    def entered(self, by: int) -> None:
        with self._lock:
            self.in_flight += by
            self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def disconnected(self) -> None:
        with self._lock:
            self.disconnects += 1

    def wire(self, connection: socket.socket) -> Wire:
        return Wire(connection, self._stopping, self._released, self.disconnected)


class FakeProcess:
    """The fake endpoint in a process of its own, so that it shares no interpreter lock with what is measured."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.base_url = self._process.stdout.readline().strip()
        self._root = self.base_url.removesuffix("/v1")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def stats(self) -> Mapping[str, Any]:
        """As `FakeEndpoint.stats`."""
        with urllib.request.urlopen(f"{self._root}/stats", timeout=30) as response:
            counted: dict[str, Any] = json.load(response)
        return counted

    def reset(self) -> None:
        """Starts the counters again."""
        urllib.request.urlopen(urllib.request.Request(f"{self._root}/reset", data=b""), timeout=30).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


def main() -> None:
    """Serves until it is interrupted; its first line on stdout is the base_url."""
    parser = argparse.ArgumentParser(description="A fake endpoint that speaks POST /chat/completions.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--key", help="the bearer token it wants")
    parser.add_argument("--fast", action="store_true", help="do not look into the requests")
    parser.add_argument("--video", action="store_true", help="say in /models that the model takes video")
    parser.add_argument("--text", help="the caption; without it, one made of the picture")
    options = parser.parse_args()
    plain = options.text or (CAPTION if options.fast else None)
    default = ok(plain, delay=options.delay) if plain else echo(delay=options.delay)
    models = [
        model_entry(
            "fake-vision-1",
            *(("text", "image", "video") if options.video else ("text", "image")),
        )
    ]
    fake = FakeEndpoint(
        key=options.key,
        fast=options.fast,
        default=default,
        models=models,
        host=options.host,
        port=options.port,
    )
    print(fake.base_url, flush=True)
    try:
        fake._server.serve_forever(0.1)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
