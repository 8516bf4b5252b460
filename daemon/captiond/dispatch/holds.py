"""Why an endpoint is not asked now although it is well: hours that a person set, and whatever else holds calls back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from captiond import policy
from captiond.config import hours

if TYPE_CHECKING:
    from captiond.config.models import Endpoint

OUTSIDE_HOURS = "outside_hours"


@dataclass(frozen=True, slots=True)
class Held:
    """An endpoint is not asked for so many seconds: a code, and words for `status` and the log."""

    code: str
    detail: str
    seconds: float


class Hold(Protocol):
    """One reason to hold an endpoint's calls back. Asked several times a turn of the loop: it has to be cheap."""

    def held(self, endpoint: str) -> Held | None:
        """Why this endpoint is not to be asked now; None if it may be."""


class Hours:
    """The setting `hours`, by the local clock: who changes that changes when these begin."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._ranges = {
            name: (endpoint.hours, hours.parse(endpoint.hours))
            for name, endpoint in endpoints.items()
            if endpoint.hours
        }

    def held(self, endpoint: str) -> Held | None:
        """See `Hold`."""
        if endpoint not in self._ranges:
            return None
        text, ranges = self._ranges[endpoint]
        now = datetime.fromtimestamp(time.time())  # noqa: DTZ006 - the local day is what people mean
        closed = policy.seconds_closed(ranges, now.hour * 60 + now.minute + (now.second + now.microsecond / 1e6) / 60)
        return Held(OUTSIDE_HOURS, f"its hours are {text}", closed) if closed else None
