"""Whose words are in a sidecar that captiond did not write as it stands there, and what follows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from captiond.policy.sidecars import BY_HAND, Asked, Leave, Stale, Take, judge
from captiond.values import Kind, Ours, Reply, Source, Told, Usage

SHA, DIGEST, NOW = "a" * 64, "d" * 64, "2026-11-23T08:00:00Z"
WORDS = Reply("A red square.", None, ("red",), {}, "en")
ASKED = Asked("default", DIGEST, frozenset(), by_model=True)
CLASSES = Asked("default", DIGEST, frozenset({"shoe", "bag"}), by_model=True)


def told(words: Reply = WORDS, **changes: Any) -> Told:
    """A sidecar as captiond wrote it, but for `changes`."""
    plain = Told(
        sha256=SHA,
        kind=Kind.IMAGE,
        mime="image/jpeg",
        bytes=1000,
        width=64,
        height=48,
        duration_seconds=None,
        reply=words,
        source=Source.MODEL,
        recipe="default",
        recipe_digest=DIGEST,
        model="m",
        created_at="2026-11-22T10:35:00Z",
        usage=Usage(10, 5, 0.1),
    )
    return replace(plain, **changes)


def ours(words: Reply = WORDS, **changes: Any) -> Ours:
    """The caption that this sidecar is of, but for `changes`."""
    plain = Ours(1, words, Source.MODEL, "default", DIGEST, "m", "2026-11-22T10:35:00Z", True)
    return replace(plain, **changes)


def verdict(one: Told, *known: Ours, asked: Asked = ASKED) -> Any:
    """What is decided."""
    return judge(one, sha256=SHA, ours=known, asked=asked, written_at=NOW)


@pytest.mark.parametrize(
    "words",
    [
        replace(WORDS, caption="A red square on a table."),
        replace(WORDS, tags=("red", "square")),
        replace(WORDS, fields={"shape": "square"}),
        replace(WORDS, category="bag"),
        replace(WORDS, language=None),
    ],
)
def test_changed_words_under_our_own_origin_are_a_persons(words: Reply) -> None:
    found = verdict(told(words), ours())
    assert isinstance(found, Take)
    assert (found.told.reply, found.told.source, found.told.model) == (words, Source.HUMAN, BY_HAND)
    assert (found.told.created_at, found.told.usage) == (NOW, Usage())
    assert found.recipe == "default"


def test_an_edit_is_known_by_a_caption_of_the_history_too() -> None:
    now = ours(replace(WORDS, caption="Newer."), id=2, created_at="2026-11-22T12:00:00Z")
    assert isinstance(verdict(told(replace(WORDS, caption="By hand.")), ours(is_current=False), now), Take)


def test_what_a_person_wrote_can_be_written_anew() -> None:
    first = ours(source=Source.HUMAN, model=BY_HAND)
    again = told(replace(WORDS, caption="Better."), source=Source.HUMAN, model=BY_HAND)
    assert isinstance(verdict(again, first), Take)


@pytest.mark.parametrize("is_current", [True, False])
def test_our_own_words_in_another_form_are_stale(is_current: bool) -> None:
    assert verdict(told(), ours(is_current=is_current)) == Stale()


def test_of_a_classifying_recipe_caption_and_category_go_together() -> None:
    shoe = Reply("shoe", "shoe")
    for edited in (replace(shoe, caption="bag"), replace(shoe, category="bag"), Reply("bag", "bag")):
        assert verdict(told(edited), ours(shoe), asked=CLASSES).told.reply == Reply("bag", "bag")
    both = Reply("a bag", "bag")
    assert verdict(told(both), ours(shoe), asked=CLASSES).told.reply == both


@pytest.mark.parametrize("digest", [DIGEST, "e" * 64])
def test_another_captionds_caption_is_taken_in_as_it_is_whatever_was_asked(digest: str) -> None:
    other = told(recipe="holiday", recipe_digest=digest)
    assert verdict(other) == Take(other, "default")


def test_of_two_models_captions_the_newer_is_kept() -> None:
    newer = told(created_at="2026-11-22T11:00:00Z", model="other")
    older = told(created_at="2026-11-22T09:00:00Z", model="other")
    assert verdict(newer, ours()) == Take(newer, "default")
    assert isinstance(verdict(older, ours()), Leave)
    assert verdict(older, ours(source=Source.BUILTIN)) == Take(older, "default")


def test_a_persons_caption_is_replaced_by_a_person_alone() -> None:
    here = ours(source=Source.HUMAN, model=BY_HAND)
    assert isinstance(verdict(told(created_at="2027-01-01T00:00:00Z", model="other"), here), Leave)
    by_hand = told(source=Source.HUMAN, model=BY_HAND, created_at="2020-01-01T00:00:00Z")
    assert verdict(by_hand, here) == Take(by_hand, "default")


def test_the_built_in_describers_words_are_no_answer_where_a_model_is_asked() -> None:
    described = told(source=Source.BUILTIN, model="builtin/1")
    assert verdict(described) == Stale()
    without = replace(ASKED, by_model=False)
    assert verdict(described, asked=without) == Take(described, "default")
    assert verdict(replace(described, recipe_digest="e" * 64), asked=without) == Stale()


def test_a_classifying_recipe_takes_no_caption_without_one_of_its_categories() -> None:
    other = "e" * 64
    assert isinstance(verdict(told(recipe_digest=other), asked=CLASSES), Leave)
    assert isinstance(verdict(told(Reply("bag", "bag"), recipe_digest=other), asked=CLASSES), Take)
    assert isinstance(verdict(told(Reply("a hat", "hat")), asked=CLASSES), Take)
    by_hand = told(Reply("a hat", "hat"), source=Source.HUMAN, recipe_digest=other)
    assert isinstance(verdict(by_hand, asked=CLASSES), Take)


def test_a_sidecar_of_other_bytes_is_left_alone() -> None:
    for source in Source:
        assert isinstance(verdict(told(sha256="b" * 64, source=source), ours()), Leave)
