"""From a recipe to a request: prompt variables, the request itself, the recipe's digest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from captiond.config.variables import TOKEN
from captiond.errors import CutAnswer, LoopedAnswer, WrongLanguage
from captiond.paths import is_url
from captiond.recipes.languages import english_name
from captiond.values import Encoded, FileContext, ImagePart, Kind, MediaFacts, Request, VideoPart

if TYPE_CHECKING:
    from captiond.config.models import Recipe

UNKNOWN = "unknown"
"""What a variable becomes when the file does not tell: "taken unknown" reads badly, but is never wrong."""

ANY_LANGUAGE = "any language"

_LANGUAGE_CODE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")

_FASTER = 1.05
"""A speed that is worth telling."""

_VERSION = 1
"""Counts the wordings of what `request` adds to a prompt: part of the digest, since they change the answer."""


def render(prompt: str, values: Mapping[str, str]) -> str:
    """The prompt with its variables filled in; `{{` and `}}` are braces.

    One pass: what a value brings is never looked at again, so a file named `{path}.jpg` stays text.
    """

    def fill(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        return values.get(match[1], match[0]) if match[1] is not None else match[0]

    return TOKEN.sub(fill, prompt)


def variables(facts: MediaFacts, context: FileContext, language: str | None) -> dict[str, str]:
    """The value of every prompt variable, on one line each."""
    path = _without_secrets(context.path)
    folder, _, filename = path.rstrip("/").rpartition("/")
    taken = facts.taken_at.replace("T", " ") if facts.taken_at else None
    placed = facts.latitude is not None and facts.longitude is not None
    found: dict[str, str | None] = {
        "kind": facts.kind.value,
        "filename": filename,
        "folder": folder.rpartition("/")[2],
        "path": path,
        "root": context.root,
        "date": taken,
        "camera": facts.camera,
        "gps": f"{facts.latitude:.5f}, {facts.longitude:.5f}" if placed else None,
        "width": str(facts.width) if facts.width > 0 else None,
        "height": str(facts.height) if facts.height > 0 else None,
        "duration": _seconds(facts.duration_seconds) if facts.duration_seconds is not None else None,
        "language": language or ANY_LANGUAGE,
    }
    return {name: _one_line(value or "") or UNKNOWN for name, value in found.items()}


def request(recipe: Recipe, *, model: str, encoded: Encoded, context: FileContext, after: str | None = None) -> Request:
    """The call for one file.

    Args:
        model: the endpoint's; the recipe's own goes before it.
        after: the code of the failure that the last attempt ended with: the same words would often bring the same
            answer again, so some have a sentence added.
    """
    values = variables(encoded.facts, context, recipe.language)
    instructions = [
        *_instructions(recipe),
        _frames(encoded),
        _fast(encoded),
        _page(encoded.facts),
        _damage(encoded.facts),
        _again(recipe, after),
    ]
    sections = [render(recipe.prompt, values), *instructions]
    return Request(
        model=recipe.model or model,
        system=render(recipe.system, values) if recipe.system else None,
        text="\n\n".join(section for section in sections if section),
        encoded=encoded,
        max_tokens=recipe.max_tokens,
        temperature=recipe.temperature,
        extra_body=dict(recipe.extra_body),
    )


def digest(recipe: Recipe, *, model: str, identity: str, shape: str) -> str:
    """SHA-256, in hex, of everything that can change the answer.

    Not of `max_tokens`: an answer that it cuts is refused, and a whole one stays the same when more is allowed, so
    raising it pays for nothing twice. Not of a file's name or date either: one content has one answer, whatever its
    copies are called.

    Args:
        model: the endpoint's; the recipe's own goes before it.
        identity: what of the endpoint can change an answer.
        shape: the settings of the encoder that can, as text.
    """
    asked = {
        "version": _VERSION,
        "prompt": recipe.prompt,
        "system": recipe.system or None,
        "language": recipe.language or None,
        "model": recipe.model or model,
        "temperature": recipe.temperature,
        "categories": recipe.categories,
        "fields": recipe.fields,
        "clean": recipe.clean,
        "extra_body": recipe.extra_body,
        "identity": identity,
        "shape": shape,
    }
    # default=str: TOML has dates, JSON has none.
    canonical = json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _instructions(recipe: Recipe) -> list[str]:
    """What the recipe's settings add to its prompt."""
    if recipe.fields:
        keys = list(dict.fromkeys([*recipe.fields, *(["category"] if recipe.categories else [])]))
        told = [f'"{key}"{_HINTS.get(key, "")}' for key in keys]
        lines = [f"Answer with one JSON object and nothing else. Its keys: {', '.join(told)}."]
        if recipe.categories:
            lines.append(f'"category" is exactly one of: {_listed(recipe.categories)}')
        return [*lines, *_language(recipe)]
    if recipe.categories:
        return [f"Answer with exactly one of these, spelled so, and nothing else: {_listed(recipe.categories)}"]
    return _language(recipe)


