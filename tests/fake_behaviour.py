"""How the fake endpoint answers a request: every way, good or bad, that was seen of real ones.

A behaviour is a frozen value made by one of the functions below. `send` puts its bytes on the wire.
"""

from __future__ import annotations

import json
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from fake_protocol import Recorded, echo_text

CAPTION = "A plain picture, as the fake endpoint sees it."
REFUSAL = "I'm sorry, but I can't help with that."


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One answer. `wire` is how it goes out: whole, drip_head, drip_body, truncated, hang, reset or close.

    `delay` is the wait before the first byte; `interval` the wait between the bytes of a dripping answer; `early` answers
    before the body is read, and closes.
    """

    status: int = 200
    body: bytes | Callable[[Recorded], bytes] = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    wire: str = "whole"
    delay: float = 0.0
    interval: float = 0.05
    early: bool = False
    then: Behaviour | None = None


Script = Behaviour | Callable[[Recorded], Behaviour]


def completion(
    text: Any,
    *,
    finish: str | None = "stop",
    model: str = "",
    usage: Any = None,
    **message: Any,
) -> dict[str, Any]:
    """The JSON of a chat completion; `message` are further keys of its message."""
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model or "fake-vision-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": finish,
            }
        ],
        "usage": usage or {"prompt_tokens": 1130, "completion_tokens": 41, "total_tokens": 1171},
    }


def ok(text: Any = CAPTION, *, delay: float = 0.0, **parts: Any) -> Behaviour:
    """A good answer. `text` is a string, None or a list of text parts; `parts` as in `completion`."""

    def body(recorded: Recorded) -> bytes:
        return json.dumps(completion(text, model=recorded.model or "", **parts)).encode()

    return Behaviour(body=body, delay=delay)


def echo(*, delay: float = 0.0, text: Callable[[Recorded], str] = echo_text) -> Behaviour:
    """A caption made of what is in the request."""
    return Behaviour(
        body=lambda r: json.dumps(completion(text(r), model=r.model or "")).encode(),
        delay=delay,
    )


def error(
    status: int,
    message: str = "",
    *,
    shape: str = "title",
    kind: str = "",
    retry_after: float | str | None = None,
    headers: Mapping[str, str] | None = None,
    **behaviour: Any,
) -> Behaviour:
    """An error. `shape` is "title" or "message", as Oxen's two, or "empty". A `retry_after` number is seconds."""
    message = message or HTTPStatus(status).phrase
    shapes: dict[str, Any] = {
        "title": {
            "error": {"type": kind, "title": message, "detail": ""},
            "status": "error",
            "status_message": message,
        },
        "message": {"error": {"message": message, "type": kind or None, "code": kind or None}},
    }
    extra = dict(headers or {})
    if retry_after is not None:
        extra["Retry-After"] = retry_after if isinstance(retry_after, str) else f"{retry_after:g}"
    body = b"" if shape == "empty" else json.dumps(shapes[shape]).encode()
    return Behaviour(status=status, body=body, headers=extra, **behaviour)


def http_date(seconds_from_now: float) -> str:
    """A Retry-After as a date."""
    return formatdate(time.time() + seconds_from_now, usegmt=True)


def raw(
    body: bytes,
    *,
    status: int = 200,
    content_type: str = "application/json",
    **behaviour: Any,
) -> Behaviour:
    """Any bytes with any status."""
    return Behaviour(status=status, body=body, content_type=content_type, **behaviour)


def html(status: int = 200) -> Behaviour:
    """A web page, as a captive portal or a wrong base_url gives."""
    return raw(
        b"<!doctype html><title>Welcome</title><p>Sign in",
        status=status,
        content_type="text/html; charset=utf-8",
    )


def bad_json() -> Behaviour:
    """JSON that ends in the middle, with a right Content-Length."""
    return raw(b'{"id": "x", "choices": [{"message": {"content": "half')


def no_choices() -> Behaviour:
    """A completion without choices."""
    return raw(json.dumps({**completion(""), "choices": []}).encode())


def reasoning(thought: str = "The user wants a caption.", text: Any = None, **parts: Any) -> Behaviour:
    """A reasoning model that put its words beside the content."""
    return ok(text, reasoning_content=thought, **parts)


