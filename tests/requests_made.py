"""Requests as the encoder and the recipes hand them to an endpoint, for the endpoints' tests."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from PIL import Image

from captiond.config.models import Endpoint as EndpointSettings
from captiond.endpoints.chat import ChatEndpoint
from captiond.endpoints.keys import Key
from captiond.values import Encoded, FilePart, ImagePart, Kind, MediaFacts, Request, Stat

KEY = "sk-test-0123456789abcdef"


def picture(colour: str = "red", size: tuple[int, int] = (64, 48), form: str = "JPEG") -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, form)
    return out.getvalue()


def image_part(colour: str = "red", size: tuple[int, int] = (64, 48), at_seconds: float | None = None) -> ImagePart:
    """The same as an encoded part."""
    return ImagePart("image/jpeg", picture(colour, size), *size, at_seconds)


def file_part(path: Path, mime: str = "video/mp4") -> FilePart:
    """A file to be sent as it is now."""
    stat = os.stat(path)
    return FilePart(mime, str(path), Stat(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino))


def request(*parts: ImagePart | FilePart, **changes: Any) -> Request:
    """A request; without parts, of one red picture."""
    parts = parts or (image_part(),)
    kind = Kind.VIDEO if any(isinstance(part, FilePart) for part in parts) else Kind.IMAGE
    facts = MediaFacts(kind, "image/jpeg", "JPEG", 64, 48)
    values: dict[str, Any] = {
        "model": "fake-vision-1",
        "system": None,
        "text": "What is it?",
        "encoded": Encoded(facts, parts),
        "max_tokens": 300,
        "temperature": None,
    }
    return Request(**values | changes)


def endpoint(base_url: str, key: Key | None = None, **settings: Any) -> ChatEndpoint:
    """A chat endpoint that waits ten seconds at most."""
    values: dict[str, Any] = {"model": "fake-vision-1", "timeout_seconds": 10} | settings
    return ChatEndpoint("test", EndpointSettings(base_url=base_url, **values), key or Key(KEY, "the test"))
