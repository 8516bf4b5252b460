"""What becomes of a sidecar that captiond did not write as it stands there: whose words are in it?

An edit keeps what tells of the answer's origin, and changes the words. A sidecar whose origin is none of ours comes from
another captiond: an archive that was moved, a database that was lost or restored.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from captiond.values import Ours, Reply, Source, Told, Usage

BY_HAND: Final = "human"
"""The model of a caption that a person wrote."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the file's recipe asks today. `by_model`: a model is asked, so what the built-in describer said is no answer."""

    recipe: str
    digest: str
    categories: Collection[str]
    by_model: bool


@dataclass(frozen=True, slots=True)
class Take:
    """Its words are the current caption from now on: `told`, under this recipe name."""

    told: Told
    recipe: str


@dataclass(frozen=True, slots=True)
class Stale:
    """It says nothing that is not known: it may be replaced."""


@dataclass(frozen=True, slots=True)
class Leave:
    """It is left alone; `reason` says why, and what to do."""

    reason: str


Verdict = Take | Stale | Leave


def judge(told: Told, *, sha256: str, ours: Sequence[Ours], asked: Asked, written_at: str) -> Verdict:
    """Whether the words of a sidecar are taken in.

    Args:
        told: what it says.
        sha256: of the file that it stands beside.
        ours: every caption of these bytes.
        asked: what the file's recipe asks.
        written_at: when it was changed, UTC ISO 8601: the date of a person's words.
    """
    if told.sha256 != sha256:
        return Leave("the sidecar is of other bytes than the file; remove it, and it is written anew")
    origin = next((one for one in reversed(ours) if _origin(one) == _origin(told)), None)
    if origin is not None:
        if origin.reply == told.reply:
            return Stale()
        # A person wrote it: that cost nothing, and no model said it.
        by_person = replace(
            told,
            reply=_agreeing(told.reply, origin.reply),
            source=Source.HUMAN,
            model=BY_HAND,
            created_at=written_at,
            usage=Usage(),
        )
        return Take(by_person, origin.recipe)
    if told.source is Source.HUMAN:
        return Take(told, asked.recipe)
    current = [one for one in ours if one.is_current and one.recipe == asked.recipe]
    if any(one.source is Source.HUMAN for one in current):
        return Leave("the sidecar is another captiond's, and a person has written the file's caption; remove it")
    if told.source is Source.BUILTIN and (asked.by_model or current or told.recipe_digest != asked.digest):
        return Stale()
    if any(one.source is Source.MODEL and one.created_at >= told.created_at for one in current):
        return Leave("the sidecar is another captiond's, and older than the file's caption; remove it")
    if told.recipe_digest != asked.digest and asked.categories and told.reply.category not in asked.categories:
        return Leave("the sidecar is another captiond's, and has none of the recipe's categories; remove it")
    return Take(told, asked.recipe)


def _origin(one: Ours | Told) -> tuple[Source, str, str, str]:
    return one.source, one.recipe_digest, one.model, one.created_at


def _agreeing(words: Reply, before: Reply) -> Reply:
    """A classifying recipe's caption is its category: who corrects one of them means both."""
    if before.caption != before.category:
        return words
    if words.category != before.category:
        return replace(words, caption=words.category or words.caption) if words.caption == before.caption else words
    return replace(words, category=words.caption)
