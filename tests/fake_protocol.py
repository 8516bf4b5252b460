"""What a strict server of `POST /chat/completions` requires of a request, and what it sees in it.

`inspect_request` is the judge of every request that the fake endpoint gets: it parses the body, decodes each picture with
Pillow and opens each video with PyAV, as the model behind a real endpoint would. A request that a strict server would not
take raises `Violation`.
"""

from __future__ import annotations

import base64
import binascii
import builtins
import hashlib
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import av
from PIL import Image

IMAGE_MIMES = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
}
VIDEO_MIMES = {
    "video/mp4",
    "video/quicktime",
    "video/webm",
    "video/x-matroska",
    "video/x-msvideo",
}
PALETTE = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (255, 0, 0),
    "green": (0, 160, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "orange": (255, 140, 0),
}
_DATA_URL = re.compile(r"data:([a-z0-9.+/-]+);base64,")


Fetcher = Callable[[str], tuple[str, bytes]]
"""Gets what is at a URL: its MIME type and its bytes."""


class Violation(Exception):
    """The request breaks the protocol; the message says where."""


@dataclass(frozen=True, slots=True)
class Media:
    """One picture or video of a request, decoded; `data` is the file as it was sent, or fetched from `url`.

    `mean_rgb` is a picture's mean colour; None for a video.
    """

    kind: str
    mime: str
    sha256: str
    bytes: int
    width: int
    height: int
    mean_rgb: tuple[int, int, int] | None = None
    data: builtins.bytes = field(default=b"", repr=False, compare=False)
    url: str | None = None

    @property
    def colour(self) -> str:
        """The nearest colour name of PALETTE."""
        if self.mean_rgb is None:
            return "no"
        return nearest(self.mean_rgb)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it arrived. `arrived` is seconds since 1970, `tick` is `time.monotonic()` at its first byte.

    `payload` is the parsed body with each data URL replaced by `sha256:<digest>`; `text` is the user's text parts joined
    by newlines. A request that was not decoded (fast mode, early answer, violation) has no media. `urls` are those that
    were sent in the place of bytes, fetched or not.
    """

    number: int
    arrived: float
    tick: float
    peer_port: int
    path: str
    headers: Mapping[str, str]
    body_bytes: int
    model: str | None = None
    system: str | None = None
    text: str = ""
    media: tuple[Media, ...] = ()
    payload: Mapping[str, Any] = field(default_factory=dict)
    violation: str | None = None
    urls: tuple[str, ...] = ()


def nearest(rgb: tuple[int, int, int]) -> str:
    """The name in PALETTE nearest to a colour."""
    return min(
        PALETTE,
        key=lambda name: sum((a - b) ** 2 for a, b in zip(PALETTE[name], rgb, strict=True)),
    )


def echo_text(recorded: Recorded) -> str:
    """A caption that only this request's media give: so a test can tell that each file got its own."""
    seen = [
        f"a {media.colour} {media.kind} of {media.width}x{media.height} pixels ({media.sha256[:8]})"
        for media in recorded.media
    ]
    return f"Seen: {' and '.join(seen) or 'a question without media'}."


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises Violation unless content type and length are as a strict server wants them. The key is checked apart."""
    if headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise Violation(f"content-type is {headers.get('content-type')!r}")
    if "transfer-encoding" in headers:
        raise Violation("transfer-encoding: a body without Content-Length is refused by many servers")
    if not headers.get("content-length", "").isdigit():
        raise Violation(f"content-length is {headers.get('content-length')!r}")


def sent_urls(body: bytes) -> tuple[str, ...]:
    """The addresses in a body's media parts."""
    return tuple(re.findall(r'_url":\{"url":"(https?://[^"]*)"', body.decode("utf-8", "replace")))


def inspect_request(body: bytes, fetch: Fetcher, dialect: str = "openai") -> dict[str, Any]:
    """Checks a body and returns Recorded's model, system, text, media and payload; `fetch` gets what is sent by URL.

    `dialect` is how videos are taken: "openai" as `video_url`, "vllm" also as a list of JPEG pictures in one, "llamacpp" as
    `input_video` and no other way, "none" not at all.
    """
    try:
        payload = json.loads(body.decode("utf-8"))
    except ValueError as error:
        raise Violation(f"the body is not JSON in UTF-8: {error}") from None
    if not isinstance(payload, dict):
        raise Violation("the body is not a JSON object")
    model, messages = payload.get("model"), payload.get("messages")
    if not isinstance(model, str) or not model:
        raise Violation(f"model is {model!r}")
    if not isinstance(messages, list) or not messages:
        raise Violation("messages is not a list with something in it")
    _check_numbers(payload)
    system, texts, media = None, [], []
    for message in messages:
        role, content = message.get("role"), message.get("content")
        if role == "system":
            if not isinstance(content, str) or not content or message is not messages[0]:
                raise Violation("a system message must be a text and the first one")
            system = content
        elif role == "user":
            for part in _parts(content, dialect):
                kind = part["type"]
                if kind == "text":
                    texts.append(part["text"])
                else:
                    media.append(_decode(part[kind], kind, fetch, dialect))
        else:
            raise Violation(f"role is {role!r}")
    if messages[-1].get("role") != "user":
        raise Violation("the last message is not the user's")
    return {
        "model": model,
        "system": system,
        "text": "\n".join(texts),
        "media": tuple(media),
        "payload": payload,
    }


