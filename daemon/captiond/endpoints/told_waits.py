"""How long a server asks to wait: by its headers, or by the words of its refusal. No I/O.

Retry-After is RFC 9110's. The other forms are of OpenAI and Groq (`x-ratelimit-reset-requests: 6m0s`, "try again in 12m57s"),
Anthropic (`anthropic-ratelimit-tokens-reset`, a date of RFC 3339), OpenRouter (`X-RateLimit-Reset`, milliseconds since
1970, also within the body) and Gemini (`"retryDelay": "32s"`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_UNITS: Final = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART: Final = re.compile(
    r"(\d+(?:\.\d+)?) ?(ms|d(?:ays?)?|h(?:ours?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)(?![a-z])", re.IGNORECASE
)
_IN_WORDS: Final = re.compile(
    r"(?:try again|retry|wait|reset\w*|available)(?:Delay)?\W{1,5}(?:(?:in|after|for|at least|again) ){0,2}"
    r"((?:\d+(?:\.\d+)? ?(?:ms|days?|hours?|minutes?|mins?|seconds?|secs?|d|h|m|s)\W{0,2}(?:and )?)+)",
    re.IGNORECASE,
)
_HEADER_IN_BODY: Final = re.compile(r"x-ratelimit-reset\W{1,6}(\d{10,13})\b", re.IGNORECASE)
_RESET: Final = re.compile(r"(?P<of>(?:x-|anthropic-)?ratelimit-)(?:reset(?P<after>-\w+)?|(?P<before>[\w-]+)-reset)")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the headers ask to wait, None where they do not: `retry-after-ms`, else Retry-After's two forms."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        try:
            seconds = float(value) / unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    moment = _date(headers.get("retry-after", ""))
    return None if moment is None else max(0.0, (moment - now).total_seconds())


def until_reset(headers: Mapping[str, str], words: str, now: datetime) -> float | None:
    """Seconds until a limit that is used up begins anew, by a refusal's other headers or its body; None if neither tells."""
    found = [seconds for seconds in _windows(headers, now) if seconds is not None]
    if not found and (said := _HEADER_IN_BODY.search(words)):
        found = [_moment(said[1], now) or 0.0]
    if not found and (said := _IN_WORDS.search(words)):
        found = [_duration(said[1])]
    return max(found, default=None)


def _windows(headers: Mapping[str, str], now: datetime) -> Iterator[float | None]:
    """The wait for each window of a limit that has nothing left."""
    for name, value in headers.items():
        found = _RESET.fullmatch(name.lower())
        if found is None:
            continue
        remaining = (
            f"{found['of']}{found['before']}-remaining"
            if found["before"]
            else f"{found['of']}remaining{found['after'] or ''}"
        )
        if headers.get(remaining, "0").strip() in ("0", "0.0"):
            yield _moment(value.strip(), now)


def _moment(value: str, now: datetime) -> float | None:
    """Seconds from now: a number of seconds, a moment since 1970 in seconds or milliseconds, a duration, or a date."""
    try:
        number = float(value)
    except ValueError:
        if _PART.sub("", value).strip() == "" and value:
            return _duration(value)
        moment = _date(value)
        return None if moment is None else max(0.0, (moment - now).total_seconds())
    if not math.isfinite(number):
        return None
    if number > 1e9:
        number = (number / 1000 if number > 1e11 else number) - now.timestamp()
    return max(0.0, number)


def _duration(text: str) -> float:
    """Seconds of "6m0s", "12m57.6s", "120ms", "2 hours"."""
    parts = ((float(number), unit.lower()) for number, unit in _PART.findall(text))
    return sum(number * _UNITS["ms" if unit == "ms" else unit[0]] for number, unit in parts)


def _date(value: str) -> datetime | None:
    """A date of HTTP or of RFC 3339."""
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(value.strip())
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