_HINTS = {"caption": " (one or two sentences)", "tags": " (a list of short strings)"}


def _listed(categories: list[str]) -> str:
    return "".join(f"\n- {_one_line(category)}" for category in categories)


def _language(recipe: Recipe) -> list[str]:
    """How to say the language; nothing, if the prompt itself does."""
    language = _one_line(recipe.language or "")
    if not language or "{language}" in recipe.prompt + (recipe.system or ""):
        return []
    if _LANGUAGE_CODE.fullmatch(language):
        return [f'Answer in the language with the code "{language}".']
    return [f"Answer in {language}."]


def _again(recipe: Recipe, after: str | None) -> str:
    """What a second attempt says more. No part of the digest: it asks for the same answer."""
    if after == WrongLanguage.code and recipe.language:
        return f"Write in {english_name(recipe.language) or _one_line(recipe.language)}, and in no other language."
    return {CutAnswer.code: "Answer more briefly.", LoopedAnswer.code: "Say each thing only once."}.get(after or "", "")


def _frames(encoded: Encoded) -> str:
    """Tells that pictures are frames, and of when: without it a model describes eight pictures."""
    times = [part.at_seconds for part in encoded.parts if isinstance(part, ImagePart) and part.at_seconds is not None]
    if not times:
        return ""
    whole = "video" if encoded.facts.kind is Kind.VIDEO else "animation"
    length = f" of {_seconds(encoded.facts.duration_seconds)}" if encoded.facts.duration_seconds else ""
    at = ", ".join(map(_seconds, times))
    if len(times) == 1:
        return f"This picture is a frame of one {whole}{length}, at {at}."
    return f"These {len(times)} pictures are frames of one {whole}{length}, at {at}."


def _fast(encoded: Encoded) -> str:
    """Tells that a video runs faster than what it shows: its own times are not those of the file."""
    part = encoded.parts[0] if encoded.parts and encoded.url is None else None
    if not isinstance(part, VideoPart) or part.speed <= _FASTER:
        return ""
    length = _seconds(encoded.facts.duration_seconds or part.seconds * part.speed)
    return (
        f"This video is a time lapse of one of {length}: it is {_seconds(part.seconds)} long, "
        f"and each second of it shows {_seconds(part.speed)}."
    )


def _page(facts: MediaFacts) -> str:
    """Tells that there is more than what is seen."""
    return f"This picture is page 1 of {facts.pages}." if facts.pages and facts.pages > 1 else ""


def _damage(facts: MediaFacts) -> str:
    """Tells that not all of it is seen."""
    if facts.readable_seconds is not None:
        return f"The file is damaged: only its first {_seconds(facts.readable_seconds)} could be read."
    return "The file is damaged: parts of it could not be read." if facts.damaged else ""


def _seconds(value: float) -> str:
    return f"{value:.1f} s"


def _one_line(value: str) -> str:
    """Printable text on one line: names may hold newlines, control characters and half a character."""
    return " ".join("".join(char if char.isprintable() else " " for char in value).split())


def _without_secrets(path: str) -> str:
    """A URL without its query and user, which may hold a key; a path as it is."""
    if not is_url(path):
        return path
    try:
        parts = urlsplit(path)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return path.partition("?")[0]
