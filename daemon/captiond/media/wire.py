"""What goes between the guard and its child: a length, a JSON header, then the media's bytes as they are.

The child decodes hostile files, so nothing it says is trusted: no pickle, every value is checked against its type and
every length against what the spec allows. A value that is wrong raises ValueError, which the guard takes for a crash.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from captiond.errors import FAILURES, Failure, Internal
from captiond.media.identify import Sniffed
from captiond.media.spec import Confinement, EncodeSpec
from captiond.values import Encoded, FilePart, ImagePart, Kind, Measures, MediaFacts, Opened, Part, VideoPart

LENGTH = struct.Struct("!I")
"""The length of a frame's JSON header, which goes before it."""

MAX_HEADER = 64 * 1024
"""No header of either side is longer."""

_MAX_TEXT = 400
_T = TypeVar("_T")


def pack(header: dict[str, Any]) -> bytes:
    """One header as a frame."""
    body = json.dumps(header).encode()
    return LENGTH.pack(len(body)) + body


def confinement(header: dict[str, Any]) -> Confinement:
    """What the child says first: what holds it.

    Raises:
        ValueError: it says something else.
    """
    return Confinement(_int(header.get("landlock"), 0, 1000), header.get("seccomp") is True)


def request(sniffed: Sniffed, spec: EncodeSpec, seconds: float) -> bytes:
    """What the child is asked; the file itself goes along as a descriptor."""
    return pack({"sniffed": asdict(sniffed), "spec": asdict(spec), "seconds": seconds})


def asked(header: dict[str, Any]) -> tuple[Sniffed, EncodeSpec, float]:
    """The child's side of `request`."""
    sniffed = Sniffed(**{**header["sniffed"], "kind": Kind(header["sniffed"]["kind"])})
    spec = EncodeSpec(**{**header["spec"], "video_files": tuple(header["spec"]["video_files"])})
    return sniffed, spec, float(header["seconds"])


def reply(result: Encoded | MediaFacts) -> tuple[dict[str, Any], list[bytes]]:
    """The child's result: the header, and what follows it. Facts alone mean: send the file itself."""
    encoded = result if isinstance(result, Encoded) else Encoded(result, ())
    pictures = [part for part in encoded.parts if isinstance(part, ImagePart)]
    videos = [part for part in encoded.parts if isinstance(part, VideoPart)]
    sizes = [{"size": len(p.data), "width": p.width, "height": p.height, "at": p.at_seconds} for p in pictures]
    small = [
        {"size": len(v.data), "width": v.width, "height": v.height, "seconds": v.seconds, "speed": v.speed}
        for v in videos
    ]
    header = {
        "facts": asdict(encoded.facts),
        "pictures": sizes,
        "videos": small,
        "measures": asdict(encoded.measures) if encoded.measures else None,
    }
    return header, [picture.data for picture in pictures] + [video.data for video in videos]


def failed(failure: Failure) -> dict[str, Any]:
    """The child's failure."""
    return {"failure": failure.code, "detail": failure.detail[:_MAX_TEXT]}


def failure_in(header: dict[str, Any]) -> Failure | OSError | None:
    """The failure that a reply tells: typed, or the operating system's error on the file; None for a result.

    Raises:
        ValueError: it is none that there is.
    """
    if "errno" in header:
        return OSError(_int(header["errno"], 1, 4096), "")
    if "failure" not in header:
        return None
    cls = FAILURES.get(_text(header["failure"]))
    if cls is None:
        raise ValueError("an unknown failure")
    detail = _printable(_text(header.get("detail", "")))
    return cls(detail) if cls is not Internal else Internal(f"in the decoder: {detail}")


