"""An answer that repeats itself to its end is told from one that repeats a few words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.recipes.loops import LOOKED_AT, loop


@pytest.mark.parametrize(
    "unit", ["the ", "a cup, ", "A cat sleeps. ", "no no yes ", "红色的车，", "and then he walks on and on, "]
)
@pytest.mark.parametrize("before", ["", "A long day at the market, with all that belongs to it. "])
@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_what_is_repeated_often_is_a_loop_wherever_it_is_cut(unit: str, before: str, cut: int) -> None:
    text = before + unit * 40
    assert loop(text[: len(text) - cut]) is not None


@given(st.text("abcdefghijklmnopqrstuvwxyz ", min_size=1, max_size=60), st.integers(1, 2))
def test_twice_is_never_a_loop(unit: str, times: int) -> None:
    whole = " ".join(dict.fromkeys(unit.split()))
    assert loop(f"{whole}. " * times) is None or len(set(whole)) <= 2


@given(st.text(max_size=300))
def test_any_text_is_judged(text: str) -> None:
    assert loop(text) is None or loop(text) != ""


@pytest.mark.parametrize("unit", ["ab", "x y z abc ", "a", '"', "one two, three. "])
def test_the_longest_answer_is_judged_at_once(unit: str) -> None:
    text = unit * (LOOKED_AT // len(unit)) + "Q" + unit * LOOKED_AT + "!q"
    started = time.perf_counter()
    loop(text)
    assert time.perf_counter() - started < 1
