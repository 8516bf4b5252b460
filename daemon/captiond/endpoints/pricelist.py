"""The prices at one endpoint: the configured one, or those of its list of models, which is read in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from captiond.endpoints import catalogue
from captiond.endpoints.prices import Price
from captiond.errors import Failure

if TYPE_CHECKING:
    from captiond.endpoints.catalogue import Model
    from captiond.values import Usage

REFRESH_SECONDS: Final = 86_400.0
"""So old a list may be: providers change their prices now and then."""
AGAIN_SECONDS: Final = 600.0
"""A list that could not be read is asked for again after this time."""


class PriceList:
    """Any thread may ask. A list that is missing is no error: then the price is not known.

    Args:
        fetch: reads the list of models; raises a `captiond.errors.Failure`.
        configured: the price that holds for every model, whatever the list says.
    """

    def __init__(self, fetch: Callable[[], Iterable[Model]], configured: Price | None) -> None:
        self._fetch = fetch
        self._configured = configured
        self._lock = threading.Lock()
        self._models: tuple[Model, ...] = ()
        self._due = 0.0
        self._reader: threading.Thread | None = None

    def of(self, model: str, *, wait: bool = False) -> Price | None:
        """The price of a model, None while it is not known.

        A list that is old is read anew meanwhile; nobody waits for that, unless they say `wait`.
        """
        if self._configured is not None:
            return self._configured
        with self._lock:
            if time.monotonic() >= self._due:
                self._due = time.monotonic() + AGAIN_SECONDS
                self._reader = threading.Thread(target=self._read, name="prices", daemon=True)
                self._reader.start()
            reader = self._reader
        if wait and reader is not None:
            reader.join()
        found = catalogue.find(self._models, model)
        return found.price if found is not None else None

    def billed(self, model: str, usage: Usage) -> Usage:
        """The usage with what the call cost: by the configured price, else as the endpoint told it, else by the list."""
        if self._configured is None and usage.cost_usd is not None:
            return usage
        price = self.of(model)
        cost = price.cost(usage) if price is not None else None
        return usage if cost is None else replace(usage, cost_usd=cost)

    def learn(self, models: Iterable[Model]) -> None:
        """A list that was read just now."""
        with self._lock:
            self._models, self._due = tuple(models), time.monotonic() + REFRESH_SECONDS

    def _read(self) -> None:
        try:
            self.learn(self._fetch())
        except (Failure, RuntimeError):  # RuntimeError: the endpoint was closed meanwhile
            return