def sizes(header: dict[str, Any], spec: EncodeSpec) -> list[int]:
    """How many bytes of each picture, and of a video, follow a reply's header.

    Raises:
        ValueError: more or longer ones than the spec allows.
    """
    pictures, videos = header.get("pictures"), header.get("videos")
    if not isinstance(pictures, list) or len(pictures) > spec.max_frames + 1:
        raise ValueError("too many pictures")
    if not isinstance(videos, list) or len(videos) > (spec.video in ("video_url", "small")):
        raise ValueError("too many videos")
    # A picture that can't be made small enough is still sent; that is a matter of 16 pixels.
    most = max(spec.max_bytes, 65536)
    return [
        *(_int(_dict(picture).get("size"), 1, most) for picture in pictures),
        *(_int(_dict(video).get("size"), 1, spec.max_video_bytes) for video in videos),
    ]


def result(header: dict[str, Any], data: list[bytes], opened: Opened, spec: EncodeSpec, seconds: float) -> Encoded:
    """The guard's side of `reply`; `data` is what followed the header.

    Raises:
        ValueError: something in it is of the wrong type or beyond its range.
    """
    facts = _facts(_dict(header.get("facts")), opened)
    pictures, videos = header["pictures"], header["videos"]
    makers: list[Callable[[dict[str, Any], bytes], Part]] = [*[_picture] * len(pictures), *[_video] * len(videos)]
    parts = [make(_dict(told), one) for make, told, one in zip(makers, [*pictures, *videos], data, strict=True)]
    if not parts:
        if opened.kind is not Kind.VIDEO or spec.video != "video_url":
            raise ValueError("no picture")
        parts = [FilePart(opened.mime, opened.path, opened.stat)]
    measured = header.get("measures")
    return Encoded(facts, tuple(parts), _measures(_dict(measured)) if measured is not None else None, seconds)


def _picture(told: dict[str, Any], data: bytes) -> ImagePart:
    if not data.startswith(b"\xff\xd8\xff"):
        raise ValueError("no JPEG")
    width, height = _int(told.get("width"), 1, 1 << 16), _int(told.get("height"), 1, 1 << 16)
    return ImagePart("image/jpeg", data, width, height, _optional(told.get("at"), _number))


def _video(told: dict[str, Any], data: bytes) -> VideoPart:
    if data[4:8] != b"ftyp":
        raise ValueError("no MP4")
    width, height = _int(told.get("width"), 1, 1 << 16), _int(told.get("height"), 1, 1 << 16)
    return VideoPart("video/mp4", data, width, height, _number(told.get("seconds")), _number(told.get("speed")))


def _facts(told: dict[str, Any], opened: Opened) -> MediaFacts:
    return MediaFacts(
        kind=opened.kind,
        mime=opened.mime,
        format=_text(told.get("format")),
        width=_int(told.get("width"), 1, 1 << 31),
        height=_int(told.get("height"), 1, 1 << 31),
        duration_seconds=_optional(told.get("duration_seconds"), _number),
        taken_at=_optional(told.get("taken_at"), _text),
        camera=_optional(told.get("camera"), _text),
        latitude=_optional(told.get("latitude"), _number),
        longitude=_optional(told.get("longitude"), _number),
        video_codec=_optional(told.get("video_codec"), _text),
        animated=told.get("animated") is True,
        pages=_optional(told.get("pages"), lambda value: _int(value, 1, 1 << 31)),
        damaged=told.get("damaged") is True,
        readable_seconds=_optional(told.get("readable_seconds"), _number),
    )


def _measures(told: dict[str, Any]) -> Measures:
    colours = told.get("colours")
    if not isinstance(colours, list) or len(colours) > 64:
        raise ValueError("no colours")
    return Measures(
        colours=tuple((_text(name), _number(share)) for name, share in colours),
        brightness=_number(told.get("brightness")),
        sharpness=_number(told.get("sharpness")),
    )


def _optional(value: object, check: Callable[[object], _T]) -> _T | None:
    return None if value is None else check(value)


def _dict(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("no object")  # noqa: TRY004 - bad data, not a bad call
    return value


def _int(value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError("a number beyond its range")
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e12:
        raise ValueError("no number")
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise ValueError("no text")
    return value


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
