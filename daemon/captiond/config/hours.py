"""The setting `hours`: ranges of the local day, as "22:00-06:00" or "12:30-13:30, 22:00-06:00"."""

from __future__ import annotations

import re

_RANGE = re.compile(r"\s*(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})\s*")


def parse(text: str) -> tuple[tuple[int, int], ...]:
    """First and last minute of the day of each range; one that ends before it begins goes over midnight.

    Raises:
        ValueError: it is none; the message says what it must be.
    """
    ranges = []
    for part in text.split(","):
        found = _RANGE.fullmatch(part)
        if found is None:
            raise ValueError('must be like "22:00-06:00"; several are separated by commas')
        first_hour, first, last_hour, last = map(int, found.groups())
        if max(first, last) > 59 or first_hour > 23 or (last_hour, last) > (24, 0):
            raise ValueError("has a time that no clock shows; the hours are 00:00 to 24:00")
        begins, ends = first_hour * 60 + first, (last_hour * 60 + last) % 1440
        if begins == ends and last_hour != 24:
            raise ValueError("begins and ends at the same time; leave it out for the whole day")
        ranges.append((begins, ends))
    return tuple(ranges)


def checked(text: str) -> str:
    """The text as it is, if it can be read."""
    parse(text)
    return text
