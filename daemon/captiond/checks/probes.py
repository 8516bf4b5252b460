"""What a model can do, found out by asking it: tiny calls with made media, for `captiond check --call` alone.

A server that answers 200 and drops the media is known by two signs together: the answer does not say what is on them, and
`prompt_tokens` is that of the same question without them. A model that is only weak reads the number wrong, but its server
counts the media. One that tells no tokens is judged by the answer: a weak model still names the colour.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captiond import recipes
from captiond.checks.finding import Finding, fail, ok, warn
from captiond.endpoints.abilities import Abilities, JsonForm, Told
from captiond.errors import BadRequest, Failure, Fault, NoImages
from captiond.media import samples
from captiond.values import Answer, Encoded, FilePart, ImagePart, Kind, MediaFacts, Request

if TYPE_CHECKING:
    from captiond.config.models import Recipe
    from captiond.dispatch.routes import Route

MAX_TOKENS = 64
"""Of an answer: a number and a colour, and some words around them."""
RISE = 12
"""Prompt tokens that media add at least: fewer are a note in their place, such as "[image]"."""

_ASK = "Which number and which background colour do you see? Answer with the number and the colour only."
_FACTS = MediaFacts(Kind.IMAGE, "image/jpeg", "jpeg", samples.EDGE, samples.EDGE)
_VIDEO_FACTS = MediaFacts(Kind.VIDEO, "video/mp4", "mp4", samples.EDGE, samples.EDGE)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one question with media brought: `taken` is None where it can't be told."""

    taken: bool | None
    why: str
    right: bool = False


def probe(route: Route, folder: Path, *, video: bool) -> Iterator[tuple[Finding, Abilities]]:
    """Asks for each ability, and tells what was found: one call for the text alone, then one each.

    Args:
        folder: an empty one, for the made video.
        video: whether videos may be sent as they are, so that it is worth to know.
    """
    name = f"{route.endpoint.name}: {route.model}"
    number, colour = random.randrange(21, 99), random.choice(list(samples.COLOURS))
    try:
        alone: Answer | None = route.endpoint.ask(_request(route, _ASK))
    except Failure as failure:
        if failure.fault is Fault.ENDPOINT:
            yield warn(f"{name} was not probed further: {failure.message}", failure.remedy), Abilities()
            return
        alone = None  # some models take no question without a picture
    seen = _see(route, samples.picture(number, colour), alone, number, colour)
    yield _image(name, seen), Abilities.of(Told.PROBE, image=seen.taken)
    if video and seen.taken is not False:
        try:
            part = samples.video(number, colour, folder / "probe.mp4")
        except (OSError, ValueError) as error:
            yield warn(f"{name}: no test video can be made: {error}", "install captiond again"), Abilities()
        else:
            moving = _see(route, part, alone, number, colour)
            yield _video(name, moving), Abilities.of(Told.PROBE, video=moving.taken)
    known = route.endpoint.abilities(route.model)
    if (route.recipe.fields or route.recipe.categories) and known.json is None:
        yield _json(name, route)


def worth_a_video(route: Route) -> bool:
    """Whether to send a video as a probe: where it is left to captiond how videos are sent, and nobody says that it takes none.

    A wrong no costs little: it gets frames.
    """
    known = route.endpoint.abilities(route.model)
    return route.auto_video and known.video is not False


def _request(route: Route, text: str, *parts: ImagePart | FilePart, **more: Any) -> Request:
    """A question with the recipe's own `extra_body`, which some models can't be asked without."""
    recipe: Recipe = route.recipe
    extra = {key: value for key, value in recipe.extra_body.items() if key != "response_format"}
    return Request(
        model=route.model,
        system=None,
        text=text,
        encoded=Encoded(_VIDEO_FACTS if any(isinstance(part, FilePart) for part in parts) else _FACTS, parts),
        max_tokens=MAX_TOKENS,
        temperature=recipe.temperature,
        extra_body={**more, **extra},
    )


def _see(route: Route, part: ImagePart | FilePart, alone: Answer | None, number: int, colour: str) -> Seen:
    try:
        answer = route.endpoint.ask(_request(route, _ASK, part))
    except NoImages as failure:
        return Seen(False, f"refused: {failure.detail}")
    except Failure as failure:
        # A request that is refused with and without media says nothing of them; nor does what passes by itself.
        refused = isinstance(failure, BadRequest) and alone is not None
        return Seen(False, f"refused: {failure.detail}") if refused else Seen(None, failure.message)
    text = answer.text.casefold()
    if re.search(rf"(?<!\d){number}(?!\d)", text):
        return Seen(True, f"it read the {number} on it", right=True)
    before = alone.usage.prompt_tokens if alone is not None else None
    after = answer.usage.prompt_tokens
    if before is not None and after is not None and after - before >= RISE:
        return Seen(True, f"it costs {after - before} tokens, but the {number} on it was not read")
    named = [name for name in samples.COLOURS if name in text]
    if named == [colour]:
        return Seen(True, f"it saw the colour of it, but did not read the {number} on it")
    if not text.strip() and (before is None or after is None):
        return Seen(None, "there was no answer, and no count of tokens")
    counted = f"{after} prompt tokens with and {before} without it" if before is not None and after is not None else ""
    return Seen(False, "dropped: " + "; ".join(filter(None, [counted, f"the answer is {_short(answer.text)}"])))


def _image(name: str, seen: Seen) -> Finding:
    if seen.taken is None:
        return warn(f"{name}: whether it takes images is not known: {seen.why}", "try again later")
    if not seen.taken:
        return fail(f"{name} takes no images, they are {seen.why}", NoImages.remedy)
    if seen.right:
        return ok(f"{name} takes images: {seen.why}")
    return warn(
        f"{name} takes images: {seen.why}",
        "look at some captions before you trust them; a larger model reads more",
    )


def _video(name: str, seen: Seen) -> Finding:
    if seen.taken is None:
        return warn(f"{name}: whether it takes videos is not known: {seen.why}", "nothing: videos are sent as frames")
    if not seen.taken:
        return ok(f"{name} takes no videos, they are {seen.why}; it gets frames")
    return ok(f"{name} takes videos as they are: {seen.why}")


def _json(name: str, route: Route) -> tuple[Finding, Abilities]:
    """Whether it takes a schema, else an object, as `response_format`: the answer has to be what the schema wants."""
    asked = route.recipe.model_copy(update={"fields": ["larger"], "categories": []})
    for form in (JsonForm.SCHEMA, JsonForm.OBJECT):
        format_ = recipes.response_format(asked, form)
        try:
            text = 'Which number is larger, 3 or 5? Answer with a JSON object with the key "larger".'
            answer = route.endpoint.ask(_request(route, text, **format_))
        except BadRequest:
            continue
        except Failure as failure:
            unknown = f"{name}: whether it takes `response_format` is not known: {failure.message}"
            return warn(unknown, "nothing: JSON is asked for in words"), Abilities()
        if re.match(r'\s*\{\s*"larger"\s*:', answer.text):
            return ok(f"{name} takes `response_format` {form.value}"), Abilities.of(Told.PROBE, json=form)
    none = ok(f"{name} takes no `response_format`; JSON is asked for in words")
    return none, Abilities.of(Told.PROBE, json=JsonForm.OFF)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return f'"{line if len(line) <= 80 else line[:79] + "…"}"'
