"""What all failures of jobs have, and whose fault they may be."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Fault(StrEnum):
    """Whose fault a failure is, and what follows."""

    FILE = "file"
    """The same bytes fail again: the job fails at once."""
    ANSWER = "answer"
    """Paid for and not usable: the attempt counts, few tries."""
    PASSING = "passing"
    """The file's or the endpoint's: the attempt counts, and is tried again later."""
    ENDPOINT = "endpoint"
    """The endpoint's alone: it pauses, and the job gets its attempt back."""
    ROOT = "root"
    """The root is away, the file is still changing, or the machine is short: the job waits and gets its attempt back."""


REJECTED_CHARACTERS = 2000
"""Of an answer that can't be used so much is kept: a loop may be as long as `max_tokens` allows."""
_REJECTED_END = 400


def _bounded(text: str) -> str:
    """The text, or its beginning and its end with what was left out between them."""
    left_out = len(text) - REJECTED_CHARACTERS
    if left_out <= 0:
        return text
    return f"{text[: REJECTED_CHARACTERS - _REJECTED_END]} […{left_out:,} characters…] {text[-_REJECTED_END:]}"


class Failure(Exception):
    """A typed failure of one job.

    Args:
        detail: what was seen, in a few words, without any secret.
        retry_after: seconds the endpoint asked to wait.
        http_status: the answer's status, if there was one.
        rejected: the answer's text, when there was one that can't be used; of a long one its beginning and its end.
    """

    code: ClassVar[str] = ""
    fault: ClassVar[Fault] = Fault.PASSING
    remedy: ClassVar[str] = ""
    tries: ClassVar[int | None] = None
    """The most attempts for this failure; None for the configured number."""
    quotes: ClassVar[bool] = False
    """Whether its detail repeats the answer, and so is not logged above debug."""

    def __init__(
        self,
        detail: str = "",
        *,
        retry_after: float | None = None,
        http_status: int | None = None,
        rejected: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        self.http_status = http_status
        self.rejected = rejected if rejected is None else _bounded(rejected)

    @property
    def cause(self) -> str:
        """What it is, without what was seen."""
        return (type(self).__doc__ or "").strip().splitlines()[0]

    @property
    def message(self) -> str:
        """Cause and detail in one line; the remedy is apart."""
        return f"{self.cause.rstrip('.')}: {self.detail}" if self.detail else self.cause
