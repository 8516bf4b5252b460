"""Days and months as people have them: of local time, also where a day has 23 hours or 25."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta


def day_of(moment: float) -> str:
    """The day in which a moment (seconds since 1970) lies, as `2026-11-22`."""
    return datetime.fromtimestamp(moment).date().isoformat()  # noqa: DTZ006 - local time is what is meant


def month_of(day: str) -> str:
    """The first day of its month."""
    return day[:8] + "01"


def next_day(day: str) -> str:
    """The day after it."""
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def next_month(day: str) -> str:
    """The first day of the month after its own."""
    return month_of(next_day((date.fromisoformat(month_of(day)) + timedelta(days=30)).isoformat()))


def begin_of(day: str) -> float:
    """Its midnight in seconds since 1970."""
    return datetime.combine(date.fromisoformat(day), time()).timestamp()
