"""A failure's code, as the database has it, in words and with its remedy."""

from __future__ import annotations

from captiond.errors import FAILURES


def explained(reason: str | None, detail: str | None) -> tuple[str | None, str | None]:
    """(message, remedy) of a job's `reason` and `detail`; (None, None) of one that never failed."""
    if reason is None:
        return None, None
    failure = FAILURES.get(reason)
    if failure is None:
        return detail or reason, None
    return detail or failure().message, failure.remedy or None