def _check_numbers(payload: dict[str, Any]) -> None:
    tokens, temperature = payload.get("max_tokens", 1), payload.get("temperature", 0)
    if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 1:
        raise Violation(f"max_tokens is {tokens!r}")
    if not isinstance(temperature, int | float) or not 0 <= temperature <= 2:
        raise Violation(f"temperature is {temperature!r}")
    if payload.get("stream"):
        raise Violation("stream is not spoken here")


_KINDS = {
    "openai": {"text", "image_url", "video_url"},
    "vllm": {"text", "image_url", "video_url"},
    "llamacpp": {"text", "image_url", "input_video"},
    "none": {"text", "image_url"},
}
MOST_FRAMES = 32
"""What vLLM takes of a frame list by default."""


def _parts(content: Any, dialect: str) -> list[dict[str, Any]]:
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list) or not content:
        raise Violation("a user's content is neither text nor a list of parts")
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in _KINDS[dialect] or set(part) != {"type", kind}:
            raise Violation(f"unsupported content[].type: {kind!r}")
        if kind == "text" and (not isinstance(part["text"], str) or not part["text"]):
            raise Violation("a text part without text")
    return content


def _input_video(holder: Any) -> Media:
    """llama.cpp's own part: base64 without the head of a data URL."""
    if not isinstance(holder, dict) or set(holder) != {"data"} or not isinstance(holder["data"], str):
        raise Violation("input_video has no data")
    data = _base64(holder["data"], "input_video")
    digest = hashlib.sha256(data).hexdigest()
    holder["data"] = f"sha256:{digest}"
    width, height = _see_video("video/mp4", data)
    return Media("video", "input_video", digest, len(data), width, height, data=data)


def _frame_list(holder: dict[str, Any], joined: str) -> Media:
    """vLLM's list of frames: JPEG pictures as base64, joined by commas."""
    frames = [_base64(one, "video/jpeg") for one in joined.split(",")]
    if len(frames) > MOST_FRAMES:
        raise Violation(f"{len(frames)} frames, and at most {MOST_FRAMES} are taken")
    sizes = {_see_image("image/jpeg", frame)[:2] for frame in frames}
    if len(sizes) != 1:
        raise Violation(f"frames of different sizes: {sizes}")
    ((width, height),) = sizes
    data = b"".join(frames)
    digest = hashlib.sha256(data).hexdigest()
    holder["url"] = f"sha256:{digest}"
    return Media(f"{len(frames)} frames", "video/jpeg", digest, len(data), width, height, data=data)


def _base64(text: str, kind: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Violation(f"{kind}: wrong base64: {error}") from None


def _decode(holder: Any, kind: str, fetch: Fetcher, dialect: str) -> Media:
    if kind == "input_video":
        return _input_video(holder)
    url = holder.get("url") if isinstance(holder, dict) else None
    if not isinstance(url, str):
        raise Violation(f"{kind} has no url")
    if url.startswith(("http://", "https://")):
        mime, data = fetch(url)
        return _seen(kind, mime, data, hashlib.sha256(data).hexdigest(), url)
    match = _DATA_URL.match(url)
    if match is None:
        raise Violation(f"{kind} is no base64 data URL: {url[:60]!r}")
    if (dialect, kind, match[1]) == ("vllm", "video_url", "video/jpeg"):
        return _frame_list(holder, url[match.end() :])
    data = _base64(url[match.end() :], kind)
    digest = hashlib.sha256(data).hexdigest()
    holder["url"] = f"sha256:{digest}"
    return _seen(kind, match[1], data, digest, None)


def _seen(kind: str, mime: str, data: bytes, digest: str, url: str | None) -> Media:
    if kind == "image_url":
        width, height, mean = _see_image(mime, data)
        return Media("image", mime, digest, len(data), width, height, mean, data=data, url=url)
    width, height = _see_video(mime, data)
    return Media("video", mime, digest, len(data), width, height, data=data, url=url)


def _see_image(mime: str, data: bytes) -> tuple[int, int, tuple[int, int, int]]:
    if mime not in IMAGE_MIMES:
        raise Violation(f"image type {mime!r} is not taken")
    try:
        with Image.open(io.BytesIO(data), formats=[IMAGE_MIMES[mime]]) as image:
            image.load()
            pixel = image.convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
            assert isinstance(pixel, tuple)
            return (
                image.width,
                image.height,
                (int(pixel[0]), int(pixel[1]), int(pixel[2])),
            )
    except (OSError, SyntaxError, ValueError) as error:
        raise Violation(f"the {mime} can't be decoded: {error}") from None


def _see_video(mime: str, data: bytes) -> tuple[int, int]:
    if mime not in VIDEO_MIMES:
        raise Violation(f"video type {mime!r} is not taken")
    try:
        with av.open(io.BytesIO(data), mode="r") as container:
            frame = next(container.decode(video=0))
            return frame.width, frame.height
    except (av.FFmpegError, StopIteration, IndexError, ValueError) as error:
        raise Violation(f"the {mime} can't be decoded: {error!r}") from None
