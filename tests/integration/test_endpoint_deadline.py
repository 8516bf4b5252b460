"""The total deadline of a call, and the end of all calls at once: whatever a server does, and wherever a call is."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpcore2
import pytest

import fake_endpoint as fakes
from captiond import errors
from captiond.endpoints.chat import ChatEndpoint
from captiond.endpoints.deadline import Calls
from captiond.values import Request
from fake_endpoint import CERTIFICATE, FakeEndpoint
from requests_made import endpoint, file_part, request
from waiting import until

DEADLINE = 0.6
LATE = DEADLINE + 1.5


@contextlib.contextmanager
def raw_server(*, accepts: bool = True) -> Iterator[str]:
    """A server that takes connections (or not even that) and never reads or writes a byte; gives its host and port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen(8 if accepts else 0)
        port = listener.getsockname()[1]
        fillers = [] if accepts else [socket.socket() for _ in range(4)]
        for filler in fillers:  # a full backlog: the next one's SYN gets no answer
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        try:
            yield f"127.0.0.1:{port}"
        finally:
            for filler in fillers:
                filler.close()


def big(tmp_path: Path) -> Request:
    """More than the socket buffers hold, so that sending it waits for the reader."""
    video = tmp_path / "clip.mp4"
    with video.open("wb") as file:
        file.truncate(30_000_000)
    return request(file_part(video))


def test_an_answer_that_drips_ends_with_the_deadline(fake: FakeEndpoint) -> None:
    for part in ("head", "body"):
        fake.script(fakes.drip(part=part, interval=0.05))
        started = time.monotonic()
        with pytest.raises(errors.CallTimeout, match=f"{DEADLINE:g} s"):
            endpoint(fake.base_url, timeout_seconds=DEADLINE).ask(request())
        assert DEADLINE <= time.monotonic() - started < LATE


def test_an_error_whose_body_drips_ends_with_the_deadline_too(fake: FakeEndpoint) -> None:
    fake.script(fakes.drip(fakes.error(500, "x" * 500), interval=0.05))
    with pytest.raises(errors.CallTimeout):
        endpoint(fake.base_url, timeout_seconds=DEADLINE).ask(request())


def test_a_server_that_never_answers_ends_with_the_deadline(fake: FakeEndpoint) -> None:
    fake.script(fakes.hang())
    started = time.monotonic()
    with pytest.raises(errors.CallTimeout):
        endpoint(fake.base_url, timeout_seconds=DEADLINE).ask(request())
    assert time.monotonic() - started < LATE
    until(lambda: fake.disconnects == 1)


def test_a_server_that_does_not_read_ends_with_the_deadline(tmp_path: Path) -> None:
    with raw_server() as where:
        started = time.monotonic()
        with pytest.raises(errors.CallTimeout):
            endpoint(f"http://{where}/v1", timeout_seconds=DEADLINE).ask(big(tmp_path))
        assert time.monotonic() - started < LATE


def test_a_tls_handshake_that_is_not_answered_ends_with_the_deadline() -> None:
    with raw_server() as where:
        started = time.monotonic()
        with pytest.raises(errors.Unavailable, match="could not be reached"):
            endpoint(f"https://{where}/v1", timeout_seconds=DEADLINE).ask(request())
        assert time.monotonic() - started < LATE


def test_a_connection_that_is_not_accepted_ends_with_the_deadline() -> None:
    with raw_server(accepts=False) as where:
        started = time.monotonic()
        with pytest.raises(errors.Unavailable, match="could not be reached"):
            endpoint(f"http://{where}/v1", timeout_seconds=DEADLINE).ask(request())
        assert time.monotonic() - started < LATE


