"""What was found out of an endpoint while it was used, and outlives the process: abilities, and the sizes it takes.

Each endpoint has one `Known`. The dispatcher fills it from the database and tells it what it learns; the threads that
encode and ask read it.
"""

from __future__ import annotations

import time

from captiond.endpoints.abilities import Abilities
from captiond.endpoints.sizes import NO_LIMITS, SizeLimits


class Known:
    """By model. Any thread may read; what is replaced is replaced whole."""

    def __init__(self) -> None:
        self._abilities: dict[str, Abilities] = {}
        self._limits: dict[str, tuple[SizeLimits, float]] = {}

    def abilities(self, model: str) -> Abilities:
        """What a probe or an answer told of a model."""
        return self._abilities.get(model) or Abilities()

    def learn(self, model: str, abilities: Abilities) -> None:
        """These are a model's abilities by probes and answers; earlier ones are forgotten."""
        self._abilities[model] = abilities

    def limits(self, model: str) -> SizeLimits:
        """The sizes beyond which the endpoint has refused, or said that it would."""
        limits, until = self._limits.get(model, (NO_LIMITS, 0.0))
        return limits if time.time() < until else NO_LIMITS

    def limit(self, model: str, limits: SizeLimits, until: float) -> None:
        """These are a model's limits until then (seconds since 1970); earlier ones are forgotten."""
        self._limits[model] = (limits, until)
