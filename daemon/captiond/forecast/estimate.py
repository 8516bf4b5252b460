"""From the answers that are wanted to tokens and US dollars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from captiond.endpoints import tokens
from captiond.forecast.sample import Sampler
from captiond.store import forecasts
from captiond.values import Kind, Source, Usage

if TYPE_CHECKING:
    from captiond.config.models import Recipe, Settings
    from captiond.dispatch.routes import Route
    from captiond.forecast.inventory import Inventory, Wanted
    from captiond.store.engine import Database
    from captiond.store.forecasts import Past

ENOUGH: Final = 20
"""Past answers from which on their mean is believed rather than a provider's rule."""
_ANSWER_OF_FIELD: Final = 25


@dataclass(frozen=True, slots=True)
class Part:
    """What one recipe would ask of one endpoint for one kind of file. `cost_usd` is None where no price is known.

    `basis` is what the tokens are by: "past answers", a "sample" of the files and the rules of providers, a "guess" where
    there is neither, "free" for what runs in this process. `sampled` is how many files the sample had.
    """

    recipe: str
    endpoint: str
    model: str
    kind: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    basis: str
    sampled: int = 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would cost. The counts of files are those of the inventory."""

    files: int
    calls: int
    copies: int
    known: int
    sidecars: int
    left_out: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    parts: tuple[Part, ...]


def forecast(db: Database | None, settings: Settings, inventory: Inventory) -> Forecast:
    """Estimate an inventory. Takes some seconds where files have to be encoded; asks endpoints for their prices alone."""
    groups: dict[tuple[str, Kind], list[Wanted]] = {}
    for one in inventory.wanted:
        groups.setdefault((one.route.name, one.kind or Kind.IMAGE), []).append(one)
    with Sampler(settings.media) as sampler:
        made = [
            _part(db, sampler, kind, wanted) for (_, kind), wanted in sorted(groups.items(), key=lambda item: item[0])
        ]
    parts = tuple(part for part, _ in made if part.calls)
    calls = sum(part.calls for part in parts)
    costs = [part.cost_usd for part in parts]
    return Forecast(
        files=inventory.files,
        calls=calls,
        copies=inventory.copies,
        known=inventory.known,
        sidecars=inventory.sidecars,
        left_out=inventory.left_out + sum(failed for _, failed in made),
        prompt_tokens=sum(part.prompt_tokens for part in parts),
        completion_tokens=sum(part.completion_tokens for part in parts),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
        parts=parts,
    )


def _part(db: Database | None, sampler: Sampler, kind: Kind, wanted: Sequence[Wanted]) -> tuple[Part, int]:
    """One group's part, and how many files of its sample can't be captioned."""
    route, calls = wanted[0].route, len(wanted)
    failed = sampled = 0
    past = _past(db, route, kind)
    answer: float
    if route.endpoint.source is Source.BUILTIN:
        basis, prompt, answer = "free", 0.0, 0.0
    elif past is not None:
        basis, prompt, answer = "past answers", past.prompt_tokens, past.completion_tokens
    else:
        answer = _answer_tokens(route.recipe)
        local = [one for one in wanted if one.kind is not None]
        measured = sampler.measure(local) if local else None
        if measured is not None and measured.prompt_tokens:
            basis, prompt, failed, sampled = "sample", measured.prompt_tokens, measured.failed, measured.files
        else:
            failed = measured.failed if measured is not None else 0
            basis, prompt = "guess", _guess(route)
    calls -= failed
    usage = Usage(round(prompt * calls), round(answer * calls))
    return (
        Part(
            recipe=route.name,
            endpoint=route.endpoint.name,
            model=route.model,
            kind=kind.value,
            calls=calls,
            prompt_tokens=usage.prompt_tokens or 0,
            completion_tokens=usage.completion_tokens or 0,
            cost_usd=_cost(route, usage, calls, past),
            basis=basis,
            sampled=sampled,
        ),
        failed,
    )


def _past(db: Database | None, route: Route, kind: Kind) -> Past | None:
    """What answers to this recipe took, if there are enough of them."""
    if db is None:
        return None
    with db.read() as conn:
        past = forecasts.past(conn, route.digest, kind)
    return past if past.answers >= ENOUGH else None


def _cost(route: Route, usage: Usage, calls: int, past: Past | None) -> float | None:
    """By today's price, else as past answers were billed."""
    price = route.endpoint.price(route.model, wait=True)
    if price is not None:
        return price.cost(usage, calls)
    return round(past.cost_usd * calls, 10) if past is not None and past.cost_usd is not None else None


def _answer_tokens(recipe: Recipe) -> int:
    """Of a typical answer, by what the recipe asks for."""
    if recipe.fields:
        answer = _ANSWER_OF_FIELD * len(recipe.fields) + tokens.ANSWER * ("caption" in recipe.fields)
    elif recipe.categories:
        answer = max(tokens.of_text(word) for word in recipe.categories) + 1
    else:
        answer = tokens.ANSWER
    return min(answer, recipe.max_tokens)


def _guess(route: Route) -> float:
    """Of a request for a picture that nothing is known of, as a URL: as large as pictures are sent, 4:3."""
    edge = route.spec.max_edge
    picture = tokens.of_picture(route.model, edge, math.ceil(edge * 3 / 4))
    return tokens.of_text((route.recipe.system or "") + route.recipe.prompt) + picture
