"""Date, camera and place, from EXIF or a video's tags. Whatever is broken there is left out, never an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_MAKE, _MODEL, _DATE, _ORIENTATION = 0x010F, 0x0110, 0x0132, 0x0112
_DATE_ORIGINAL, _DATE_DIGITIZED = 0x9003, 0x9004
_DATE_TEXT = re.compile(r"(\d{4})[:\-/](\d\d)[:\-/](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_ISO_6709 = re.compile(r"([+-]\d{1,2}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)")
_MAX_TEXT = 100


@dataclass(frozen=True, slots=True)
class Metadata:
    """When, with what and where a picture was taken. `orientation` is EXIF's 1 to 8; `at` is ISO 8601 local time."""

    at: str | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    orientation: int = 1
    has_place: bool = False


def of_exif(exif: Any) -> Metadata:
    """What Pillow's `Exif` says."""
    try:
        inner, place = exif.get_ifd(_EXIF_IFD), exif.get_ifd(_GPS_IFD)
    except Exception:  # noqa: BLE001 - a broken IFD raises what it likes, from struct.error to RecursionError
        inner, place = {}, {}
    try:
        dates = (inner.get(_DATE_ORIGINAL), inner.get(_DATE_DIGITIZED), exif.get(_DATE))
        turned = exif.get(_ORIENTATION, 1)
        make, model = exif.get(_MAKE), exif.get(_MODEL)
    except Exception:  # noqa: BLE001 - as above
        return Metadata(has_place=True)
    latitude, longitude = _degrees(place, 1, 90), _degrees(place, 3, 180)
    known = latitude is not None and longitude is not None
    return Metadata(
        at=next((date for date in map(_date, dates) if date), None),
        camera=camera(make, model),
        latitude=latitude if known else None,
        longitude=longitude if known else None,
        orientation=turned if isinstance(turned, int) and 1 <= turned <= 8 else 1,
        has_place=bool(place) or _GPS_IFD in exif,
    )


def of_video(tags: Mapping[str, str]) -> Metadata:
    """What a container's tags say. QuickTime's own date has the local time; the plain one is UTC."""
    tags = {key.lower(): value for key, value in tags.items()}
    apple = "com.apple.quicktime."
    place = _ISO_6709.match(tags.get(apple + "location.iso6709") or tags.get("location") or "")
    latitude, longitude = (float(place[1]), float(place[2])) if place else (None, None)
    if latitude is not None and longitude is not None and (abs(latitude) > 90 or abs(longitude) > 180):
        latitude = longitude = None
    dates = (tags.get(apple + "creationdate"), tags.get("creation_time"), tags.get("date"))
    return Metadata(
        at=next((date for date in map(_date, dates) if date), None),
        camera=camera(
            tags.get(apple + "make") or tags.get("make") or tags.get("com.android.manufacturer"),
            tags.get(apple + "model") or tags.get("model") or tags.get("com.android.model"),
        ),
        latitude=latitude,
        longitude=longitude,
    )


def camera(make: object, model: object) -> str | None:
    """Make and model as one name, the make not said twice."""
    first, second = _text(make), _text(model)
    if not second:
        return first or None
    if not first or second.lower().startswith(first.split()[0].lower()):
        return second
    return f"{first} {second}"


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in value.split("\0")[0]).split())[:_MAX_TEXT]


def _date(value: object) -> str | None:
    found = _DATE_TEXT.match(_text(value))
    if not found:
        return None
    year, month, day, hour, minute, second = found.groups()
    # 1904 and 1970 are what recorders without a clock write.
    real = int(year) > 1970 and 1 <= int(month) <= 12 and 1 <= int(day) <= 31 and int(hour) < 24 and int(minute) < 60
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}" if real and int(second) < 61 else None


def _degrees(place: Mapping[int, Any], key: int, most: float) -> float | None:
    try:
        degrees, minutes, seconds = (float(part) for part in place[key + 1])
        value = degrees + minutes / 60 + seconds / 3600
        side = _text(place.get(key)).upper()[:1]
    except Exception:  # noqa: BLE001 - missing, of another shape, or divided by zero
        return None
    if not 0 <= value <= most:  # NaN is not
        return None
    return round(-value if side in ("S", "W") else value, 6)
