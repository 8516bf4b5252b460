"""The body of one request: JSON with the media as base64, made while it is sent, or as one URL.

Pictures go as `image_url` everywhere. A video goes as `video_url`, to llama.cpp as `input_video`; frames of one go to vLLM as
one `video_url` with a list of JPEG pictures (https://docs.vllm.ai/en/latest/features/multimodal_inputs.html).

Nothing of a video is ever held whole: its file is read in pieces, each piece encoded and handed to the socket. With a
file of 75 MB that took 3.4 MB of memory and 117 ms, against 286 MB and 594 ms through `chat.completions.create`. The
length is known before, so that no server has to take a chunked body.
"""

from __future__ import annotations

import json
import os
from binascii import b2a_base64
from collections.abc import Iterator
from typing import Any, Final

from captiond.endpoints.abilities import Abilities, Dialect
from captiond.errors import BadRequest, Changed, Failure, RootOffline, Unreadable, Vanished
from captiond.mounts import AWAY
from captiond.values import Encoded, FilePart, Kind, Part, Request, Stat

PIECE: Final = 768 * 1024
"""Bytes read at a time: a multiple of 3, so that the pieces' base64 joins without padding. As text it is 1 MiB."""

SENT: Final = PIECE // 3 * 4 + 64 * 1024
"""Bytes handed to the socket at a time, at most, unless a prompt alone is longer."""

JPEG: Final = "image/jpeg"
FRAME_LIST: Final = "video/jpeg"
"""What vLLM calls a list of JPEG pictures, joined by commas."""

_OURS: Final = {"model", "messages"}
"""What `extra_body` can't replace: these are the recipe's and the endpoint's own."""


_USUAL: Final = Abilities()


class Body:
    """An iterable of the body's bytes; `length` is how many there are. Each iteration reads the files anew.

    Iterating raises Changed, Vanished, Unreadable or RootOffline when a file is not what it was.
    """

    def __init__(self, request: Request, abilities: Abilities = _USUAL) -> None:
        """`abilities` say how the model wants videos. Raises BadRequest when the recipe's `extra_body` can't be JSON."""
        head = _head(request)
        self._parts: list[bytes | Part] = []
        encoded = request.encoded
        if encoded.url is not None:
            kind = f"{encoded.facts.kind}_url"
            head += _json({"type": kind, kind: {"url": encoded.url}}).encode() + b","
        parts = encoded.parts if encoded.url is None else ()
        if abilities.takes_frame_lists and is_frames(encoded):
            opening = f'{{"type":"video_url","video_url":{{"url":"data:{FRAME_LIST};base64,'
            for part in parts:
                self._parts += [head + opening.encode(), part]
                head, opening = b"", ","
            head = b'"}},'
        else:
            for part in parts:
                opening, closing = _around(part, abilities.dialect)
                self._parts += [head + opening.encode(), part]
                head = closing
        self._parts.append(head.removesuffix(b",") + b"]}]}")
        self.length = sum(_length(part) for part in self._parts)

    def __iter__(self) -> Iterator[bytes]:
        """A picture of the usual size goes out in one piece with its head and tail: each piece costs a system call."""
        held: list[bytes] = []
        size = 0
        for piece in self._pieces():
            if held and size + len(piece) > SENT:
                yield b"".join(held)
                held, size = [], 0
            held.append(piece)
            size += len(piece)
        yield b"".join(held)

    def _pieces(self) -> Iterator[bytes]:
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
            elif isinstance(part, FilePart):
                yield from _read(part)
            else:
                data = memoryview(part.data)
                for at in range(0, len(data), PIECE):
                    yield b2a_base64(data[at : at + PIECE], newline=False)


def is_frames(encoded: Encoded) -> bool:
    """Whether the media are several pictures of one video or animation."""
    moving = encoded.facts.kind is Kind.VIDEO or encoded.facts.animated
    return moving and len(encoded.parts) > 1 and all(part.mime == JPEG for part in encoded.parts)


def _around(part: Part, dialect: Dialect | None) -> tuple[str, bytes]:
    """The JSON before and after the base64 of a part."""
    if not part.mime.startswith(f"{Kind.VIDEO}/"):
        return f'{{"type":"image_url","image_url":{{"url":"data:{part.mime};base64,', b'"}},'
    if dialect is Dialect.LLAMACPP:
        return '{"type":"input_video","input_video":{"data":"', b'"}},'
    return f'{{"type":"video_url","video_url":{{"url":"data:{part.mime};base64,', b'"}},'


def _head(request: Request) -> bytes:
    """All of the JSON up to and without the first media part."""
    payload: dict[str, Any] = {"model": request.model, "max_tokens": request.max_tokens}
    if request.temperature is not None:
        payload["temperature"] = request.temperature
    payload |= {key: value for key, value in request.extra_body.items() if key not in _OURS}
    if "max_completion_tokens" in request.extra_body and "max_tokens" not in request.extra_body:
        del payload["max_tokens"]  # some models take only the one, and refuse a request with both
    messages = ""
    if request.system:
        messages += _json({"role": "system", "content": request.system}) + ","
    try:
        opening = _json(payload).removesuffix("}") + ',"messages":[' + messages
    except (TypeError, ValueError) as error:
        raise BadRequest(f"extra_body can't be sent as JSON: {error}") from None
    opening += '{"role":"user","content":[' + _json({"type": "text", "text": request.text})
    # A lone surrogate is no text that a strict server takes; recipes make none, file names are printable text by then.
    return (opening + ",").encode("utf-8", "replace")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _length(part: bytes | Part) -> int:
    if isinstance(part, bytes):
        return len(part)
    size = part.stat.size if isinstance(part, FilePart) else len(part.data)
    return (size + 2) // 3 * 4


def _read(part: FilePart) -> Iterator[bytes]:
    """The file as base64. What was sent is exactly the content that `part.stat` told of, or Changed is raised."""
    try:
        with open(os.open(part.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            _must_be(part.stat, file.fileno())
            left = part.stat.size
            while left:
                piece = file.read(min(PIECE, left))
                if not piece:
                    raise Changed("it became shorter while it was sent")
                left -= len(piece)
                if len(piece) % 3 and left:
                    raise Changed("it became shorter while it was sent")
                yield b2a_base64(piece, newline=False)
            _must_be(part.stat, file.fileno())
    except OSError as error:
        raise _failure(error) from error


def _must_be(stat: Stat, descriptor: int) -> None:
    if Stat.of(os.fstat(descriptor)) != stat:
        raise Changed("it is not the file that was looked at")


def _failure(error: OSError) -> Failure:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Vanished()
    detail = os.strerror(error.errno) if error.errno else str(error)
    return RootOffline(detail) if error.errno in AWAY else Unreadable(detail)
