"""Moments as people type them: a date, a date and a time, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_AGO = re.compile(r"(\d{1,6})\s*([SMHDW])")
_UNITS = {"S": "seconds", "M": "minutes", "H": "hours", "D": "days", "W": "weeks"}


def parse(text: str, now: datetime, *, end: bool) -> str:
    """The moment as the database writes it: UTC ISO 8601.

    Args:
        text: `2026-11-22`, `2026-11-22T10:35`, with or without a zone (local time without), `today`, `yesterday`, or
            `7d`, `24h` for so long ago.
        now: this moment, with a zone.
        end: a day without a time means its end, not its start.

    Raises:
        ValueError: it is none of these.
    """
    text = text.strip().upper()
    ago = _AGO.fullmatch(text)
    if ago:
        return _utc(now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}))
    # Days are counted without a zone and get theirs last: not every day has 24 hours.
    today = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    day = {"TODAY": today, "YESTERDAY": today - timedelta(days=1)}.get(text)
    if day is None and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        day = datetime.fromisoformat(text)
    if day is not None:
        return _utc((day + timedelta(days=1)).astimezone() - timedelta(seconds=1) if end else day.astimezone())
    return _utc(datetime.fromisoformat(text).astimezone())


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Moment(click.ParamType[str]):
    """The type of --since and --until."""

    name = "when"

    def __init__(self, *, end: bool = False) -> None:
        self.end = end

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return parse(str(value), datetime.now().astimezone(), end=self.end)
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"{value!r} is no moment: write 2026-11-22, 2026-11-22T10:35, today, or 7d for a week ago", param, ctx
            )