def cut(text: str = "Two people jump between") -> Behaviour:
    """An answer that ended at max_tokens."""
    return ok(text, finish="length")


def filtered(text: Any = "") -> Behaviour:
    """An answer that a safety filter stopped."""
    return ok(text, finish="content_filter")


def refusal(text: str = REFUSAL, *, as_field: bool = False) -> Behaviour:
    """A refusal, as a sentence or in the message's `refusal`."""
    return ok(None, refusal=text) if as_field else ok(text)


def redirect(location: str, status: int = 307) -> Behaviour:
    """A redirect."""
    return Behaviour(status=status, headers={"Location": location})


def hang(then: Behaviour | None = None) -> Behaviour:
    """Nothing, until the client goes away or the test calls `release()`; then `then`, or the connection is closed."""
    return Behaviour(wire="hang", then=then)


def drip(behaviour: Behaviour | None = None, *, part: str = "body", interval: float = 0.05) -> Behaviour:
    """An answer that comes a byte at a time: the body's bytes, or the head's."""
    return replace(behaviour or ok(), wire=f"drip_{part}", interval=interval)


def truncated(behaviour: Behaviour | None = None) -> Behaviour:
    """Half the body that Content-Length promised, then the end."""
    return replace(behaviour or ok(), wire="truncated")


def reset() -> Behaviour:
    """The connection is reset after the request was read."""
    return Behaviour(wire="reset")


def close() -> Behaviour:
    """The connection is closed without an answer."""
    return Behaviour(wire="close")


@dataclass(slots=True)
class Wire:
    """What `send` needs of the server: the connection, the server's end, and the test's `release`."""

    connection: socket.socket
    stopping: threading.Event
    released: threading.Event
    on_disconnect: Callable[[], None]


def send(behaviour: Behaviour, recorded: Recorded, wire: Wire) -> bool:
    """Answers; returns whether the connection can be used again."""
    if behaviour.delay:
        wire.stopping.wait(behaviour.delay)
    if behaviour.wire == "hang":
        if not _hang(wire) or behaviour.then is None:
            return False
        return send(behaviour.then, recorded, wire)
    if behaviour.wire == "close":
        return False
    if behaviour.wire == "reset":
        wire.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
    body = behaviour.body(recorded) if callable(behaviour.body) else behaviour.body
    head = _head(behaviour, len(body))
    if behaviour.wire == "drip_head":
        return _drip(head, behaviour.interval, wire) and _sent(body, wire) and not behaviour.early
    if behaviour.wire == "drip_body":
        return _sent(head, wire) and _drip(body, behaviour.interval, wire) and not behaviour.early
    if behaviour.wire == "truncated":
        _sent(head + body[: len(body) // 2], wire)
        return False
    return _sent(head + body, wire) and not behaviour.early


def _head(behaviour: Behaviour, length: int) -> bytes:
    try:
        phrase = HTTPStatus(behaviour.status).phrase
    except ValueError:
        phrase = "Odd"
    lines = [
        f"HTTP/1.1 {behaviour.status} {phrase}",
        f"Content-Type: {behaviour.content_type}",
        f"Content-Length: {length}",
    ]
    lines += [f"{name}: {value}" for name, value in behaviour.headers.items()]
    if behaviour.early:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _sent(data: bytes, wire: Wire) -> bool:
    try:
        wire.connection.sendall(data)
    except OSError:
        wire.on_disconnect()
        return False
    return True


def _drip(data: bytes, interval: float, wire: Wire) -> bool:
    return all(_sent(data[at : at + 1], wire) and not wire.stopping.wait(interval) for at in range(len(data)))


def _hang(wire: Wire) -> bool:
    while not wire.stopping.is_set():
        if wire.released.is_set():
            return True
        readable, _, _ = select.select([wire.connection], [], [], 0.02)
        if readable:
            try:  # a TLS connection can't be peeked into; its client says nothing more, so it is its end
                gone = isinstance(wire.connection, ssl.SSLSocket) or not wire.connection.recv(1, socket.MSG_PEEK)
            except OSError:
                gone = True
            if gone:
                wire.on_disconnect()
                return False
    return False
