"""What every endpoint is to the rest of captiond."""

from __future__ import annotations

from typing import Protocol

from captiond.endpoints.abilities import Abilities
from captiond.endpoints.catalogue import Model
from captiond.endpoints.known import Known
from captiond.endpoints.prices import Price
from captiond.values import Answer, Request, Source


class Endpoint(Protocol):
    """A thing that answers requests. All of it may be used by many threads at once.

    Attributes:
        name: its name in the configuration, or "local" or "builtin".
        model: the model it asks, where a recipe names no other.
        source: who its captions are by.
        concurrency: the most calls in flight.
        wants_measures: whether a request's `encoded.measures` must be there.
        identity: what of it can change an answer, beside the model: part of a recipe's digest. No secret is in it.
        known: what was found out of it while it was used.
    """

    @property
    def name(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def source(self) -> Source: ...
    @property
    def concurrency(self) -> int: ...
    @property
    def wants_measures(self) -> bool: ...
    @property
    def identity(self) -> str: ...
    @property
    def known(self) -> Known: ...

    def ask(self, request: Request) -> Answer:
        """One call, from its first byte sent to its last one read within the endpoint's total deadline.

        The answer's usage has what it cost, where that is known.
        Never retries. Raises a `captiond.errors.Failure`, and nothing else, for all that servers and networks do.
        """

    def abilities(self, model: str) -> Abilities:
        """What one of its models can do. What its list tells is kept; to read that may take some seconds. Never raises."""

    def models(self) -> tuple[Model, ...]:
        """What can be asked here, as the server lists it. Raises a `captiond.errors.Failure`, and nothing else."""

    def price(self, model: str, *, wait: bool = False) -> Price | None:
        """What calls to one of its models cost; None while that is not known. Asks nobody, unless told to `wait`."""

    def abort(self) -> None:
        """Ends every call in flight at once with `Stopped`, and every later one too. Does not wait for them."""

    def close(self) -> None:
        """Frees what it holds. No call may be in flight."""
