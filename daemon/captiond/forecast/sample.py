"""What requests will take, by encoding some of the files as the service would: their real sizes, frames and texts."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from captiond import recipes
from captiond.endpoints import tokens
from captiond.errors import Failure
from captiond.media import reader
from captiond.media.guard import Guard, GuardLimits
from captiond.paths import to_text
from captiond.values import FileContext, Kind

if TYPE_CHECKING:
    from captiond.config.models import Media
    from captiond.forecast.inventory import Wanted
    from captiond.media.spec import EncodeSpec

PICTURES: Final = 48
"""The most pictures that are encoded for one recipe."""
VIDEOS: Final = 12
"""The most videos: each takes as long as several pictures."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a sample took: how many files it was, those of them that can't be captioned, the mean tokens of the others."""

    files: int
    failed: int
    prompt_tokens: float


class Sampler:
    """Encodes in decoder processes of its own. A context manager that ends them."""

    def __init__(self, media: Media) -> None:
        self._limits = GuardLimits(media.decode_seconds, media.decode_memory_mb)
        self._mine = threading.local()
        self._guards: list[Guard] = []
        self._pool = ThreadPoolExecutor(media.workers or os.cpu_count() or 1, "sample")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        for guard in self._guards:
            guard.close()

    def measure(self, wanted: Sequence[Wanted]) -> Measured:
        """The tokens of requests for these files, of one recipe and one kind, by some of them: small and large alike."""
        chosen = _spread(sorted(wanted, key=lambda one: one.size), VIDEOS if wanted[0].kind is Kind.VIDEO else PICTURES)
        spec = wanted[0].route.spec_for(wanted[0].kind or Kind.IMAGE)
        took = list(self._pool.map(lambda one: self._tokens(one, spec), chosen))
        sent = [count for count in took if count is not None]
        return Measured(len(took), len(took) - len(sent), sum(sent) / len(sent) if sent else 0.0)

    def _tokens(self, wanted: Wanted, spec: EncodeSpec) -> int | None:
        """Of the request for one file; None if there would be none."""
        guard: Guard | None = getattr(self._mine, "guard", None)
        if guard is None:
            guard = self._mine.guard = Guard(self._limits)
            self._guards.append(guard)
        route = wanted.route
        try:
            encoded = guard.encode(reader.read(wanted.path, wanted.root), spec)
        except Failure:
            return None
        context = FileContext(to_text(wanted.path), to_text(wanted.root or os.path.dirname(wanted.path)))
        return tokens.of_request(recipes.request(route.recipe, model=route.model, encoded=encoded, context=context))


def _spread(ordered: Sequence[Wanted], most: int) -> list[Wanted]:
    """At most so many, evenly from the whole."""
    count = min(len(ordered), most)
    return [ordered[int((number + 0.5) * len(ordered) / count)] for number in range(count)]