def test_a_reader_that_takes_a_little_at_a_time_ends_with_the_deadline(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def sip() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                while connection.recv(20_000):
                    time.sleep(0.05)

        thread = threading.Thread(target=sip, daemon=True)
        thread.start()
        started = time.monotonic()
        with pytest.raises(errors.CallTimeout):
            endpoint(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", timeout_seconds=DEADLINE).ask(big(tmp_path))
        assert time.monotonic() - started < LATE


def test_each_call_on_a_kept_connection_has_its_own_deadline(fake: FakeEndpoint) -> None:
    price = {"input_per_million": 1, "output_per_million": 4}  # else the list of prices has a connection too
    client = endpoint(fake.base_url, timeout_seconds=1, price=price)
    fake.default = fakes.ok("x", delay=0.4)
    for _ in range(4):
        client.ask(request())
    assert fake.connections == 1


# --- abort ---


def asking(client: ChatEndpoint, what: Request) -> tuple[threading.Thread, list[BaseException | object]]:
    outcome: list[BaseException | object] = []

    def work() -> None:
        try:
            outcome.append(client.ask(what))
        except errors.Failure as failure:
            outcome.append(failure)

    thread = threading.Thread(target=work)
    thread.start()
    return thread, outcome


def ends_at_once(client: ChatEndpoint, calls: list[tuple[threading.Thread, list[BaseException | object]]]) -> None:
    started = time.monotonic()
    client.abort()
    for thread, outcome in calls:
        thread.join(5)
        assert not thread.is_alive()
        assert isinstance(outcome[0], errors.Stopped)
    assert time.monotonic() - started < 1
    with pytest.raises(errors.Stopped):
        client.ask(request())
    client.close()


def test_abort_ends_every_call_that_waits_for_its_answer(fake: FakeEndpoint) -> None:
    fake.default = fakes.hang()
    client = endpoint(fake.base_url, timeout_seconds=60)
    calls = [asking(client, request()) for _ in range(8)]
    until(lambda: fake.in_flight == 8)
    ends_at_once(client, calls)
    until(lambda: fake.disconnects == 8)
    assert len(fake.requests) == 8


def test_abort_ends_a_dripping_answer(fake: FakeEndpoint) -> None:
    fake.default = fakes.drip(interval=0.05)
    client = endpoint(fake.base_url, timeout_seconds=60)
    calls = [asking(client, request())]
    until(lambda: fake.in_flight == 1)
    ends_at_once(client, calls)


def test_abort_ends_an_upload(tmp_path: Path) -> None:
    with raw_server() as where:
        client = endpoint(f"http://{where}/v1", timeout_seconds=60)
        calls = [asking(client, big(tmp_path))]
        until(lambda: _connections(where))
        ends_at_once(client, calls)


@pytest.mark.parametrize(("scheme", "accepts"), [("https", True), ("http", False)])
def test_abort_ends_a_handshake_and_a_connection_in_the_making(scheme: str, *, accepts: bool) -> None:
    with raw_server(accepts=accepts) as where:
        client = endpoint(f"{scheme}://{where}/v1", timeout_seconds=60)
        calls = [asking(client, request())]
        until(lambda: any(thread.name == "connect" for thread in threading.enumerate()) or _connections(where))
        ends_at_once(client, calls)


def test_abort_ends_the_question_what_a_model_takes() -> None:
    with FakeEndpoint(models=fakes.hang()) as fake:
        client = endpoint(fake.base_url)
        outcome: list[bool] = []
        thread = threading.Thread(target=lambda: outcome.append(client.abilities(client.model).takes_videos))
        thread.start()
        until(lambda: fake.models_asked == 1)
        client.abort()
        thread.join(2)
        assert outcome == [False]


def _connections(where: str) -> bool:
    """Whether somebody is connected to this port of this machine."""
    port = f":{int(where.rpartition(':')[2]):04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[2].endswith(port) and line.split()[3] == "01" for line in lines)


# --- what it is put under ---


def test_the_deadline_is_under_every_connection_of_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when a new version of the HTTP library keeps its network backend elsewhere."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "localhost")
    with endpoint("http://127.0.0.1:1/v1")._clients.lent() as client:
        http = client._client
    transports: list[Any] = [http._transport, *filter(None, http._mounts.values())]
    assert len(transports) >= 2
    for transport in transports:
        assert type(transport._pool._network_backend).__module__ == "captiond.endpoints.deadline"


def test_a_connection_that_came_too_late_is_closed() -> None:
    closed = threading.Event()
    gate = threading.Event()

    class Late(httpcore2.NetworkStream):
        def close(self) -> None:
            closed.set()

    class Slow(httpcore2.NetworkBackend):
        def connect_tcp(self, *_: object, **__: object) -> httpcore2.NetworkStream:
            gate.wait()
            return Late()

    with pytest.raises(httpcore2.ConnectTimeout):
        Calls().connect(Slow(), 0.05, host="slow.example", port=80)
    gate.set()
    assert closed.wait(5)


def test_a_call_through_tls_works_and_can_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with FakeEndpoint(default=fakes.echo(), tls=True) as fake:
        client = endpoint(fake.base_url, timeout_seconds=60)
        assert "a red image" in client.ask(request()).text
        fake.default = fakes.hang()
        calls = [asking(client, request()), asking(client, request())]
        until(lambda: fake.in_flight == 2)
        ends_at_once(client, calls)
        until(lambda: fake.disconnects == 2)


def test_a_dripping_answer_through_tls_ends_with_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with FakeEndpoint(default=fakes.drip(), tls=True) as fake, pytest.raises(errors.CallTimeout):
        endpoint(fake.base_url, timeout_seconds=DEADLINE).ask(request())


def test_a_certificate_that_nobody_vouches_for_is_not_trusted() -> None:
    with FakeEndpoint(tls=True) as fake:
        with pytest.raises(errors.Unavailable, match=r"(?i)certificate"):
            endpoint(fake.base_url).ask(request())
        assert fake.requests == []
