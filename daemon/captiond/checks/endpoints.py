"""Checks of the endpoints: key, reachability, and with --call one small real request and the probes of `probes`."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path

from captiond import recipes
from captiond.checks import decoders, probes
from captiond.checks.finding import CLOCK_REMEDY, Finding, Level, Situation, fail, ok, warn
from captiond.config.models import BUILTIN, LOCAL
from captiond.config.models import Endpoint as EndpointSettings
from captiond.dispatch import knowledge
from captiond.dispatch.routes import Route
from captiond.endpoints import catalogue, keys, local, weights
from captiond.endpoints.abilities import Abilities
from captiond.endpoints.base import Endpoint
from captiond.endpoints.clients import NO_PROXY
from captiond.errors import BadResponse, DatabaseError, EmptyAnswer, Failure, NoKey, Unauthorized, Unavailable
from captiond.installation import layout
from captiond.installation.program import closed_at
from captiond.values import FileContext, Kind, Request

REACH_SECONDS = 10.0
"""To answer a question that needs no model."""
CLOCKS_DIFFER = 60.0
"""Seconds between two clocks that are both kept right, and the time of a call, are fewer."""
SHOWN = 80
"""Characters of an answer."""


def used(situation: Situation) -> dict[str, EndpointSettings]:
    """The endpoints over HTTP that a recipe asks."""
    resolved = situation.resolved
    return {name: resolved.endpoints[name] for name in resolved.in_use if name in resolved.endpoints}


def key(situation: Situation) -> Iterator[Finding]:
    """Each endpoint's key is found, or none is needed, and no file shows it to all. The key itself is never shown."""
    endpoints = used(situation)
    files = set[Path]()
    only = len(situation.resolved.endpoints) == 1
    for name, settings in endpoints.items():
        found = keys.find(name, settings, situation.environ, only_endpoint=only)
        files |= {found.file} if found.file is not None else set()
        if found.problem:
            yield fail(f"{name}: {found.problem}", NoKey.remedy)
        elif found.origin:
            yield ok(f"{name}: the key is in {found.origin}")
        else:
            yield ok(f"{name}: no key is configured, and so none is sent")
    service = layout.of_config(situation.loaded.path, situation.environ)
    if service is not None:
        files.add(service.key)
    for path in sorted(files):
        if os.access(path, os.F_OK) and closed_at(path) is None:
            yield warn(f"{path} can be read by every user of this machine, and a key is in it", f"chmod 600 {path}")


def endpoint(situation: Situation) -> Iterator[Finding]:
    """Each endpoint that a recipe asks can be reached; with --call it also answers."""
    resolved = situation.resolved
    if resolved.notice:
        message, _, remedy = resolved.notice.partition("; ")
        yield warn(message, remedy or "configure an endpoint")
    over_http = used(situation)
    for name, settings in over_http.items():
        yield from _reached(name, settings, situation)
    here = set(resolved.in_use) - set(over_http)
    if BUILTIN in here:
        yield ok(f"{BUILTIN}: in this process, always there")
    if LOCAL in here:
        yield _local(situation)
    if situation.call:
        yield from _calls(situation)


def _local(situation: Situation) -> Finding:
    """The local model has its weights, and the library that runs it."""
    files = weights.located(situation.settings.local, weights.directory(situation.environ))
    missing = [str(path) for path in (files.model, files.projector) if not weights.is_gguf(path)]
    if missing:
        return fail(
            f"{LOCAL}: no GGUF weights at {', '.join(missing)}", "run `captiond model pull`, or correct [local]"
        )
    try:
        local.library()
    except Unavailable as failure:
        return fail(f"{LOCAL}: {failure.detail}", local.LIBRARY_REMEDY)
    return ok(f"{LOCAL}: in this process, with {files.model}")


def _reached(name: str, settings: EndpointSettings, situation: Situation) -> Iterator[Finding]:
    """Any answer counts, except that the key is wrong: not every server has a list of models. One that does is read."""
    import httpx2

    found = keys.find(name, settings, situation.environ, only_endpoint=len(situation.resolved.endpoints) == 1)
    headers = {"Authorization": f"Bearer {found.value}"} if found.value else {}
    url = settings.base_url.rstrip("/") + "/models"
    try:
        with httpx2.Client(timeout=REACH_SECONDS, follow_redirects=False, mounts=dict.fromkeys(NO_PROXY)) as client:
            answer = client.get(url, headers=headers)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        yield fail(
            f"{name}: {settings.base_url} can't be reached: {str(error) or type(error).__name__}", Unavailable.remedy
        )
        return
    if answer.status_code == 401 and found.value:
        yield fail(f"{name}: {settings.base_url} does not accept the key (401)", Unauthorized.remedy)
        return
    yield ok(f"{name}: {settings.base_url} is there" + ("" if situation.call else "; --call makes a real request"))
    yield from _clocks(name, answer.headers, time.time())
    if answer.status_code == 200:
        yield from _listed(name, settings, situation, answer.content)


