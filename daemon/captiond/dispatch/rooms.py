"""What may be claimed now: which recipes, how many jobs, and which of its endpoints each job gets.

One call of `offers` for each group of recipes that ask the same endpoints; what was claimed for one is taken from the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from captiond.config.models import Strategy
from captiond.dispatch.tasks import Stage, Tasks
from captiond.policy import HealthState

if TYPE_CHECKING:
    from captiond.dispatch.health import HealthMonitor
    from captiond.dispatch.routes import Choice


@dataclass(frozen=True, slots=True)
class Group:
    """Recipes that ask the same endpoints in the same way."""

    endpoints: tuple[str, ...]
    strategy: Strategy
    recipes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """Places for jobs of one group: endpoint -> how many, in the order of preference."""

    group: Group
    places: Mapping[str, int]

    @property
    def total(self) -> int:
        """How many jobs may be claimed."""
        return sum(self.places.values())


def grouped(choices: Mapping[str, Choice]) -> list[Group]:
    """The recipes by whom they ask."""
    found: dict[tuple[tuple[str, ...], Strategy], list[str]] = {}
    for name, choice in choices.items():
        found.setdefault((choice.endpoints, choice.strategy), []).append(name)
    return [Group(endpoints, strategy, tuple(names)) for (endpoints, strategy), names in found.items()]


class Rooms:
    """The dispatcher's look at its free places."""

    def __init__(
        self,
        groups: Sequence[Group],
        health: HealthMonitor,
        tasks: Tasks,
        *,
        encoders: int,
        spent: Callable[[str], bool],
    ) -> None:
        """`spent` tells whether an endpoint's budget is: it is asked no more than one that is paused."""
        self._groups = groups
        self._health = health
        self._tasks = tasks
        self._encoders = encoders
        self._spent = spent

    def offers(self) -> list[Offer]:
        """What each group may claim if no other group claims anything; none that may claim nothing."""
        found = (self._offer(group, Counter()) for group in self._groups)
        return [offer for offer in found if offer.total]

    def left(self, offer: Offer, given: Counter[str]) -> Offer:
        """The offer after other groups were given places."""
        return self._offer(offer.group, given)

    def shared_out(self, offer: Offer, jobs: int) -> list[str]:
        """The endpoint of each of so many jobs, which are no more than the offer's total."""
        if offer.group.strategy is Strategy.FAILOVER:
            in_order = [name for name, places in offer.places.items() for _ in range(places)]
            return in_order[:jobs]
        taken, left = self._tasks.at(), dict(offer.places)
        chosen: list[str] = []
        for _ in range(jobs):
            name = min(
                (name for name, places in left.items() if places),
                key=lambda name: taken[name] / self._health.concurrency(name),
            )
            taken[name] += 1
            left[name] -= 1
            chosen.append(name)
        return chosen

    def _offer(self, group: Group, given: Counter[str]) -> Offer:
        return Offer(group, dict(self._places(group, given)))

    def _places(self, group: Group, given: Counter[str]) -> Iterable[tuple[str, int]]:
        for name in group.endpoints:
            if self._spent(name):
                continue
            state = self._health.of(name).state
            if state is not HealthState.PAUSED:
                yield name, self._room(name, given[name])
            if state is HealthState.HEALTHY and group.strategy is Strategy.FAILOVER:
                return

    def _room(self, name: str, given: int) -> int:
        """Jobs that it may start: its free slots, and a few for the encoders."""
        encoders = self._encoders
        ahead = 2 * encoders + 2 - self._tasks.at(Stage.READING, Stage.ENCODING).total() - given
        taken = self._tasks.at()[name] + given
        slots = self._health.slots(name, 0) + (2 * encoders if self._health.healthy(name) else 0)
        room = min(ahead, slots - taken)
        # Not one by one: what waits encoded bridges the time, and a claim of several costs as much as one of one.
        return room if room >= max(1, min(encoders, slots)) else 0
