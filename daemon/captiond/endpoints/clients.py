"""The `openai` clients of one endpoint: as many as there were requests at once, each with a connection of its own.

A pool of connections that requests share looks at each idle connection, a system call each, whenever a request begins or
ends (`_assign_requests_to_connections` of httpcore2 2): 12 of them a call with 8 calls in flight, for each of which Python's
global lock goes from thread to thread. A client that has one request at a time looks at its own.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

import httpx2
import openai

from captiond import __version__
from captiond.config.models import Endpoint as EndpointSettings
from captiond.endpoints.deadline import Calls, read_unpacked
from captiond.endpoints.keys import PLACEHOLDER, Key

CONNECT_SECONDS: Final = 10.0
"""To reach the server; the call's deadline may end it sooner."""

KEEP_SECONDS: Final = 4.0
"""How long an idle connection is kept: uvicorn's servers close theirs after 5, and a request must not meet that."""

NO_PROXY: Final = ("all://127.0.0.1", "all://localhost", "all://[::1]")
"""This machine's own servers are not asked through HTTP_PROXY, even where NO_PROXY does not name them."""


class Clients:
    """Makes them as they are needed, lends them to any thread, and closes them all.

    Args:
        settings: of the endpoint.
        key: what it is called with.
        calls: whose deadline is put under every connection.
    """

    def __init__(self, settings: EndpointSettings, key: Key, calls: Calls) -> None:
        self._settings = settings
        self._key = key
        self._calls = calls
        self._tls = httpx2.create_ssl_context()
        self._lock = threading.Lock()
        self._made: list[openai.OpenAI] = []
        self._free: list[openai.OpenAI] = []

    @contextlib.contextmanager
    def lent(self) -> Iterator[openai.OpenAI]:
        """A client for one request: the one that was given back last, for its connection is the likeliest to be open still."""
        with self._lock:
            client = self._free.pop() if self._free else None
        client = client or self._make()
        try:
            yield client
        finally:
            with self._lock:
                self._free.append(client)

    def close(self) -> None:
        """Close all connections; the clients are of no use any more."""
        with self._lock:
            made = self._made[:]
        for client in made:
            client.close()

    def _make(self) -> openai.OpenAI:
        timeout = self._settings.timeout_seconds
        # The queue bounds the calls in flight; a limit here would only let them wait inside their deadline.
        limits = httpx2.Limits(max_connections=None, keepalive_expiry=KEEP_SECONDS)
        http = httpx2.Client(
            follow_redirects=False,
            limits=limits,
            timeout=timeout,
            verify=self._tls,
            mounts=dict.fromkeys(NO_PROXY),
            event_hooks={"response": [read_unpacked]},
        )
        self._calls.install(http)
        client = openai.OpenAI(
            base_url=self._settings.base_url,
            api_key=self._key.value or PLACEHOLDER,
            max_retries=0,
            timeout=httpx2.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout)),
            http_client=http,
            default_headers={"User-Agent": f"captiond/{__version__}", "Accept-Encoding": "identity"},
        )
        # These come from OPENAI_* variables, and are meant for another server.
        client.organization = client.project = client.admin_api_key = None
        with self._lock:
            self._made.append(client)
        return client