def _clocks(name: str, headers: Mapping[str, str], now: float) -> Iterator[Finding]:
    """A clock that differs much from the server's is probably this one. A cache's answer is as old as it says."""
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
        age = float(headers.get("age", "0"))
    except ValueError:
        return
    behind = date.timestamp() + age - now
    if abs(behind) > CLOCKS_DIFFER:
        text = f"{abs(behind):,.0f} s {'behind' if behind > 0 else 'ahead of'}"
        yield warn(f"this machine's clock is {text} that of {name} ({date:%Y-%m-%d %H:%M:%S} UTC)", CLOCK_REMEDY)


def _listed(name: str, settings: EndpointSettings, situation: Situation, body: bytes) -> Iterator[Finding]:
    """The models that recipes ask are in the server's list, and awake. No more than a warning: some lists are not whole."""
    try:
        models = catalogue.parse(json.loads(body))
    except (ValueError, RecursionError, BadResponse):
        return
    asked = [recipe for key, recipe in situation.settings.recipes.items() if name in situation.resolved.asked[key]]
    for model in dict.fromkeys(recipe.model or settings.model for recipe in asked):
        missing = catalogue.missing(models, model)
        entry = catalogue.find(models, model)
        if missing:
            yield warn(f"{name}: {missing}", "correct `model`; `captiond models` lists them all")
        elif entry is not None and entry.sleep in (catalogue.Sleep.ASLEEP, catalogue.Sleep.BROKEN):
            told = "asleep" if entry.sleep is catalogue.Sleep.ASLEEP else "not running, its deployment has an error"
            yield warn(f"{name}: {model} is {told}", "nothing: the first call wakes it, which takes some minutes")
        elif entry is not None and not entry.captions(Kind.IMAGE):
            yield warn(f"{name}: {model} takes no images, by the endpoint's list", "see `captiond models --kind image`")


def _calls(situation: Situation) -> Iterator[Finding]:
    """One request for each endpoint and model that a recipe asks; where it is answered, what else the model can do."""
    wiring = situation.wiring
    routes = {
        (route.endpoint.name, route.model): route for choice in wiring.choices.values() for route in choice.routes
    }
    with tempfile.TemporaryDirectory(prefix="captiond-check-") as folder:
        try:
            opened = decoders.picture(Path(folder))
            for route in routes.values():
                encoded = decoders.encode(opened, situation, route.spec_for(opened.kind))
                context = FileContext(path=opened.path, root=folder)
                request = recipes.request(route.recipe, model=route.model, encoded=encoded, context=context)
                answered = _called(route, route.endpoint, request)
                yield answered
                if answered.level is not Level.FAIL and route.endpoint.name in used(situation):
                    yield from _probed(route, situation, Path(folder))
        except Failure as failure:
            yield fail(f"the test picture can't be encoded: {failure.message}", failure.remedy)
        finally:
            for each in wiring.endpoints.values():
                each.close()


def _probed(route: Route, situation: Situation, folder: Path) -> Iterator[Finding]:
    """What the model can do, found out and kept for the service. The built-in describer and the local model are known."""
    found = Abilities()
    for finding, abilities in probes.probe(route, folder, video=probes.worth_a_video(route)):
        found = abilities.over(found)
        yield finding
    if not found.told:
        return
    try:
        _keep(route, situation, found)
    except DatabaseError as error:
        yield warn(
            f"{route.endpoint.name}: what was found out is not kept: {error}", "run it again when that is mended"
        )


def _keep(route: Route, situation: Situation, found: Abilities) -> None:
    """Into the database. Raises DatabaseError."""
    from captiond.config.load import database_url
    from captiond.store.engine import Database

    path = situation.database
    around = next(folder for folder in path.parents if folder.exists())
    if not path.exists() and around.stat().st_uid != os.geteuid():
        # As root, beside a service with a user of its own: that could not write to a database of root's.
        raise DatabaseError(f"there is no {path} yet, and it is for the owner of {around} to make it")
    with (
        Database.open(database_url(situation.settings, situation.environ)) as database,
        database.write() as connection,
    ):
        knowledge.learn(connection, route.endpoint, route.model, found)


def _called(route: Route, endpoint: Endpoint, request: Request) -> Finding:
    name = f"{endpoint.name}: {route.model}"
    try:
        answer = endpoint.ask(request)
    except Failure as failure:
        return fail(f"{name}: {failure.message}", failure.remedy)
    text = " ".join((answer.text or answer.refusal).split())
    if not text:
        return warn(f"{name} answered with no text", EmptyAnswer.remedy)
    shown = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    return ok(f'{name} answered in {answer.seconds:.1f} s: "{shown}"')
