"""`captiond models`: what the endpoints offer."""

from __future__ import annotations

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from captiond.cli.app import App, as_json, example
from captiond.cli.output import note, number, price, safe, say, say_json, style, table

if TYPE_CHECKING:
    from captiond.endpoints.catalogue import Model


@dataclass(frozen=True)
class Offer:
    """What one endpoint offers, or the message and remedy of why it can't be told."""

    endpoint: str
    address: str
    asked: tuple[str, ...]
    """The models that recipes ask of it; of one that no recipe asks, its own."""
    models: tuple[Model, ...] = ()
    problem: tuple[str, str] | None = None


@click.command(
    epilog=example("captiond models", "captiond models --kind video --endpoint oxen", "captiond models --json"),
)
@click.option("--kind", type=click.Choice(["image", "video"]), help="Only models that can describe these.")
@click.option("--endpoint", metavar="NAME", help="Only this endpoint.")
@as_json
@click.pass_obj
def models(app: App, kind: str | None, endpoint: str | None, as_json: bool) -> int:
    """List the models that each endpoint offers, with what they take and their price for a million tokens.

    The models in use are marked with *. Not every server tells inputs and prices; what is not told is shown as -, and
    --kind lists such models too. The local model and the built-in describer are listed as well. Ends with 1 if an
    endpoint could not be asked.

    With --json: an array of objects with endpoint, id, name, inputs, outputs, input_usd and output_usd (for a million
    tokens), call_usd, second_usd, custom, sleep (awake, waking, asleep, error, or null where it never sleeps), configured,
    listed.
    """
    offers = _offers(app, endpoint)
    if as_json:
        say_json([entry for offer in offers for entry in _entries(offer, kind)])
    for position, offer in enumerate(offers):
        if not as_json:
            if position:
                say()
            _say(offer, kind)
        for text in _remarks(offer):
            note(text)
    return 1 if any(offer.problem for offer in offers) else 0


def _offers(app: App, only: str | None) -> list[Offer]:
    """Every endpoint's offer, asked at once."""
    from captiond.config.models import BUILTIN, LOCAL
    from captiond.errors import UsageError

    names = list(dict.fromkeys([*app.resolved.endpoints, LOCAL, BUILTIN]))
    if only is not None and only not in names:
        raise UsageError(f"there is no endpoint {only!r}; there are {', '.join(names)}")
    chosen = names if only is None else [only]
    with ThreadPoolExecutor(len(chosen)) as pool:
        return list(pool.map(lambda name: _offer(app, name), chosen))


def _offer(app: App, name: str) -> Offer:
    from captiond.config.models import LOCAL
    from captiond.endpoints.build import build
    from captiond.errors import ConfigError, Failure

    settings = app.loaded.settings.model_copy(update={"endpoints": dict(app.resolved.endpoints)})
    configured = settings.endpoints.get(name)
    own = configured.model if configured else None
    asking = [recipe for recipe, asked in app.resolved.asked.items() if name in asked]
    named = [settings.recipes[recipe].model or own for recipe in asking] or [own]
    asked = tuple(dict.fromkeys(model for model in named if model))
    address = configured.base_url if configured else "in this process"
    if configured is None and name == LOCAL:
        return _local(app, asked=bool(asking))
    try:
        endpoint = build(name, settings, os.environ)
    except ConfigError as error:
        return Offer(name, address, asked, (), (str(error), ""))
    try:
        listed = endpoint.models()
    except Failure as failure:
        return Offer(name, address, asked, (), (failure.message, failure.remedy))
    finally:
        endpoint.close()
    return Offer(name, address, asked or tuple(model.id for model in listed if asking), listed)


def _local(app: App, *, asked: bool) -> Offer:
    """The local model: its weights are there, or how they get there. It is a problem only where it is asked."""
    from importlib.util import find_spec

    from captiond.config.models import LOCAL
    from captiond.endpoints import weights
    from captiond.endpoints.build import build

    found = weights.located(app.loaded.settings.local, app.models_dir)
    missing = "" if weights.is_gguf(found.model) and weights.is_gguf(found.projector) else "its weights are not there"
    remedy = "run `captiond model pull`, or set `model_path` and `mmproj_path` under [local]"
    if find_spec("xllamacpp") is None:
        missing, remedy = "it is not installed", 'pip install "captiond[local]", then `captiond model pull`'
    if missing:
        problem = (missing, remedy) if asked else None
        return Offer(LOCAL, "in this process" if problem else f"not in use: {missing}; {remedy}", (), (), problem)
    listed = build(LOCAL, app.loaded.settings, os.environ, models_dir=app.models_dir).models()
    return Offer(LOCAL, "in this process", tuple(model.id for model in listed if asked), listed)


def _entries(offer: Offer, kind: str | None) -> list[dict[str, Any]]:
    """The models of an offer as --json has them; a configured one that is not listed is there too."""
    from captiond.endpoints import catalogue

    marked = {catalogue.find(offer.models, name) for name in offer.asked}
    entries = []
    for model in offer.models:
        if kind is not None and not model.captions(kind):
            continue
        told = dataclasses.asdict(model)
        del told["path"]
        entries.append({"endpoint": offer.endpoint, **told, "configured": model in marked, "listed": True})
    absent = [name for name in offer.asked if catalogue.find(offer.models, name) is None]
    for name in absent:
        told = dataclasses.asdict(catalogue.Model(name))
        del told["path"]
        entries.append({"endpoint": offer.endpoint, **told, "configured": True, "listed": False})
    return entries


def _say(offer: Offer, kind: str | None) -> None:
    entries = [entry for entry in _entries(offer, kind) if entry["listed"]]
    told = "" if offer.problem or not offer.models else f", {number(len(entries), 'model')}"
    say(style(safe(offer.endpoint), bold=True) + style(f"  {safe(offer.address)}{told}", dim=True))
    if not entries:
        return
    rows = [_row(entry) for entry in sorted(entries, key=lambda one: (not one["configured"], one["id"].casefold()))]
    columns = [0, 1, *(at for at in range(2, len(HEAD)) if any(row[at] not in ("-", "") for row in rows))]
    head, *body = [[row[at] for at in columns] for row in [HEAD, *rows]]
    table([head, *body], styles={0: _star, 1: lambda cell: {"dim": True} if cell == HEAD[1] else {}})


HEAD = ["", "model", "takes", "gives", "USD/M in", "USD/M out", "USD/s", "state"]


def _star(cell: str) -> dict[str, Any]:
    return {"fg": "green", "bold": True} if cell == "*" else {}


def _row(entry: dict[str, Any]) -> list[str]:
    takes, gives = entry["inputs"], entry["outputs"]
    state = " ".join(word for word in ("custom" if entry["custom"] else "", entry["sleep"] or "") if word)
    return [
        "*" if entry["configured"] else "",
        safe(entry["id"]),
        safe(", ".join(takes)) if takes else "-",
        safe(", ".join(gives)) if gives and tuple(gives) != ("text",) else "-",
        price(entry["input_usd"]),
        price(entry["output_usd"]),
        price(entry["second_usd"]),
        state or "-",
    ]


def _remarks(offer: Offer) -> list[str]:
    """What is wrong with an endpoint or with a configured model."""
    from captiond.endpoints import catalogue

    if offer.problem:
        message, remedy = offer.problem
        return [f"{offer.endpoint}: {message}" + (f" ({remedy})" if remedy else "")]
    found = [catalogue.missing(offer.models, name) for name in offer.asked]
    if not offer.models and offer.asked and offer.address.startswith("http"):
        found.append("its list of models is empty")
    return [f"{offer.endpoint}: {text}" for text in found if text]
